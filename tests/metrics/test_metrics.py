import math

import numpy as np
import pytest
import torch

import earwitness as ew
from earwitness import metrics
from earwitness.core.errors import ParameterError


def test_faithfulness_family_known_answers():
    p, kept = torch.tensor([0.8, 0.5, 0.0, 1.0]), torch.tensor([0.4, 0.9, 0.0, 1.0])
    assert torch.allclose(metrics.faithfulness(p, kept), torch.tensor([0.4, -0.4, 0.0, 0.0]))
    assert torch.equal(metrics.average_increase(p, kept), torch.tensor([0.0, 100.0, 0.0, 0.0]))
    assert torch.allclose(metrics.average_drop(p, kept), torch.tensor([50.0, 0.0, 0.0, 0.0]), atol=1e-3)
    assert torch.allclose(metrics.average_gain(p, kept), torch.tensor([0.0, 80.0, 0.0, 0.0]), atol=1e-3)


def test_the_formulas_with_their_epsilon():
    p, kept = torch.tensor([0.7], dtype=torch.float64), torch.tensor([0.2], dtype=torch.float64)
    assert float(metrics.average_drop(p, kept)) == pytest.approx(100 * 0.5 / (0.7 + 1e-6), abs=1e-12)
    assert float(metrics.average_gain(kept, p)) == pytest.approx(100 * 0.5 / (0.8 + 1e-6), abs=1e-12)


def test_input_fidelity():
    original = torch.tensor([[0.6, 0.4], [0.6, 0.4]])
    kept = torch.tensor([[0.9, 0.1], [0.1, 0.9]])
    assert torch.equal(metrics.input_fidelity(original, kept), torch.tensor([1.0, 0.0]))


def test_input_fidelity_of_a_single_class_is_about_the_decision():
    original, kept = torch.tensor([[0.9], [0.9], [0.2]]), torch.tensor([[0.6], [0.3], [0.1]])
    assert metrics.input_fidelity(original, kept).tolist() == [1.0, 0.0, 1.0]


def test_shapes_must_match():
    with pytest.raises(ParameterError, match="p_kept has shape"):
        metrics.average_drop(torch.zeros(2), torch.zeros(3))


def slow_gini(mask):
    v = np.sort(np.abs(mask.flatten()) + 1e-7)
    d = len(v)
    return 1 - 2 * sum(v[i] / v.sum() * (d - (i + 1) + 0.5) / d for i in range(d))


def slow_entropy(mask):
    shares = np.abs(mask.flatten()) / np.abs(mask).sum()
    return -sum(s * math.log(s) for s in shares if s > 0)


def test_conciseness_is_the_slow_formula(generator):
    masks = torch.rand(3, 5, 7, generator=generator, dtype=torch.float64)
    for k in range(3):
        assert float(metrics.sparseness(masks)[k]) == pytest.approx(slow_gini(masks[k].numpy()), abs=1e-12)
        assert float(metrics.complexity(masks)[k]) == pytest.approx(slow_entropy(masks[k].numpy()), abs=1e-12)


def test_ceilings_of_complexity():
    for shape, ceiling in (((64, 501), 10.3755), ((257, 313), 11.2953)):
        mask = torch.ones(shape, dtype=torch.float64)
        mask[0, 0] -= 1e-9  # not constant
        assert float(metrics.complexity(mask)) == pytest.approx(ceiling, abs=1e-4)


@pytest.mark.parametrize("constant", [0.0, 0.5, 1.0])
def test_constant_masks_are_said_not_scored(constant):
    mask = torch.full((2, 4, 5), constant)
    assert metrics.is_degenerate(mask).all()
    for function in (metrics.sparseness, metrics.complexity):
        assert function(mask).isnan().all()
        assert torch.equal(function(mask, convention="pak2025"), torch.zeros(2))
    assert torch.equal(metrics.kept_area(mask), torch.full((2,), constant))


def test_unknown_convention():
    with pytest.raises(ParameterError, match="unknown convention"):
        metrics.sparseness(torch.eye(2), convention="pak2026")


def test_boolean_masks_count():
    mask = torch.eye(4, dtype=torch.bool)
    assert float(metrics.kept_area(mask)) == 0.25
    assert float(metrics.complexity(mask)) == pytest.approx(math.log(4))


def test_localisation_known_answers(generator):
    evidence = torch.zeros(20, 30)
    evidence[3:8, 5:15] = 1
    assert float(metrics.relevance_mass(evidence, evidence)) == 1
    assert float(metrics.relevance_rank(evidence, evidence)) == 1
    assert float(metrics.relevance_rank(-evidence, evidence)) == 0
    area = float(evidence.mean())
    constant = torch.ones(20, 30)
    assert float(metrics.relevance_mass(constant, evidence)) == pytest.approx(area)
    assert float(metrics.relevance_rank(constant, evidence)) == pytest.approx(area)
    chance = torch.rand(400, 20, 30, generator=generator)
    assert float(metrics.relevance_mass(chance, evidence).mean()) == pytest.approx(area, abs=0.005)
    assert float(metrics.relevance_rank(chance, evidence.expand(chance.shape)).mean()) == pytest.approx(area, abs=0.01)
    assert metrics.relevance_mass(-constant, evidence).isnan()
    assert metrics.relevance_rank(constant, torch.zeros(20, 30)).isnan()


def test_measure_asks_the_model_about_silence_filled_features(mel_model, scene):
    features = mel_model.features(scene.clip)
    index = mel_model.class_index("clock_tick")
    full, probabilities = metrics.measure(mel_model, features, torch.ones(64, 501), index)
    assert full.p_kept == pytest.approx(full.p, abs=1e-6)
    silence = features.with_values(torch.full_like(features.values, -100.0))
    assert full.p_removed == pytest.approx(float(mel_model.probabilities(silence)[0, index]), abs=1e-5)
    assert full.degenerate
    assert math.isnan(full.SPS)
    assert probabilities.shape == (3, 10)
    half = (torch.arange(501) < 250).float().expand(64, 501)
    got, probabilities = metrics.measure(mel_model, features, half, index)
    kept = torch.where(half > 0, features.values, torch.tensor(-100.0))
    wanted = mel_model.probabilities(features.with_values(kept))[0]
    assert torch.allclose(probabilities[1], wanted, atol=1e-5)
    assert got.FF == pytest.approx(got.p - got.p_removed, abs=1e-6)
    assert got.kept_area == pytest.approx(250 / 501)
    assert not got.degenerate
    assert list(got.as_dict())[:7] == ["FF", "AI", "AD", "AG", "FidIn", "SPS", "COMP"]


def test_public_names():
    assert set(metrics.__all__) <= set(dir(ew.metrics))
