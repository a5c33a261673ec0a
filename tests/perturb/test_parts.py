"""Components, fills and the loop."""

import math

import numpy as np
import pytest
import torch

import earwitness as ew
from earwitness.core.errors import EarwitnessError, ParameterError
from earwitness.frontends import MelDb, SingingVoiceLogMel, StftDb
from earwitness.perturb import components, stems, superpixels
from earwitness.perturb.evaluate import evaluate
from earwitness.perturb.fills import FILLS, FillContext, fill_values
from earwitness.perturb.registry import COMPONENTS, make_components

FRONT_END = StftDb(8000, 256, 128)


@pytest.fixture
def features(generator):
    return FRONT_END(0.1 * torch.randn(1, 8000, generator=generator))


@pytest.fixture
def model():
    return ew.AudioModel(torch.nn.Identity(), FRONT_END)


@pytest.mark.parametrize("kind", COMPONENTS)
def test_full_is_the_input_and_empty_is_the_fill(kind, features, model):
    parts = make_components(kind, features, model)
    n = len(parts.names)
    silence = torch.full_like(features.values, -100.0)
    ends = parts.compose(features, torch.tensor([[0.0] * n, [1.0] * n]), silence).values
    assert torch.allclose(ends[0], silence[0], atol=1e-3)
    assert torch.allclose(ends[1], features.values[0], atol=1e-3)


@pytest.mark.parametrize("kind", COMPONENTS)
def test_painting_keeps_constants(kind, features, model):
    parts = make_components(kind, features, model)
    painted = parts.paint(torch.full((len(parts.names),), 3.0))
    assert torch.allclose(painted, torch.full_like(features.values[0], 3.0), atol=1e-4)


def test_temporal_parts_are_the_published_ones():
    """115 frames: ten segments of 11, the last takes the rest."""
    plane = ew.Features(torch.zeros(1, 80, 115), torch.zeros(1, 80, 115, dtype=torch.cfloat), 1)
    labels = components.temporal(plane, MelDb(n_mels=80), n=10).labels
    assert torch.bincount(labels[0]).tolist() == [11] * 9 + [16]
    spectral = components.spectral(plane, MelDb(n_mels=80), n=10).labels
    assert torch.bincount(spectral[:, 0]).tolist() == [8] * 10
    grid = components.grid(plane, MelDb(n_mels=80))
    assert len(grid.names) == len(torch.unique(grid.labels)) == 24


def test_parts_by_width_and_boundaries(features):
    by_width = components.temporal(features, FRONT_END, width_s=0.25)
    assert len(by_width.names) == 4
    assert by_width.names[0].startswith("0.00-")
    inner = components.temporal(features, FRONT_END, boundaries_s=[0.3, 0.31, 0.9])
    times = FRONT_END.times_s(63)
    assert torch.equal(inner.labels[0] == 0, times < 0.3)
    bands = components.spectral(features, FRONT_END, boundaries_hz=[1000])
    assert torch.equal(bands.labels[:, 0] == 1, FRONT_END.frequencies_hz >= 1000)
    wide = components.spectral(features, FRONT_END, width_hz=1000)
    assert len(wide.names) == 5
    with pytest.raises(ParameterError, match="1000 parts along time"):
        components.temporal(features, FRONT_END, n=1000)
    with pytest.raises(ParameterError, match="positive"):
        components.temporal(features, FRONT_END, width_s=0)


def test_superpixels_follow_the_picture():
    values = torch.full((1, 40, 60), -80.0)
    values[0, 10:20, 15:40] = 0.0
    plane = ew.Features(values, torch.zeros(1, 40, 60, dtype=torch.cfloat), 1)
    labels = superpixels.slic(plane, n=12).labels
    bright = values[0] == 0
    inside = torch.bincount(labels[bright], minlength=int(labels.max()) + 1)
    total = torch.bincount(labels.flatten())
    assert float(torch.minimum(inside, total - inside).sum() / total.sum()) < 0.05
    again = superpixels.quickshift(plane)
    assert torch.equal(again.labels, superpixels.quickshift(plane).labels)


def test_sources_add_up_to_the_sound(features, model):
    for layers in (stems.harmonic_percussive(features, model), stems.nmf(features, model, n=4)):
        torch.testing.assert_close(layers.stfts.sum(0), features.stft[0], atol=1e-4, rtol=1e-4)


def test_harmonic_and_percussive_layers_get_the_right_sounds(model):
    t = torch.arange(16000) / 8000
    tone = 0.3 * torch.sin(2 * np.pi * 1000 * t)
    clicks = torch.zeros(16000)
    clicks[::2000] = 1.0
    layers = stems.harmonic_percussive(FRONT_END((tone + clicks)[None]), model)
    energies = layers.stfts.abs().square()
    row = int((FRONT_END.frequencies_hz - 1000).abs().argmin())
    assert energies[0, row].sum() > 20 * energies[1, row].sum()
    high = energies[:, 80:].sum((1, 2))
    assert high[1] > 5 * high[0]


def test_a_persons_stems_are_checked(scene, mel_model):
    features = mel_model.features(scene.clip)
    stems = {"ticks": ew.Clip(scene.event, 32000), "hum": ew.Clip(scene.background, 32000)}
    parts = make_components(stems, features, mel_model)
    assert list(parts.names) == ["ticks", "hum"]
    both = parts.compose(features, torch.tensor([[1.0, 1.0], [1.0, 0.0]]), features.values).values
    assert torch.allclose(both[0], features.values[0], atol=1e-2)
    alone = mel_model.front_end(scene.event[None] / scene.clip.waveform.abs().max()).values[0]
    loud = alone > -60
    assert torch.allclose(both[1][loud], alone[loud], atol=1e-2)
    with pytest.raises(ParameterError, match="they must add up to it"):
        make_components({"ticks": stems["ticks"]}, features, mel_model)


def test_unknown_components_are_refused(features, model):
    with pytest.raises(ParameterError, match="did you mean 'temporal'"):
        make_components("temporl", features, model)
    with pytest.raises(ParameterError, match="components is a int"):
        make_components(7, features, model)
    other = components.Segments(torch.zeros(3, 3, dtype=torch.long), ["all"])
    with pytest.raises(ParameterError, match="make them for these features"):
        other.compose(features, torch.ones(1, 1), features.values)


def test_fills_known_answers(generator):
    values = torch.tensor([[[-90.0, -50.0, -10.0], [-20.0, -40.0, -60.0]]])
    parts = components.Segments(torch.tensor([[0, 0, 1], [0, 1, 1]]), ["a", "b"])
    context = FillContext(values, FRONT_END, parts, minimum=-97.0, generator=generator)
    answers = {name: fill_values(name, context) for name in FILLS if name != "noise_data"}
    for name, value in {"zero": 0.0, "silence": -100.0, "min_data": -97.0, "min_inp": -90.0, "mean_inp": -45.0}.items():
        assert torch.equal(answers[name], torch.full_like(values, value)), name
    assert answers["band_mean"][0, :, 0].tolist() == [-50.0, -40.0]
    a, b = (-90 - 50 - 20) / 3, (-10 - 40 - 60) / 3
    assert torch.allclose(answers["segment_mean"][0], torch.tensor([[a, a, b], [a, b, b]]))
    assert all(fill.unit for fill in FILLS.values())


def test_noise_has_each_rows_statistics(generator):
    values = torch.randn(1, 3, 20000, generator=generator) * torch.tensor([1.0, 5.0, 0.1])[:, None] - 30
    context = FillContext(values, FRONT_END, generator=torch.Generator().manual_seed(1))
    noise = fill_values("noise", context)
    assert torch.allclose(noise.mean(2), values.mean(2), atol=0.1)
    assert torch.allclose(noise.std(2), values.std(2), rtol=0.05)
    assert [name for name, fill in FILLS.items() if fill.is_random] == ["noise", "noise_data"]


def test_fills_of_the_singing_voice_detector_know_its_training_set():
    rows = torch.linspace(0, 1, 80)
    front_end = SingingVoiceLogMel(mean=(rows - 3).tolist(), std=(1 + rows).tolist(), minimum=-8.25)
    values = torch.zeros(1, 80, 5000)
    fills = {name: fill_values(name, FillContext(values, front_end, generator=torch.Generator().manual_seed(3)))
             for name in ("silence", "min_data", "noise_data", "zero")}
    silence = (math.log(1e-7) - (rows - 3)) / (1 + rows)
    assert torch.allclose(fills["silence"][0, :, 0], silence)
    assert torch.equal(fills["min_data"], torch.full_like(values, -8.25))
    assert torch.allclose(fills["noise_data"].mean(2)[0], (3 - rows) / (1 + rows), atol=0.05)
    assert torch.allclose(fills["noise_data"].std(2)[0], 1 / (1 + rows), rtol=0.05)
    assert not fills["zero"].any()
    assert bool((fill_values("min_data", FillContext(values, front_end, minimum=-1.0)) == -1).all())


def test_blur_keeps_constants_and_smooths(generator):
    flat = torch.full((1, 12, 30), -40.0)
    assert torch.allclose(fill_values("blur", FillContext(flat, FRONT_END)), flat)
    rough = flat + torch.randn(flat.shape, generator=generator)
    assert fill_values("blur", FillContext(rough, FRONT_END)).std() < 0.3 * rough.std()


def test_fills_say_what_they_lack():
    context = FillContext(torch.zeros(1, 2, 3), FRONT_END)
    for name, message in (("min_data", "minimum="), ("segment_mean", "needs segments"),
                          ("noise", "give it a generator"),
                          ("noise_data", "StftDb does not have; use 'noise'"), ("silense", "did you mean 'silence'")):
        with pytest.raises(ParameterError, match=message):
            fill_values(name, context)


class Sum:
    """A score: the sum of the values; memory runs out above ``room`` items."""

    def __init__(self, room=10**9):
        self.room, self.sizes = room, []

    def __call__(self, features):
        self.sizes.append(len(features))
        if len(features) > self.room:
            raise torch.OutOfMemoryError
        return features.values.sum((1, 2))


@pytest.mark.parametrize("batch", [1, 7, 32, 1000])
def test_the_batch_does_not_matter(features, batch, generator):
    weights = torch.rand(100, generator=generator)

    def make(first, last):
        return features.with_values(features.values * weights[first:last, None, None])

    score, done = Sum(), []
    got = evaluate(score, make, 100, batch=batch, progress=done.append)
    torch.testing.assert_close(got, features.values.sum().double() * weights.double(), rtol=1e-5, atol=1e-2)
    assert max(score.sizes) == min(batch, 100)
    assert done[-1] == 1.0


def test_memory_that_runs_out_halves_the_batch(features):
    score = Sum(room=5)
    got = evaluate(score, lambda a, b: features.with_values(features.values.expand(b - a, -1, -1)), 40, batch=32)
    assert len(got) == 40
    assert torch.allclose(got, got[:1])
    assert score.sizes[:4] == [32, 16, 8, 4]
    with pytest.raises(EarwitnessError, match="single input does not fit"):
        evaluate(Sum(room=0), lambda a, b: features, 3)
