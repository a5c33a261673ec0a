"""The rows of throughput: what they sum up, and that they run."""

from dataclasses import replace

import pytest

from earwitness.bench import SIZES, throughput
from earwitness.core.errors import MissingExtraError
from earwitness.experiments.task import TaskResult


def told(worker, end, total):
    return TaskResult("", {}, seconds={"worker": worker, "end": end, "total": total, "floor": total / 2})


def test_waiting_is_counted_for_each_worker_from_its_own_first_clip():
    # called at 100; worker 1 works 103-105 and 105-108, worker 2 (up at 106) works 106-107, then waits until 108
    shift = throughput.shift_of([told(1, 105, 2), told(2, 107, 1), told(1, 108, 3)], 100)
    assert shift.start_up_s == 3
    assert shift.working_s == 5
    assert shift.waited == pytest.approx(1 - 6 / (5 + 2))
    assert shift.clips_per_minute == pytest.approx(60 * 3 / 5)
    assert shift.floor_s == 3


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(throughput, "METHODS", [{"name": "saliency"}])
    monkeypatch.setattr(throughput, "WORKERS", (1,))
    return replace(SIZES["quick"], sweep_clips=2)


def test_one_worker_on_synthetic_clips(small, monkeypatch):
    monkeypatch.setattr(throughput, "ENGINES", {"local": throughput.do_locally})
    (row,) = throughput.throughput_rows(small)
    assert "2 clips" in row.work
    assert row.figures["clips per minute"] == pytest.approx(120 / row.ours_s)
    assert 0 <= row.figures["scheduler's share"] < 1
    assert row.figures["times one local worker"] == 1
    assert row.floor_s > 0


def test_without_ray_its_row_says_so(small, monkeypatch):
    def missing(name, *, extra):
        raise MissingExtraError(name)

    monkeypatch.setattr(throughput, "require", missing)
    monkeypatch.setattr(throughput, "ENGINES", {"ray": throughput.do_on_ray})
    (row,) = throughput.throughput_rows(small)
    assert row.ours_s is None
    assert "not installed" in row.notes[0]
