import csv

import pytest

from earwitness.core.errors import DataError
from earwitness.datasets import esc50

ROWS = [("1-1-A-0.wav", 1, 0, "dog"), ("2-2-A-40.wav", 2, 40, "helicopter"), ("2-3-A-10.wav", 2, 10, "rain")]


def write(folder, rows=ROWS, columns=esc50.COLUMNS, files=None):
    (folder / "meta").mkdir()
    (folder / "audio").mkdir()
    with (folder / "meta" / "esc50.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
    for name in [row[0] for row in rows] if files is None else files:
        (folder / "audio" / name).write_bytes(b"")
    return folder


def test_labels_are_sorted_by_target_and_targets_have_no_gaps(tmp_path):
    data = esc50.read_esc50(write(tmp_path))
    assert data.labels == ("dog", "rain", "helicopter")
    assert [(r.path.name, r.fold, r.label, r.target) for r in data.recordings] == [
        ("1-1-A-0.wav", 1, "dog", 0), ("2-2-A-40.wav", 2, "helicopter", 2), ("2-3-A-10.wav", 2, "rain", 1)]


def test_folds_select_clips_in_the_order_of_the_table(tmp_path):
    data = esc50.read_esc50(write(tmp_path))
    assert data.folds == (1, 2)
    assert [r.label for r in data.of_folds((2,))] == ["helicopter", "rain"]


@pytest.mark.parametrize("folds", [(3,), (), (1, 7)])
def test_folds_that_do_not_exist_are_refused(tmp_path, folds):
    data = esc50.read_esc50(write(tmp_path))
    with pytest.raises(DataError, match=r"expected one or more of \[1, 2\]"):
        data.of_folds(folds)


def test_more_columns_are_welcome(tmp_path):
    rows = [(*row, "True") for row in ROWS]
    assert len(esc50.read_esc50(write(tmp_path, rows, columns=(*esc50.COLUMNS, "esc10"))).recordings) == 3


def test_missing_table(tmp_path):
    with pytest.raises(DataError, match=r"esc50\.csv: no such file; expected ESC-50's layout"):
        esc50.read_esc50(tmp_path)


def test_missing_column(tmp_path):
    with pytest.raises(DataError, match=r"expected also \['fold', 'category'\]"):
        esc50.read_esc50(write(tmp_path, [("a.wav", 0)], columns=("filename", "target")))


def test_missing_files_are_counted_and_the_first_is_named(tmp_path):
    with pytest.raises(DataError, match=r"2 of 3 sound files are missing.*2-2-A-40\.wav"):
        esc50.read_esc50(write(tmp_path, files=["1-1-A-0.wav"]))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "no rows after the header"),
        ([("a.wav", "one", 0, "dog")], "line 2: fold is 'one'; expected a whole number"),
        ([("a.wav", 1, "", "dog")], "line 2: target is empty"),
        ([("a.wav", 1, 0, "dog"), ("b.wav", 1, 0, "cat")], "line 3: target 0 is 'cat' here and 'dog' above"),
        ([("a.wav", 1, 0, "dog"), ("b.wav", 1, 1, "dog")], "have several targets"),
        ([("a.wav", 1, 0, "dog"), ("a.wav", 2, 0, "dog")], "is also in line 2"),
        ([("a.wav", 1, 0, "dog"), ("./a.wav", 2, 0, "dog")], "./a.wav is also in line 2"),
        ([("../a.wav", 1, 0, "dog")], "expected a file inside audio/"),
        ([("a.wav", 1)], "target, category is empty"),
    ],
)
def test_tables_that_contradict_themselves_are_refused(tmp_path, rows, message):
    with pytest.raises(DataError, match=message):
        esc50.read_esc50(write(tmp_path, rows, files=[]))


def test_a_table_that_is_not_text_is_refused(tmp_path):
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "esc50.csv").write_bytes(b"filename,fold,target,category\n\xff\xfe,1,0,dog\n")
    with pytest.raises(DataError, match="not a CSV table in UTF-8"):
        esc50.read_esc50(tmp_path)


def test_the_real_esc10(shared_data):
    data = esc50.read_esc50(shared_data / "esc10")
    assert len(data.recordings) == 400
    assert data.folds == (1, 2, 3, 4, 5)
    assert data.labels == ("dog", "rooster", "rain", "sea_waves", "crackling_fire", "crying_baby", "sneezing",
                           "clock_tick", "helicopter", "chainsaw")
