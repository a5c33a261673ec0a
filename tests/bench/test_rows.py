"""Every row of the table on networks so small that only its bookkeeping takes time."""

import importlib.util
import math
from dataclasses import replace

import pytest
import torch
from torch import nn

import earwitness as ew
from earwitness.bench import ROWS, SIZES, BenchRow, inference, measure_rows, rows, samples_to_error, subjects, table
from earwitness.core.errors import DataError, ParameterError
from earwitness.frontends import StftDb

SETUP = replace(SIZES["quick"], relax_masks=6, lime_samples=8, published_rows=20, backgrounds=3, peer_backgrounds=2,
                bare_passes=4, plain_masks=30, plain_samples=20, reference_masks=60, reference_samples=40, batches=(4,))
PEERS = {"relax": "relax_xai", "lime": "lime", "deep-shap": "shap", "gradcam": "captum", "masks": "quantus"}


class Tiny(nn.Module):
    """One convolution with a batch norm under the name that Cnn14 gives its last."""

    map_axes = ("freq", "time")

    def __init__(self):
        super().__init__()
        self.conv_block6 = nn.Module()
        self.conv_block6.conv2 = nn.Conv2d(1, 4, 3, padding=1)
        self.norm, self.act, self.pool = nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(2)
        self.head = nn.Linear(16, 3)

    def embed(self, x):
        planes = x[:, None] if x.ndim == 3 else x.transpose(2, 3)
        return self.pool(self.act(self.norm(self.conv_block6.conv2(planes / 30 + 1)))).flatten(1)

    def forward(self, x):
        return self.head(self.embed(x))


def tiny():
    return ew.AudioModel(subjects._random(Tiny), StftDb(2000, 64, 32), labels=["a", "b", "c"], window_s=0.5)


@pytest.fixture(scope="module", autouse=True)
def tiny_subjects():
    with pytest.MonkeyPatch.context() as patch:
        for name in subjects.NETWORKS:
            patch.setitem(subjects.NETWORKS, name, tiny)
        yield


@pytest.fixture(scope="module")
def measured(tiny_subjects):
    names = ["relax", "lime", "soundlime", "deep-shap", "gradcam", "masks"]
    return dict(zip(names, measure_rows(names, SETUP), strict=True))


def test_flipping_has_a_floor_of_as_many_passes():
    (row,) = measure_rows(["flipping"], SETUP)
    assert not row.failed
    assert row.ours_s > 0 < row.floor_s
    assert row.notes[0] == "101 forward passes"
    assert row.notes[1].startswith("floor: 101 passes of the ")
    assert [str(condition) for condition in row.goal] == ["ours/floor ≤ 1.2"]


@pytest.mark.parametrize("name", ["relax", "lime", "soundlime", "deep-shap", "gradcam", "masks"])
def test_rows_with_a_floor_and_a_peer(measured, name):
    row = measured[name]
    assert not row.failed, row.notes
    assert row.ours_s > 0
    assert row.floor_s > 0
    installed = name not in PEERS or importlib.util.find_spec(PEERS[name]) is not None
    assert any(peer.seconds is not None for peer in row.peers) == installed, row.peers
    assert row.figures["ours/floor"] == row.ours_s / row.floor_s
    answers = [condition.holds(row.figures) for condition in row.goal]
    assert row.reached == (None if None in answers and False not in answers else all(answers))
    assert any("memory added" in note for note in row.notes)
    assert table.line(row).count("|") == len(table.COLUMNS) + 1


def test_counts_stand_in_the_work(measured):
    for name, count in (("relax", "6 masks"), ("lime", "8 samples"), ("deep-shap", "3 backgrounds")):
        assert count in measured[name].work
    scaled = [peer.note for peer in measured["deep-shap"].peers if peer.seconds]
    assert set(scaled) <= {"2 backgrounds measured, scaled to 3"}


def test_soundlime_counts_passes_and_distinct_components(measured):
    assert measured["soundlime"].measured["U_n"] == 3
    assert 1 <= measured["soundlime"].measured["passes"] <= 60  # 1,024 coalitions, shared inside the network
    assert measured["soundlime"].peers[0].note == "extrapolated from 20 measured rows"


def test_deep_shap_reports_completeness(measured):
    assert 0 <= measured["deep-shap"].measured["completeness gap"] < 1e-3


class Here:
    """A pool of processes that is this one."""

    def __init__(self, *_args, **_kwargs):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def submit(self, function, *args, **kwargs):
        result = function(*args, **kwargs)
        return type("Done", (), {"result": lambda self: result})()


def test_prepared_rows(monkeypatch):
    inference._ready.cache_clear()
    monkeypatch.setattr(inference, "ProcessPoolExecutor", Here)
    monkeypatch.setattr(inference, "keep_freed_memory", lambda: True)  # this process stays as it is
    found = inference.prepared_rows(SETUP)
    inference._ready.cache_clear()
    assert [row.work.split()[-1] for row in found] == list(subjects.NETWORKS)
    for row in found:
        assert row.floor_s is None
        assert row.figures["peer/ours"] == row.peers[0].seconds / row.ours_s
        assert 0 <= row.measured["output difference"] < 1e-5


def test_one_row_that_fails_leaves_the_others(monkeypatch):
    monkeypatch.setitem(rows.ROWS, "relax", lambda _setup: 1 / 0)
    monkeypatch.setitem(rows.ROWS, "lime", lambda _setup: [BenchRow("one"), BenchRow("two")])
    broken, one, two = measure_rows(["relax", "lime", "relax"], SETUP)
    assert broken.failed
    assert broken.notes == ("error: ZeroDivisionError: division by zero",)
    assert broken.reached is None
    assert (one.work, two.work) == ("one", "two")


def test_an_unknown_row_is_refused_before_anything_runs():
    with pytest.raises(ParameterError, match="did you mean 'relax'"):
        measure_rows(["relaxx"], SETUP)


def test_no_names_mean_all(monkeypatch):
    for name in ROWS:
        monkeypatch.setitem(rows.ROWS, name, lambda _setup, own=name: BenchRow(own))
    assert [row.work for row in measure_rows([], SETUP)] == list(ROWS)


def known_explain(_model, _clip, method, *, seed, sampling, n_masks=0, n_samples=0):
    """Errors of 1 / sqrt(count), halved by balancing; ranks that plain sampling of few gets wrong."""
    if seed == samples_to_error.REFERENCE_SEED:
        assert sampling == "balanced"
        return ew.Attribution(torch.zeros(2, 3), None, method, components=Weights([0.0, 1.0, 2.0, 3.0]))
    error = (0.5 if sampling == "balanced" else 1.0) / math.sqrt(n_masks or n_samples)
    weights = [0.0, 1.0, 2.0, 3.0] if sampling == "balanced" else [1.0, 0.0, 2.0, 3.0]
    return ew.Attribution(torch.full((2, 3), error), None, method, components=Weights(weights))


class Weights:
    def __init__(self, weights):
        self.weights = torch.tensor(weights)


def test_equal_error_from_known_errors(monkeypatch):
    monkeypatch.setattr(samples_to_error, "explain", known_explain)
    clips = [ew.Clip(torch.ones(1000), 2000)] * 2
    row = samples_to_error.relax_samples_row(tiny(), clips, SETUP)
    assert row.measured["error/plain error"] == pytest.approx(math.sqrt(3) / 2, rel=1e-6)
    assert row.reached is True
    assert "for the same error plain sampling needs 4.0 times as many masks" in row.notes
    assert "2 clips, 1 seeds; no worse on 2 of 2 clips" in row.notes
    assert (row.work.split(", ")[-1], row.peers[0].name) == ("10 balanced masks", "plain sampling, 30")
    ranks = samples_to_error.lime_samples_row(tiny(), clips, SETUP)
    assert ranks.measured["rank correlation - plain"] == pytest.approx(1 - 0.8)
    assert ranks.reached is True


def test_equal_error_of_real_samplings():
    clip = ew.Clip(torch.randn(1000, generator=torch.Generator().manual_seed(0)), 2000, "noise")
    for compare in (samples_to_error.relax_samples_row, samples_to_error.lime_samples_row):
        row = compare(tiny(), [clip], SETUP)
        (condition,) = row.goal
        assert condition.figure in row.measured
        assert row.reached == condition.holds(row.figures)  # None where ranks of a single superpixel say nothing
        assert row.figures["peer/ours"] == row.peers[0].seconds / row.ours_s


def test_recordings_are_scenes_in_turn_with_new_seeds(monkeypatch):
    scenes = dict(list(ew.synthetic.SCENES.items())[:2])
    monkeypatch.setattr(ew.synthetic, "SCENES", scenes)
    first, second, third = subjects.recordings(replace(SETUP, clips=3))
    assert [first.name, second.name] == list(scenes)
    assert third.name == first.name
    assert not torch.equal(third.waveform, first.waveform)


def test_recordings_are_one_clip_per_class(tmp_path):
    for folder in ("meta", "audio"):
        (tmp_path / folder).mkdir()
    lines = ["filename,fold,target,category"]
    for number, (fold, target) in enumerate([(5, 1), (5, 0), (5, 1), (4, 0)]):
        ew.audio.save(tmp_path / "audio" / f"{number}.wav", ew.Clip(torch.full((100,), number / 10), 2000))
        lines.append(f"{number}.wav,{fold},{target},{'ab'[target]}")
    (tmp_path / "meta" / "esc50.csv").write_text("\n".join(lines))
    clips = subjects.recordings(replace(SETUP, clips=2, data=tmp_path))
    assert [clip.name for clip in clips] == ["a", "b"]
    assert [float(clip.waveform[0]) for clip in clips] == pytest.approx([0.1, 0.0], abs=1e-4)
    with pytest.raises(DataError, match="2 classes; expected 3"):
        subjects.recordings(replace(SETUP, clips=3, data=tmp_path))


def test_random_networks_are_the_same_every_time():
    first, second = (model.network.state_dict() for model in (tiny(), tiny()))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert first["norm.running_mean"].abs().max() > 0
