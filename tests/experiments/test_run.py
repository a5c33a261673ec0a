"""A run is killed, continued, refused and recorded, whatever it computes."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial

import pandas as pd
import pytest
import torch

import earwitness as ew
from earwitness.experiments.local import do_locally
from earwitness.experiments.run import estimate_s, run_experiment
from earwitness.experiments.store import Store, count_done, locked
from earwitness.experiments.task import Task, TaskResult, seed_of
from tests.conftest import ROOT
from tests.experiments.toy import Squares


def refuses(experiment, tasks):
    raise AssertionError(f"{len(tasks)} tasks were missing")


def same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        pd.testing.assert_frame_equal(one[name], other[name], check_exact=True)


def test_rows_come_in_the_order_of_the_tasks_with_their_types(tmp_path):
    finished = run_experiment(Squares(4), tmp_path)
    squares = finished.tables["squares"]
    assert squares["n"].tolist() == [0, 0, 1, -1, 2, -2, 3, -3]
    assert squares["square"].tolist() == [0.0, 0.0, 1.0, 1.0, 4.0, 4.0, 9.0, 9.0]
    assert [squares[name].dtype.kind for name in ("n", "square", "even")] == ["i", "f", "b"]
    assert squares["word"].tolist()[2:4] == ["1²", "1²"]
    assert squares["word"].isna().tolist()[:3] == [True, True, False]
    assert finished.tables["halves"].to_dict("list") == {"n": [0, 2], "half": [0, 1]}
    assert finished.failures.to_dict("list") == {"task": ["n-1", "n-3"], "part": ["half"] * 2, "error": ["odd"] * 2}
    assert (finished.total, finished.kept) == (8, 0)
    assert finished.seconds["total"] > 0


def test_a_table_without_rows_has_its_columns(tmp_path):
    halves = run_experiment(Squares(4), tmp_path, tasks=Squares(4).tasks()[1:2]).tables["halves"]
    assert (len(halves), list(halves), halves["half"].dtype.kind) == (0, ["n", "half"], "i")


def test_processes_give_the_same_rows_bit_for_bit(tmp_path):
    one = run_experiment(Squares(), tmp_path / "a")
    same(one.tables, run_experiment(Squares(), tmp_path / "b", engine=partial(do_locally, workers=2)).tables)


def test_a_finished_run_computes_nothing_again(tmp_path):
    first = run_experiment(Squares(), tmp_path)
    again = run_experiment(Squares(), tmp_path, engine=refuses)
    same(first.tables, again.tables)
    assert (again.total, again.kept) == (12, 12)


def test_some_tasks_are_joined_by_a_later_run(tmp_path):
    tasks = Squares().tasks()
    assert len(run_experiment(Squares(), tmp_path / "a", tasks=tasks[:2]).tables["squares"]) == 4
    assert count_done(tmp_path / "a", Squares()) == 2
    joined = run_experiment(Squares(), tmp_path / "a")
    assert joined.kept == 4
    same(joined.tables, run_experiment(Squares(), tmp_path / "b").tables)


def test_another_identity_in_the_same_folder_is_refused_and_named(tmp_path):
    run_experiment(Squares(2), tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(ew.ParameterError, match=r"another plan: numbers \(was 2, is 3\), seed \(was 0, is 7\) changed"):
        run_experiment(Squares(3, seed=7), tmp_path)
    with pytest.raises(ew.ParameterError, match=r'study \(was "squares", is "cubes"\) changed; use another --out'):
        run_experiment(Squares(2, name="cubes"), tmp_path)
    with pytest.raises(ew.ParameterError, match="seed"):
        count_done(tmp_path, Squares(2, seed=1))
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("left", ["plan.json", "settings.json", "parts/one.csv", "esc10-mel, dog over hum, 0.json"])
def test_a_folder_of_an_earlier_kind_is_refused(tmp_path, left):
    (tmp_path / "out" / left).parent.mkdir(parents=True)
    (tmp_path / "out" / left).write_text("{}")
    for refused in (run_experiment, lambda experiment, folder: count_done(folder, experiment)):
        with pytest.raises(ew.ParameterError, match=r"holds a run of an earlier earwitness .* use another --out"):
            refused(Squares(), tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [left.split("/")[0]]


RUN = """
import sys
from pathlib import Path
from earwitness.experiments.run import run_experiment
from tests.experiments.toy import Squares

run_experiment(Squares(40, pause_s=float(sys.argv[2])), Path(sys.argv[1]))
"""


def start(out, wanted, pause_s=0.1):
    """Another process at work there, once it has so many tasks."""
    command = [sys.executable, "-c", RUN, str(out), str(pause_s)]
    run = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    last = time.monotonic() + 60
    while len(list(out.glob("tasks/*.parquet"))) < wanted and time.monotonic() < last and run.poll() is None:
        time.sleep(0.02)
    return run


def test_a_run_killed_with_kill_9_goes_on_and_ends_with_the_same_rows(tmp_path):
    out = tmp_path / "killed"
    run = start(out, 4)
    run.kill()
    assert run.wait() == -signal.SIGKILL
    run.stderr.close()
    there = {path: path.read_bytes() for path in out.glob("tasks/*.parquet")}
    assert 4 <= len(there) < 40
    (out / "tasks" / ".writing-left.parquet").write_bytes(b"half")
    finished = run_experiment(Squares(40), out)
    same(finished.tables, run_experiment(Squares(40), tmp_path / "whole").tables)
    assert all(path.read_bytes() == content for path, content in there.items())
    assert finished.kept == 2 * len(there)
    assert list(out.rglob(".writing-*")) == []


def test_a_second_process_in_the_folder_is_refused_until_the_first_is_gone(tmp_path):
    first = start(tmp_path, 1, pause_s=3.0)  # long enough for the second to come, however busy the machine is
    second = start(tmp_path, 1000)
    assert second.wait() == 1
    assert "another run is at work there; wait for it, or use another --out" in second.stderr.read()
    assert first.poll() is None
    first.kill()
    first.wait()
    for run in (first, second):
        run.stderr.close()
    with locked(tmp_path):
        pass


def test_a_task_that_fails_is_recorded_the_others_go_on_and_it_is_tried_again(tmp_path):
    finished = run_experiment(Squares(4, bad=(2,)), tmp_path)
    assert "2 is bad" in finished.failures.set_index("task").loc["n-2", "error"]
    assert finished.tables["squares"]["n"].tolist() == [0, 0, 1, -1, 3, -3]
    again = run_experiment(Squares(4), tmp_path)
    assert again.kept == 6
    same(again.tables, run_experiment(Squares(4), tmp_path / "other").tables)
    assert "n-2" not in set(again.failures["task"])
    with pytest.raises(ew.EarwitnessError, match="nothing could be done; the first of 2 errors: 0 is bad"):
        run_experiment(Squares(2, bad=(0, 1)), tmp_path / "all")


def test_a_full_disk_leaves_nothing_half_written(tmp_path, monkeypatch):
    import pyarrow.parquet as pq

    write, calls = pq.write_table, []

    def fails_in_the_second(table, path, **settings):
        calls.append(path)
        if len(calls) == 2:
            path.write_bytes(b"PAR1 half of it")
            raise OSError(28, "No space left on device")
        write(table, path, **settings)

    monkeypatch.setattr(pq, "write_table", fails_in_the_second)
    with pytest.raises(OSError, match="No space left"):
        run_experiment(Squares(), tmp_path)
    assert [path.name for path in (tmp_path / "tasks").iterdir()] == ["n-0.parquet"]
    assert len(run_experiment(Squares(), tmp_path).tables["squares"]) == 12


def test_damaged_rows_are_named(tmp_path):
    run_experiment(Squares(1), tmp_path)
    (tmp_path / "tasks" / "n-0.parquet").write_bytes(b"PAR1")
    with pytest.raises(ew.EarwitnessError, match=r"n-0.parquet: damaged .*delete it and run again"):
        run_experiment(Squares(1), tmp_path)
    (tmp_path / "identity.json").write_text("[1]")
    with pytest.raises(ew.ParameterError, match="not the identity of a run"):
        run_experiment(Squares(1), tmp_path)


def test_rows_of_another_identity_are_not_taken(tmp_path):
    run_experiment(Squares(1), tmp_path / "a")
    run_experiment(Squares(1, seed=1), tmp_path / "b")
    (tmp_path / "a" / "tasks" / "n-0.parquet").replace(tmp_path / "b" / "tasks" / "n-0.parquet")
    with pytest.raises(ew.EarwitnessError, match="rows of another plan"):
        run_experiment(Squares(1, seed=1), tmp_path / "b")


def test_what_is_kept_beside_the_rows_comes_back(tmp_path):
    finished = run_experiment(Squares(4), tmp_path, arrays=["n-3", "n-2"])
    assert {key: kept["powers"].tolist() for key, kept in finished.arrays.items()} == {"n-3": [1, 3, 9],
                                                                                       "n-2": [1, 2, 4]}


def test_undeclared_columns_and_tasks_of_one_name_are_refused(tmp_path):
    store = Store(tmp_path, "hash", Squares().columns)
    with pytest.raises(AssertionError, match="squares has no columns"):
        store.write(TaskResult("x", {"squares": [{"cube": 1}]}))
    for tasks in ([Task("a", {}), Task("a", {})], [Task("a/b", {})]):
        with pytest.raises(ew.EarwitnessError, match="each once: rename"):
            run_experiment(Squares(), tmp_path, tasks=tasks)


def test_turns_come_first_and_the_pace_ends_at_all(tmp_path):
    paces, order = [], []

    def engine(experiment, tasks):
        order.extend(task.key for task in tasks)
        return do_locally(experiment, tasks)

    run_experiment(Squares(4), tmp_path, engine=engine, on_pace=paces.append)
    assert order == ["n-0", "n-2", "n-1", "n-3"]
    assert [(pace.done, pace.total) for pace in paces] == [(0, 8), (2, 8), (4, 8), (6, 8), (8, 8)]
    assert (paces[0].left_s, paces[-1].left_s) == (None, 0)
    assert paces[-1].per_minute > 0


def test_threads_stay_as_they_were_and_a_task_has_one(tmp_path):
    class Counting(Squares):
        def make_worker(self):
            return lambda task: TaskResult(task.key, {"halves": [{"n": 0, "half": torch.get_num_threads()}]})

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert set(run_experiment(Counting(2), tmp_path).tables["halves"]["half"]) == {1}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_an_estimate_measures_one_task_and_says_why_it_cannot():
    slow = Squares(4, pause_s=0.05)
    assert 0.2 <= estimate_s(slow, slow.tasks()) < 2
    with pytest.raises(ew.EarwitnessError, match="the first task fails: 0 is bad"):
        estimate_s(replace(slow, bad=(0,)), slow.tasks())


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_a_worker_that_is_killed_is_told_in_one_sentence(tmp_path, sign):
    """Workers do not hear Ctrl+C themselves; one that dies ends the run, and what is finished is kept."""
    def engine(experiment, tasks):
        for count, result in enumerate(do_locally(experiment, tasks, workers=2)):
            yield result
            if count == 1:
                pid = next(int(path.name.split("_")[1]) for path in tmp_path.glob("n-*_*") if
                           int(path.name.split("_")[1]) != os.getpid())
                os.kill(pid, sign)

    slow = Squares(8, pause_s=0.1, starts=tmp_path)
    if sign == signal.SIGINT:
        assert run_experiment(slow, tmp_path / "out", engine=engine).total == 16
        return
    with pytest.raises(ew.EarwitnessError, match="a worker died"):
        run_experiment(slow, tmp_path / "out", engine=engine)
    assert count_done(tmp_path / "out", slow) >= 2


def test_seeds_depend_on_words_alone():
    assert seed_of(0, "a") == seed_of(0, "a") != seed_of(0, "b")
    assert 0 <= seed_of("ü", 3) < 2**32


def test_the_identity_is_written_once_and_readable(tmp_path):
    run_experiment(Squares(1), tmp_path)
    identity = json.loads((tmp_path / "identity.json").read_text())
    assert identity == {"study": "squares", "earwitness": ew.__version__, "format": 1,
                        "plan": {"numbers": 1, "seed": 0}}
