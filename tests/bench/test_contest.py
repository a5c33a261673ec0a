"""Turns, medians, memory, and peers that are missing or fail."""

import sys
import time

import numpy as np
import pytest

from earwitness.bench import SIZES
from earwitness.bench.contest import Rival, compete
from earwitness.bench.peers import peer, relax_xai
from earwitness.bench.timing import Timing, interleaved
from earwitness.core.errors import MissingExtraError

SETUP = SIZES["quick"]


def test_works_take_turns():
    seen = []
    interleaved({"a": lambda: seen.append("a"), "b": lambda: seen.append("b")}, repeats=3)
    assert seen == ["a", "b"] * 3


def test_warming_up_is_not_timed():
    seen = []
    timings = interleaved({"a": lambda: seen.append("a")}, repeats=2, warm_up=True)
    assert seen == ["a"] * 3
    assert len(timings["a"].runs_s) == 2


def test_the_median_ignores_one_slow_run():
    assert Timing((1.0, 50.0, 2.0)).median_s == 2.0
    assert Timing((1.0, 2.0)).median_s == 1.5


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_is_the_peak_of_the_first_run():
    timings = interleaved({"large": lambda: float(np.ones(50 * 2**17).sum()), "none": lambda: 3}, repeats=2)
    assert timings["large"].added_mib == pytest.approx(50, abs=5)
    assert timings["none"].added_mib < 5
    assert timings["none"].result == 3


def test_processor_time_leaves_out_waiting():
    timing = interleaved({"wait": lambda: time.sleep(0.05)}, repeats=1)["wait"]
    assert timing.runs_s[0] >= 0.05
    assert timing.processor_s[0] < 0.04


def test_a_missing_peer_is_reported_and_the_others_run(monkeypatch):
    monkeypatch.setitem(sys.modules, "captum", None)
    rivals = [Rival("captum", lambda: peer("captum")), Rival("by hand", lambda: lambda: 1, package=False, scale=10.0,
                                                             note="a tenth of it")]
    contest = compete(lambda: 1, lambda: 2, rivals, SETUP, repeats=1)
    missing, found = contest.peers
    assert missing.seconds is None
    assert missing.note == "not installed: pip install 'earwitness[peers]'"
    assert (found.note, found.version) == ("a tenth of it", "")
    assert found.seconds > 0


def test_scaled_seconds(monkeypatch):
    from earwitness.bench import contest as module

    timing = Timing((2.0, 4.0, 3.0), (6.0, 8.0, 7.0))
    monkeypatch.setattr(module, "interleaved", lambda works, **_: dict.fromkeys(works, timing))
    found = compete(lambda: 1, lambda: 2, [Rival("by hand", lambda: lambda: 1, package=False, scale=35.0)], SETUP)
    assert found.peers[0].seconds == 105.0
    assert found.ours.median_s == found.floor.median_s == 3.0
    assert found.cost_notes[1] == "processor time: ours 7 s, floor 7 s, ratio 1.00"


def test_a_failing_peer_is_reported():
    def fail():
        raise ValueError("no such thing\nand more")

    contest = compete(lambda: 1, lambda: 2, [Rival("theirs", lambda: fail, package=False)], SETUP)
    assert contest.peers[0].note == "failed: ValueError: no such thing"
    assert contest.peers[0].seconds is None


def test_ours_may_not_fail_silently():
    with pytest.raises(ZeroDivisionError):
        compete(lambda: 1 / 0, lambda: 2, [], SETUP)


def test_relax_xai_leaves_no_stand_in_behind():
    before = {name for name in sys.modules if name.startswith("relax_xai")}
    try:
        assert hasattr(relax_xai(), "RELAX")
    except MissingExtraError:
        pytest.skip("relax_xai is not installed: pip install 'earwitness[peers]'")
    assert {name for name in sys.modules if name.startswith("relax_xai")} == before


def test_relax_xai_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "relax_xai", None)
    with pytest.raises(MissingExtraError, match="peers"):
        relax_xai()
