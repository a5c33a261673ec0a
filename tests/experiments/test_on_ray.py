"""The toy on a cluster: the same rows, also when a node dies; and what is said where there is none."""

import sys
import threading

import pandas as pd
import pytest

import earwitness as ew
from earwitness.experiments.ray import do_on_ray
from earwitness.experiments.run import run_experiment
from tests.experiments.cluster import cluster  # noqa: F401
from tests.experiments.toy import Squares


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_node_that_dies_in_the_middle_loses_nothing_and_doubles_nothing(cluster, tmp_path):  # noqa: F811
    started, nodes = cluster
    starts, seen = tmp_path / "starts", []
    starts.mkdir()

    def engine(experiment, tasks):
        for result in do_on_ray(experiment, tasks):
            seen.append(result.key)
            if len(seen) == 4:  # a little later, when the worker that has just finished is at work again, too
                loss.start()
            yield result
        loss.join()

    loss = threading.Timer(0.5, started.remove_node, args=(nodes[0],), kwargs={"allow_graceful": False})
    toy = Squares(12, pause_s=1.0, starts=starts)
    finished = run_experiment(toy, tmp_path / "ray", engine=engine)
    whole = run_experiment(Squares(12), tmp_path / "local")
    for name, table in whole.tables.items():
        pd.testing.assert_frame_equal(finished.tables[name], table, check_exact=True)
    assert sorted(seen) == sorted(task.key for task in toy.tasks())
    assert len(list(starts.iterdir())) > 12  # what the lost node was doing was done again


def test_without_ray_there_is_a_hint(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ew.MissingExtraError, match=r"pip install 'earwitness\[ray\]'"):
        list(do_on_ray(Squares(), Squares().tasks()))


def test_a_cluster_that_is_not_there_is_one_line():
    pytest.importorskip("ray", reason="ray is not installed: pip install 'earwitness[ray]'")
    with pytest.raises(ew.EarwitnessError, match="no Ray cluster can be joined"):
        list(do_on_ray(Squares(), Squares().tasks(), address="127.0.0.1:1"))
