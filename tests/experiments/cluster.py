"""A Ray cluster of two nodes with one core each."""

import warnings

import pytest

from tests.conftest import ROOT


@pytest.fixture
def cluster(monkeypatch):
    """The cluster, and its nodes."""
    import ray
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
