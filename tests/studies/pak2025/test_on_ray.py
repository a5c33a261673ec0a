"""The same rows on a cluster of two nodes, also when one of them dies."""

import threading
import time
from dataclasses import fields
from pathlib import Path

import pandas as pd
import pytest

from earwitness.experiments.ray import do_on_ray
from earwitness.studies.pak2025.inputs import StudyInputs
from earwitness.studies.pak2025.run import explain_clips
from earwitness.studies.pak2025.worker import Worker
from tests.experiments.cluster import cluster  # noqa: F401

ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'earwitness[ray]'")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


class SlowWorker(Worker):
    def __call__(self, task):
        starts = Path(self.job.data).parent / "starts"
        starts.mkdir(exist_ok=True)
        (starts / f"{task.key}-{time.time_ns()}").touch()
        time.sleep(0.8)
        return super().__call__(task)


class SlowInputs(StudyInputs):
    def make_worker(self):
        return SlowWorker(self.job)


def test_a_node_that_dies_in_the_middle_loses_nothing_and_doubles_nothing(prepared, made, cluster, tmp_path):  # noqa: F811
    started, nodes = cluster
    inputs = prepared(shard_size=1)
    whole = explain_clips(inputs, tmp_path / "local").tables["rows"]
    slow = SlowInputs(**{each.name: getattr(inputs, each.name) for each in fields(inputs)})
    seen = []

    def engine(experiment, tasks):
        for result in do_on_ray(experiment, tasks):
            seen.append(result.key)
            if len(seen) == 4:
                assert len(ray.nodes()) == 3
                loss.start()  # a little later, when the worker that has just finished is at work again, too
            yield result
        loss.join()

    loss = threading.Timer(0.4, started.remove_node, args=(nodes[0],), kwargs={"allow_graceful": False})
    done = explain_clips(slow, tmp_path / "ray", engine=engine)
    pd.testing.assert_frame_equal(done.tables["rows"], whole, check_exact=True)
    assert sorted(seen) == [f"{index:05d}" for index in range(16)]
    starts = [path.name.split("-")[0] for path in (made / "starts").iterdir()]
    assert set(starts) == set(seen)
    assert len(starts) > 16  # what the lost node was doing was done again
