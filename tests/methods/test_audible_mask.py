"""The mask that is searched for by its sound."""

import pytest
import torch
from torch import nn

import earwitness as ew
from earwitness import metrics
from earwitness.core.errors import ParameterError
from earwitness.frontends import StftDb
from earwitness.methods.audible_mask import _mask, _terms, _variation
from earwitness.models.eval_mode import eval_mode
from earwitness.targets.scores import ClassLogit, ClassProbability

FRONT_END = StftDb(2000, 64, 32)
N_SAMPLES = 992


class Bands(nn.Module):
    """One class per third of the rows, by its mean power in decibels; as smooth as a trained network."""

    def forward(self, values):
        return torch.stack([third.mean((1, 2)) / 10 for third in values.tensor_split(3, dim=1)], 1)


class Deaf(Bands):
    @torch.no_grad()
    def forward(self, values):
        return super().forward(values)


def wrap(network=None, **how):
    return ew.AudioModel(network or Bands(), FRONT_END, labels=["low", "middle", "high"], window_s=N_SAMPLES / 2000,
                         **how)


@pytest.fixture
def clip(generator):
    """A loud tone in the middle third over noise everywhere."""
    tone = torch.sin(2 * torch.pi * 500 * torch.arange(N_SAMPLES) / 2000)
    return ew.Clip(0.4 * tone + 0.1 * torch.randn(N_SAMPLES, generator=generator), 2000, "tone")


def test_its_sound_keeps_the_class_and_the_rest_loses_it(stft_model, scene):
    model = stft_model
    found = ew.explain(model, scene.clip, "audible_mask", n_steps=20, learning_rate=0.8)
    assert found.target == scene.label
    assert float(found.values.min()) >= 0
    assert float(found.values.max()) == 1
    heard, _ = metrics.measure(model, model.features(scene.clip), found.values, 7, domain="audio")
    assert heard.p_kept > 0.9
    assert heard.FidIn == 1
    assert heard.p_removed < 0.2
    assert heard.kept_area < 0.15
    assert found.settings["score_kept"] == [pytest.approx(heard.p_kept, abs=1e-3)]
    assert found.settings["score_removed"] == [pytest.approx(heard.p_removed, abs=1e-3)]
    assert found.settings["mask_mean"] == [pytest.approx(heard.kept_area, abs=1e-5)]
    assert found.passes == {"forward": 2 * 21, "backward": 2 * 20}
    evidence = scene.evidence(model.front_end)
    assert float(metrics.relevance_mass(found.values, evidence)) > 3 * float(evidence.float().mean())


@pytest.mark.parametrize(("normalise", "score"), [(None, "probability"), ("peak", "probability"), (None, "logit")])
def test_a_made_model_keeps_its_own_band(clip, normalise, score):
    model = wrap(normalise=normalise)
    values = ew.explain(model, clip, "audible_mask", "middle", score=score, area=0.3, smoothness=0.0).values
    low, middle, high = (float(third.mean()) for third in values.tensor_split(3, dim=0))
    assert middle > 0.4
    assert middle > 2 * max(low, high)


def test_the_same_whatever_the_seed_and_another_with_other_weights(clip):
    model = wrap()
    first, again = (ew.explain(model, clip, "audible_mask", "middle", seed=seed, n_steps=10).values for seed in (0, 5))
    assert torch.equal(first, again)
    means = [float(ew.explain(model, clip, "audible_mask", "middle", n_steps=30, area=area).values.mean())
             for area in (0.0, 1.0, 20.0)]
    assert means[0] > means[1] > means[2]
    rough, smooth = (float(_variation(ew.explain(model, clip, "audible_mask", "middle", n_steps=30, area=1.0,
                                                 smoothness=weight).values)) for weight in (0.0, 20.0))
    assert smooth < 0.5 * rough


def test_the_mask_covers_any_plane_and_its_maximum_is_one(generator):
    plane = torch.zeros(7, 5)
    for shape in ((4, 3), (1, 1), (7, 5)):
        mask = _mask(torch.randn(shape, generator=generator) - 3, 2.0, plane)
        assert mask.shape == plane.shape
        assert float(mask.max()) == pytest.approx(1.0)
    assert not _mask(torch.full((1, 1), -1e4), 6.0, plane).isnan().any()
    step = torch.zeros(7, 5)
    step[:, 2:] = 1
    assert float(_variation(step)) == pytest.approx(7 / 35)
    assert float(_variation(torch.ones(1, 1))) == 0


def test_what_the_answers_cost(clip):
    """-log p - log(1 - p) of a probability; of another score, shares of the way from silence to the whole."""
    model = wrap()
    features = model.features(clip)
    with eval_mode(model.network):
        cost = _terms(ClassProbability(model, 1), features)
        assert float(cost(torch.tensor([0.5, 0.25]))) == pytest.approx(0.6931 + 0.2877, abs=1e-3)
        score = ClassLogit(model, 1)
        cost = _terms(score, features)
        whole = float(score(features))
        silent = float(score(features.with_values(torch.full_like(features.values, -100.0))))
        middle = (whole + silent) / 2
        assert float(cost(torch.tensor([whole, silent]))) == pytest.approx(0.0, abs=1e-5)
        assert float(cost(torch.tensor([middle, silent]))) == pytest.approx(0.5, abs=1e-5)
        assert float(cost(torch.tensor([whole + 9, middle]))) == pytest.approx(0.5, abs=1e-5)


def test_values_that_were_changed_are_followed(clip):
    model = wrap()
    features = model.features(clip)
    changed = features.values.clone()
    changed[:, :11] += 40.0
    with eval_mode(model.network):
        score = ClassProbability(model, 1)
        before, after = (ew.METHODS["audible_mask"](score, item, n_steps=5).facts["score_kept"][0]
                         for item in (features, features.with_values(changed)))
    assert before > after + 0.2


def test_silence_gives_a_constant_mask():
    values = ew.explain(wrap(normalise="peak"), ew.Clip(torch.zeros(N_SAMPLES), 2000), "audible_mask", "low",
                        n_steps=5).values
    assert metrics.is_degenerate(values)


def test_a_network_without_gradient_and_wrong_settings_are_refused(clip):
    with pytest.raises(ParameterError, match="gives no gradient"):
        ew.explain(wrap(Deaf()), clip, "audible_mask", "low")
    for settings in ({"area": -1.0}, {"n_steps": 0}, {"learning_rate": 0.0}, {"cell_rows": 0}):
        with pytest.raises(ParameterError, match=f"{next(iter(settings))} is"):
            ew.explain(wrap(), clip, "audible_mask", "low", **settings)


def test_progress_is_told(clip):
    told = []
    ew.explain(wrap(), clip, "audible_mask", "low", n_steps=4, progress=told.append)
    assert told == pytest.approx([0.25, 0.5, 0.75, 1.0])
