"""earwitness bench."""

import json

import pytest

from earwitness.bench import BenchRow, rows
from earwitness.cli import main


@pytest.fixture(autouse=True)
def quick_rows(monkeypatch):
    for name in rows.ROWS:
        monkeypatch.setitem(rows.ROWS, name, lambda setup, own=name: BenchRow(f"{own} {setup.repeats}", 2.0, 1.0))


def run(capsys, *words):
    code = main(["bench", *map(str, words)])
    out = capsys.readouterr()
    return code, out.out, out.err


def test_prints_and_writes_the_table(capsys, tmp_path):
    code, out, err = run(capsys, "--quick", "--only", "relax", "--only", "lime", "--out", tmp_path / "b.md")
    assert (code, err) == (0, "")
    assert out.count("| relax 1 | 2 |") == out.count("| lime 1 | 2 |") == 1
    assert (tmp_path / "b.md").read_text().split() == out.split()
    code, _, _ = run(capsys, "--repeats", "2", "--out", tmp_path / "b.json")
    assert code == 0
    plain = json.loads((tmp_path / "b.json").read_text())
    assert [row["work"] for row in plain["rows"]] == [f"{name} 2" for name in rows.ROWS]


@pytest.mark.parametrize("words", [
    ["--only", "nonsense"], ["--out", "missing/b.md"], ["--out", "b.txt"], ["--device", "tpu"], ["--repeats", "0"],
])
def test_bad_words_are_one_line(capsys, words):
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_a_row_that_failed_is_in_the_table_and_in_the_exit_code(capsys, monkeypatch):
    monkeypatch.setitem(rows.ROWS, "relax", lambda _setup: 1 / 0)
    code, out, err = run(capsys, "--only", "relax", "--only", "lime")
    assert code == 2
    assert "| failed |" in out
    assert "ZeroDivisionError" in out
    assert err == "error: 1 of 2 rows could not be measured: relax\n"
