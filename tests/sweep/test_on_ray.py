"""The same rows on a cluster of two nodes, also when one of them dies."""

import sys
import time
import warnings

import pandas as pd
import pytest

import earwitness as ew
from earwitness import sweep
from tests.conftest import ROOT

ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'earwitness[ray]'")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


class SlowWorker(sweep.Worker):
    def do(self, shard):
        starts = self.job.data.parent / "starts"
        starts.mkdir(exist_ok=True)
        (starts / f"{shard.index}-{time.time_ns()}").touch()
        time.sleep(0.4)
        return super().do(shard)


@pytest.fixture
def cluster(monkeypatch):
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{ROOT / 'src'}")
    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        started = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": 80_000_000})
        nodes = [started.add_node(num_cpus=1, object_store_memory=80_000_000) for _ in range(2)]
        ray.init(address=started.address, log_to_driver=False, logging_level="ERROR")
        started.wait_for_nodes()
        yield started, nodes
        ray.shutdown()
        started.shutdown()


def test_a_node_that_dies_in_the_middle_loses_nothing_and_doubles_nothing(prepared, made, cluster, tmp_path):
    started, nodes = cluster
    whole = sweep.run_sweep(prepared(shard_size=1), tmp_path / "local").rows
    seen = []

    def engine(job, shards):
        for result in sweep.do_on_ray(job, shards, make_worker=SlowWorker):
            seen.append(result.index)
            if len(seen) == 4:
                assert len(ray.nodes()) == 3
                started.remove_node(nodes[0], allow_graceful=False)
            yield result

    done = sweep.run_sweep(prepared(shard_size=1), tmp_path / "ray", engine=engine)
    pd.testing.assert_frame_equal(done.rows, whole, check_exact=True)
    assert sorted(seen) == list(range(16))
    starts = [int(path.name.split("-")[0]) for path in (made / "starts").iterdir()]
    assert set(starts) == set(range(16))
    assert len(starts) > 16  # what the lost node was doing was done again


def test_without_ray_there_is_a_hint(prepared, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    plan = prepared(limit=1)
    with pytest.raises(ew.MissingExtraError, match=r"pip install 'earwitness\[ray\]'"):
        list(sweep.do_on_ray(plan.job, plan.shards))


def test_a_cluster_that_is_not_there_is_one_line(prepared):
    plan = prepared(limit=1)
    with pytest.raises(ew.EarwitnessError, match="no Ray cluster can be joined"):
        list(sweep.do_on_ray(plan.job, plan.shards, address="127.0.0.1:1"))
