import pytest
import torch
from torch import nn

import earwitness as ew
from earwitness.core.errors import ParameterError
from earwitness.models import Frames
from earwitness.targets import ClassTarget, Contrast, Not, resolve_class
from tests.made_models import FRONT_END, SHAPE, Additive, additive, deep, noise_clip

PERTURBING = {"lime": {"n_samples": 300, "components": "grid"}, "slime": {"n_samples": 40}, "audio_lime": {},
              "kernel_shap": {"n_samples": 300, "components": "spectral"}, "occlusion": {}, "rise": {"n_masks": 40}}


@pytest.fixture
def detector(generator):
    """One sigmoid output."""
    return ew.AudioModel(Additive(torch.randn(1, *SHAPE, generator=generator) / 3000), FRONT_END, labels=["vocal"],
                         activation="sigmoid", window_s=0.496)


class FrameWise(nn.Module):
    """Each answer is the level of its own eight columns: low rows for the first class, high rows for the second."""

    def forward(self, x):
        low, high = ((x + 100)[:, rows].mean(1) for rows in (slice(0, 16), slice(16, None)))
        return torch.stack([low, high], 1).unflatten(2, (4, 8)).mean(3) / 10 - 5


@pytest.fixture
def frame_wise():
    return ew.AudioModel(FrameWise(), FRONT_END, labels=["low", "high"], activation="sigmoid", window_s=0.496,
                         frames=Frames())


@pytest.mark.parametrize("words", [False, True])
def test_a_contrast_is_the_difference_of_two_classes(words, generator):
    model, clip = deep(generator, 3), noise_clip(generator)
    target = "c0 against c2" if words else Contrast("c0", 2)
    found = ew.explain(model, clip, "saliency", target)
    first, second = (ew.explain(model, clip, "saliency", name).values for name in ("c0", "c2"))
    torch.testing.assert_close(found.values, first - second)
    assert found.target == "c0 against c2"
    probabilities = [ew.explain(model, clip, "rise", name, n_masks=30).values for name in ("c0", "c2", target)]
    torch.testing.assert_close(probabilities[2], probabilities[0] - probabilities[1], atol=1e-5, rtol=1e-4)


def test_the_evidence_of_a_contrast_adds_up(generator):
    model, clip = deep(generator, 3), noise_clip(generator)
    found = ew.explain(model, clip, "integrated_gradients", Contrast("c1", "c0"), n_steps=200)
    x = model.features(clip).values
    full, empty = model.network(torch.cat([x, torch.full_like(x, -100.0)])).detach()
    assert float(found.values.sum()) == pytest.approx(float((full[1] - full[0]) - (empty[1] - empty[0])), rel=1e-2)
    assert abs(found.settings["completeness_gap"][0]) < 1e-2


def test_a_single_sigmoid_output_says_yes_and_no(detector, generator):
    clip = noise_clip(generator)
    yes, no = ew.explain(detector, clip), ew.explain(detector, clip, target=Not("vocal"))
    assert (yes.target, no.target) == ("vocal", "not vocal")
    assert torch.equal(no.values, -yes.values)
    yes, no = (ew.explain(detector, clip, "slime", target, n_samples=60) for target in ("vocal", "not vocal"))
    torch.testing.assert_close(no.values, -yes.values, atol=1e-5, rtol=1e-4)
    p = detector.probabilities(clip)
    wide = ew.targets.with_negated_class(detector, ClassTarget(0, negative=True))
    torch.testing.assert_close(wide.probabilities(clip), torch.cat([p, 1 - p], 1))


def test_multi_label_targets_are_independent(generator):
    model = ew.AudioModel(Additive(torch.randn(3, *SHAPE, generator=generator) / 3000), FRONT_END,
                          labels=["a", "b", "c"], activation="sigmoid", window_s=0.496)
    clip = noise_clip(generator)
    before = ew.explain(model, clip, "slime", "b", n_samples=30).values
    with torch.no_grad():
        model.network.weights[0] += 1
    assert torch.equal(ew.explain(model, clip, "slime", "b", n_samples=30).values, before)


def test_regression_explains_the_output_itself(generator):
    weights = torch.randn(2, *SHAPE, generator=generator) / 1000
    model = ew.AudioModel(Additive(weights), FRONT_END, labels=["valence", "arousal"], activation="identity",
                          window_s=0.496)
    clip = noise_clip(generator)
    found = ew.explain(model, clip, "slime", "arousal", alpha=1e-9)
    assert found.settings["score"] == "output"
    full, off = (model.logits(model.features(clip).with_values(values))[0, 1].detach() for values in (
        model.features(clip).values, torch.full((1, *SHAPE), -100.0)))
    assert float(found.components.weights.sum()) == pytest.approx(float(full - off), abs=1e-2)
    for call, said in ((lambda: ew.explain(model, clip, "lime", 0, score="probability"), "expected score 'output'"),
                       (lambda: model.probabilities(clip), "no probabilities"),
                       (lambda: ew.explain(model, clip), "name the target: valence, arousal")):
        with pytest.raises(ParameterError, match=said):
            call()
    assert ew.explain(ew.AudioModel(Additive(weights[:1]), FRONT_END, ["level"], "identity"), clip).target == "level"


def test_the_answers_of_a_time_come_from_that_time(frame_wise, generator):
    clip = noise_clip(generator)
    found = ew.explain(frame_wise, clip, target="high", at_s=(0.13, 0.36))
    x = frame_wise.features(clip).values.requires_grad_()
    wanted = torch.autograd.grad(frame_wise.network(x)[0, 1, 1:3].mean(), x)[0][0]
    torch.testing.assert_close(found.values, wanted)
    assert found.settings["at_s"] == (0.13, 0.36)
    single = ew.explain(frame_wise, clip, target="high", at_s=0.3).values
    assert single[16:, 16:24].all()
    assert not single[:, :16].any()
    assert not single[:, 24:].any()
    p = frame_wise.frame_probabilities(clip)
    assert p.shape == (1, 2, 4)
    probability = ew.explain(frame_wise, clip, "occlusion", "low", at_s=(0.0, 0.2), components="temporal")
    assert probability.components.names
    torch.testing.assert_close(frame_wise.probabilities(clip), p.mean(2))
    peaky = ew.AudioModel(FrameWise(), FRONT_END, ["low", "high"], "sigmoid", frames=Frames(pool="max"))
    torch.testing.assert_close(peaky.probabilities(clip), p.amax(2))


def test_windows_that_nothing_is_asked_about_cost_nothing(frame_wise, generator):
    clip = ew.Clip(torch.randn(992 * 3, generator=generator), 2000)
    found = ew.explain(frame_wise, clip, "slime", "low", at_s=(0.6, 0.7), n_samples=10)
    assert not found.values[:, :32].any()
    assert found.values[:, 32:64].any()
    assert not found.values[:, 64:].any()
    alone = ew.explain(frame_wise, ew.Clip(clip.waveform[992:1984], 2000), "slime", "low", at_s=(0.104, 0.204),
                       n_samples=10)
    torch.testing.assert_close(found.values[:, 32:64], alone.values)
    assert found.passes == alone.passes


@pytest.mark.parametrize("method", PERTURBING)
@pytest.mark.parametrize("tolerance", [None, 0.02])
def test_several_targets_share_their_passes_and_change_nothing(method, tolerance, generator):
    model, settings = deep(generator, 3), dict(PERTURBING[method])
    if tolerance is not None:
        if method in ("occlusion", "audio_lime"):
            pytest.skip("nothing is left to chance")
        settings["tolerance"] = tolerance
    clip = ew.Clip(torch.randn(1984, generator=generator), 2000)
    asked = ["c1", Contrast("c0", "c2"), "c2"]
    together = ew.explain(model, clip, method, asked, seed=3, **settings)
    alone = [ew.explain(model, clip, method, each, seed=3, **settings) for each in asked]
    for one, other in zip(together, alone, strict=True):
        assert torch.equal(one.values, other.values)
        assert one.target == other.target
    spent = [each.passes["forward"] for each in together]
    assert sum(spent) == max(each.passes["forward"] for each in alone)
    if tolerance is None:
        assert spent[1:] == [0, 0]


def test_gradients_of_several_targets_pass_back_once_each(generator):
    model, clip = deep(generator, 3), noise_clip(generator)
    together = ew.explain(model, clip, "saliency", ("c0", "c1"))
    assert [each.passes["backward"] for each in together] == [1, 1]
    assert torch.equal(together[1].values, ew.explain(model, clip, "saliency", "c1").values)
    listed = ew.explain(model, [clip, clip], "saliency", ["c0", "c1"])
    assert torch.equal(listed[1][0].values, together[0].values)


class TwoBands(nn.Module):
    """The embedding is the power of the low and of the high half."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1.0))

    def embed(self, x):
        power = 10 ** (x / 10) * self.scale
        return torch.stack([power[:, :16].sum((1, 2)), power[:, 17:].sum((1, 2))], 1)

    def forward(self, x):
        return self.embed(x)


@pytest.mark.parametrize(("partner_hz", "alike"), [(250, "low"), (750, "high")])
@pytest.mark.parametrize("method", ["relax", "occlusion", "saliency"])
def test_why_two_recordings_are_alike(partner_hz, alike, method):
    model = ew.AudioModel(TwoBands(), FRONT_END, window_s=0.496)
    t = torch.arange(992) / 2000
    low, high = torch.sin(2 * torch.pi * 250 * t), torch.sin(2 * torch.pi * 750 * t)
    partner = ew.Clip(torch.sin(2 * torch.pi * partner_hz * t).repeat(2), 2000, "partner.wav")
    settings = {"relax": {"n_masks": 200, "masks": "frequency", "cells": 4}, "occlusion": {"components": "spectral"},
                "saliency": {}}[method]
    found = ew.explain(model, ew.Clip(low + high, 2000, "mixed"), method, partner, **settings)
    below, above = (part.sum() for part in (found.values[:16], found.values[17:]))
    assert ("low" if below > above else "high") == alike
    assert (found.target, found.settings["score"], found.settings["like"]) == ("like partner.wav", "similarity",
                                                                               "partner.wav")


def test_classes_whose_names_look_like_words_come_first():
    labels = ["a", "b", "a against b", "not a"]
    model = ew.AudioModel(nn.Identity(), FRONT_END, labels=labels, activation="sigmoid")
    assert [resolve_class(model, word) for word in labels] == [ClassTarget(k) for k in range(4)]
    assert resolve_class(model, "b against a") == ClassTarget(1, 0)
    assert resolve_class(model, "a against b against a") == ClassTarget(2, 0)
    assert resolve_class(model, "not b") == ClassTarget(1, negative=True)


@pytest.mark.parametrize(("target", "settings", "said"), [
    ("c7", {}, "unknown target 'c7'"), ("c0 against c9", {}, "unknown target 'c9'"),
    (Contrast("c0", 0), {}, "against itself"), ("not c0", {}, "sigmoid outputs only"), ([], {}, "empty list"),
    (3.5, {}, "target is a float"), ("c0", {"at_s": 0.2}, "one answer per window"),
    (ew.Clip(torch.ones(992), 2000), {"score": "logit"}, "expected 'similarity'"),
    (["c0", ew.Clip(torch.ones(992), 2000)], {}, "mix recordings and classes"),
    ("c0", {"score": "similarity"}, "does not go with score 'similarity'"),
])
def test_targets_that_do_not_fit_are_one_line(target, settings, said, generator):
    with pytest.raises(ParameterError, match=said) as caught:
        ew.explain(additive(generator), noise_clip(generator), "slime", target, **settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("at_s", [-1, (0.3, 0.1), 9.0, (0.1,), "x", (0.0, float("nan"))])
def test_times_that_do_not_fit_are_one_line(at_s, frame_wise, generator):
    with pytest.raises(ParameterError, match=r"at_s is .*; expected a time or a range"):
        ew.explain(frame_wise, noise_clip(generator), at_s=at_s)
    with pytest.raises(ParameterError, match=r"\(1, 2, 4\); expected \(batch, 2\).*frames=earwitness.models.Frames"):
        ew.AudioModel(FrameWise(), FRONT_END, ["low", "high"]).probabilities(noise_clip(generator))
