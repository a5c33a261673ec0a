"""One line adds a metric, which reports, sweeps and their tables have then; the published choice stays."""

import pickle

import pytest
import torch

import earwitness as ew
from earwitness.core.errors import ParameterError
from earwitness.metrics import METRICS, Metric, mask_metrics, measures_of, sound_metrics
from earwitness.report.tables import best_rows, metric_rows
from earwitness.studies.pak2025 import choose, published_plan, summarise_metrics
from earwitness.studies.pak2025.inputs import read_inputs
from earwitness.studies.pak2025.plan import make_plan
from earwitness.studies.pak2025.run import explain_clips
from earwitness.studies.pak2025.tables import best_tables, mask_tables
from tests.studies.pak2025.made_data import PLAN, make_data, make_model


def total_variation(mask):
    return mask.diff(dim=-1).abs().mean((-2, -1))


TV = Metric(total_variation, "total variation", "lower", "{:.2f}", "steps between neighbours", formula="mean |Δm|")


@pytest.fixture
def with_tv(monkeypatch):
    monkeypatch.setitem(METRICS, "TV", TV)


def two_masks():
    masks = torch.stack([torch.eye(4), torch.tensor([[1.0, 1, 0, 0]] * 4)])
    said = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.95, 0.05], [0.3, 0.7], [0.1, 0.9]])
    return measures_of(masks, said, 0)


def test_ours_are_split_by_what_they_look_at():
    assert list(mask_metrics())[:7] == ["FF", "AI", "AD", "AG", "FidIn", "SPS", "COMP"]
    assert list(sound_metrics())[:4] == ["SISDR", "LSD", "PESQ", "STOI"]
    assert all(metric.meaning and metric.formula for metric in METRICS.values())


def test_a_metric_that_is_added_is_measured_and_reported(with_tv):
    one, other = two_masks()
    assert one.TV == pytest.approx(6 / 12)
    assert other.TV == pytest.approx(4 / 12)
    assert list(one.as_dict())[-6:] == ["TV", "kept_area", "degenerate", "p", "p_kept", "p_removed"]
    (row,) = (row for row in metric_rows(one) if row.short == "TV")
    assert (row.name, row.value, row.better, row.meaning) == ("total variation", "0.50", "down", TV.meaning)
    assert best_rows([one, other])["TV"] == {1}


def test_a_study_keeps_it_and_its_tables_show_it(with_tv, tmp_path):
    data, model = make_data(tmp_path / "data"), make_model(tmp_path / "mel", "mel")
    plan = make_plan({**PLAN, "models": [str(model)], "scenarios": [{"name": "clean"}], "limit": 1,
                            "methods": [{"name": "saliency"}], "metrics": [*PLAN["metrics"], "TV"]})
    rows = explain_clips(read_inputs(plan, data), tmp_path / "out").tables["rows"]
    assert rows["TV"].notna().all()
    summary = summarise_metrics(rows)
    for table in (*mask_tables(summary), *best_tables(choose(summary))):
        assert "TV ↓" in table.heads
        assert all(len(row) == len(table.heads) for row in table.rows)
    assert "TV" not in published_plan().metrics


def test_measures_are_values():
    one, _ = two_masks()
    assert pickle.loads(pickle.dumps(one)) == one
    with pytest.raises(AttributeError, match="Measures has no 'XY'; it has FF, AI"):
        _ = one.XY
    assert not hasattr(one, "__array__")


@pytest.mark.parametrize(("function", "message"), [
    (lambda mask, loudness: mask, "takes 'loudness'; expected any of mask, p,"),
    (lambda reference, mask: mask, "takes 'mask'; expected any of"),
])
def test_a_metric_that_takes_something_else_is_refused(function, message):
    with pytest.raises(ParameterError, match=message):
        Metric(function, "odd")


def test_a_metric_gives_one_number_per_mask(monkeypatch):
    monkeypatch.setitem(METRICS, "odd", Metric(lambda mask: mask.mean(), "odd"))
    with pytest.raises(ParameterError, match=r"metric 'odd' gave \(\); expected one number per mask, \(2,\)"):
        two_masks()


def test_the_public_names_are_there():
    assert ew.metrics.METRICS is METRICS
