import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import earwitness as ew
from earwitness.experiments.local import do_locally
from earwitness.experiments.task import seed_of
from earwitness.studies.pak2025.estimate import estimate
from earwitness.studies.pak2025.inputs import read_inputs
from earwitness.studies.pak2025.plan import make_plan
from earwitness.studies.pak2025.run import explain_clips
from tests.conftest import ROOT
from tests.studies.pak2025.made_data import PLAN, make_data

CLIPS = 16  # four clips: mel in three scenarios, stft in one


def test_every_clip_scenario_method_and_mask_has_a_row(prepared, tmp_path):
    done = explain_clips(prepared(), tmp_path)
    assert done.total == CLIPS
    assert len(done.tables["rows"]) == CLIPS * 3 * 3
    assert not len(done.failures)
    places = done.tables["rows"].groupby(["front_end", "scenario"], sort=False).size()
    assert list(places.index) == [("mel", "clean"), ("mel", "white"), ("mel", "hum"), ("stft", "clean")]
    assert done.tables["rows"]["mask"].tolist()[:6] == ["bin", "topK_50_pos", "minmax"] * 2
    assert done.tables["rows"]["FF"].notna().all()
    assert (done.tables["rows"]["degenerate"] == done.tables["rows"]["SPS"].isna()).all()


def test_a_row_says_what_explain_and_measure_say(prepared, made, tmp_path):
    rows = explain_clips(prepared(), tmp_path).tables["rows"]
    model = ew.load_model(made / "stft")
    clip = ew.load(made / "data" / "audio" / "5-1-A-1.wav")
    seed = seed_of(0, "5-1-A-1.wav", "clean", "lime")
    found = ew.explain(model, clip, "lime", seed=seed, n_samples=20, components="temporal", fill="silence")
    mask = ew.masks.make(found, "minmax")
    expected, _ = ew.metrics.measure(model, model.features(clip), mask, model.class_index(found.target))
    (row,) = rows[(rows["front_end"] == "stft") & (rows["clip"] == "5-1-A-1.wav") & (rows["method"] == "lime")
                  & (rows["mask"] == "minmax")].to_dict("records")
    for name, value in expected.as_dict().items():
        assert row[name] == pytest.approx(value, abs=1e-5, nan_ok=True), name
    heard = ew.listen(model, clip, mask)
    assert row["SISDR"] == pytest.approx(float(ew.metrics.si_sdr(heard.original, heard.kept)), abs=0.01)


def test_shards_of_another_size_give_the_same_rows(prepared, tmp_path):
    one = explain_clips(prepared(), tmp_path / "a").tables["rows"]
    other = explain_clips(prepared(shard_size=3), tmp_path / "b").tables["rows"]
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_processes_give_the_same_rows_bit_for_bit(prepared, tmp_path):
    one = explain_clips(prepared(), tmp_path / "a").tables["rows"]
    other = explain_clips(prepared(), tmp_path / "b",
                            engine=partial(do_locally, workers=2)).tables["rows"]
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_threads_and_random_state_stay_as_they_were(prepared, tmp_path):
    threads, state = torch.get_num_threads(), torch.random.get_rng_state()
    explain_clips(prepared(limit=1), tmp_path)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.random.get_rng_state(), state)


RUN = """
import sys, time
from pathlib import Path
from earwitness.experiments.local import do_locally
from earwitness.experiments.task import seed_of
from earwitness.studies.pak2025.estimate import estimate
from earwitness.studies.pak2025.inputs import read_inputs
from earwitness.studies.pak2025.plan import make_plan
from earwitness.studies.pak2025.run import explain_clips
from earwitness.experiments.store import Store
from tests.studies.pak2025.made_data import PLAN

made, out = Path(sys.argv[1]), Path(sys.argv[2])
write = Store.write
def slowly(self, result):
    write(self, result)
    time.sleep(0.2)
Store.write = slowly
plan = make_plan({"models": [str(made / "mel"), str(made / "stft")], **PLAN, "shard_size": 1})
explain_clips(read_inputs(plan, made / "data", noises=made / "noises"), out)
"""


def test_a_run_killed_with_kill_9_goes_on_and_ends_with_the_same_rows(prepared, made, tmp_path):
    whole = explain_clips(prepared(shard_size=1), tmp_path / "whole").tables["rows"]
    out = tmp_path / "killed"
    for wanted in (3, 8):
        run = subprocess.Popen([sys.executable, "-c", RUN, str(made), str(out)], cwd=ROOT)
        last = time.monotonic() + 60
        while len(list(out.glob("tasks/*.parquet"))) < wanted and time.monotonic() < last:
            time.sleep(0.02)
        run.kill()
        assert run.wait() == -9
    there = {path: path.read_bytes() for path in out.glob("tasks/*.parquet")}
    assert 8 <= len(there) < CLIPS
    (out / "tasks" / ".writing-left.parquet").write_bytes(b"half")
    done = explain_clips(prepared(shard_size=1), out)
    pd.testing.assert_frame_equal(done.tables["rows"], whole, check_exact=True)
    assert all(path.read_bytes() == content for path, content in there.items())
    assert done.kept == len(there)
    assert list(out.rglob(".writing-*")) == []


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_processes_end_with_the_run_however_it_ends(made, tmp_path, sign):
    words = ["study", "pak2025", "--data", str(made / "data"), "--noises", str(made / "noises"), "--workers", "2",
             "--plan", str(tmp_path / "plan.yaml"), "--out", str(tmp_path / "out")]
    plan = {"models": [str(made / "mel")], **PLAN, "shard_size": 1,
            "methods": [{"name": "lime", "settings": {"n_samples": 1_000_000}}]}
    (tmp_path / "plan.yaml").write_text(json.dumps(plan))
    run = subprocess.Popen([sys.executable, "-m", "earwitness", *words], stderr=subprocess.PIPE, text=True,
                           start_new_session=True)
    last = time.monotonic() + 120
    while len(members(run.pid)) < 4 and time.monotonic() < last:  # the run, a tracker of resources, two workers
        time.sleep(0.1)
    time.sleep(1)
    os.killpg(run.pid, sign) if sign == signal.SIGINT else run.kill()
    _, err = run.communicate(timeout=90)
    if sign == signal.SIGINT:
        assert (run.returncode, err.strip()) == (1, "interrupted")
    while members(run.pid) and time.monotonic() < last:
        time.sleep(0.1)
    assert members(run.pid) == []


def members(session):
    """Numbers of the processes of a session that are alive."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, _, own = stat.read_text().rpartition(")")[2].split()[:4]
            if int(own) == session and state != "Z":
                found.append(int(stat.parent.name))
    return found


def test_a_clip_that_fails_is_recorded_and_the_others_go_on(made, tmp_path):
    data = make_data(tmp_path / "data")
    (data / "audio" / "5-0-A-1.wav").write_bytes(b"no sound")
    plan = make_plan({"models": [str(made / "mel")], **json.loads(json.dumps(PLAN_OF_ONE))})
    done = explain_clips(read_inputs(plan, data), tmp_path / "out")
    assert done.failures["clip"].tolist() == ["5-0-A-1.wav"]
    assert "not a sound file" in done.failures["error"].iloc[0]
    assert done.tables["rows"]["clip"].nunique() == 3


PLAN_OF_ONE = {"clip_s": 0.5, "scenarios": [{"name": "clean"}], "methods": [{"name": "saliency"}], "masks": ["bin"]}


def test_a_method_that_fails_is_recorded_and_the_others_go_on(made, tmp_path):
    methods = [{"name": "saliency"}, {"name": "gradcam", "settings": {"layer": "none such"}}]
    plan = make_plan({"models": [str(made / "mel")], **PLAN_OF_ONE, "methods": methods})
    done = explain_clips(read_inputs(plan, made / "data"), tmp_path / "a")
    assert set(done.tables["rows"]["method"]) == {"saliency"}
    assert set(done.failures["method"]) == {"gradcam"}
    only = make_plan({"models": [str(made / "mel")], **PLAN_OF_ONE, "methods": methods[1:]})
    with pytest.raises(ew.EarwitnessError, match="nothing could be done; the first of 4 errors"):
        explain_clips(read_inputs(only, made / "data"), tmp_path / "b")


def test_attributions_are_kept_on_demand(prepared, made, tmp_path):
    explain_clips(prepared(limit=1, attributions=True), tmp_path)
    with np.load(tmp_path / "arrays" / "00003.npz") as kept:
        assert set(kept) == {f"5-0-A-0.wav/{name}" for name in ("saliency", "lime", "deep_shap")}
        own = ew.explain(ew.load_model(made / "stft"), ew.load(made / "data" / "audio" / "5-0-A-0.wav"), "saliency")
        assert kept["5-0-A-0.wav/saliency"] == pytest.approx(own.values.numpy(), rel=2e-3, abs=1e-6)


def test_the_pace_ends_at_all_clips(prepared, tmp_path):
    paces = []
    explain_clips(prepared(), tmp_path, on_pace=paces.append)
    assert [pace.done for pace in paces] == [0, 2, 4, 6, 8, 10, 12, 14, 16]
    assert paces[0].left_s is None
    assert paces[-1].left_s == 0
    assert paces[-1].per_minute > 0


def test_the_estimate_counts_the_passes_of_the_run(prepared, tmp_path):
    plan = prepared()
    costs = estimate(plan)
    rows = explain_clips(plan, tmp_path).tables["rows"]
    each = rows.drop_duplicates(["model", "scenario", "clip", "method"])
    assert sum(cost.backward for cost in costs) == each["backward"].sum()
    assert sum(cost.clips for cost in costs) == CLIPS
    # 29 in the published plan: the original, and kept and removed by every mask; one more to find the class
    measuring = CLIPS * (1 + 3 * (1 + 2 * 3))
    assert sum(cost.forward for cost in costs) == pytest.approx(each["forward"].sum() + measuring, rel=0.1)
    assert all(cost.work_s > 0 for cost in costs)
