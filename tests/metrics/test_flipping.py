import pytest
import torch

from earwitness.core.errors import ParameterError
from earwitness.metrics import bootstrap_interval, flip, wilson_interval
from earwitness.models.eval_mode import eval_mode
from earwitness.targets.counted_score import CountedScore
from earwitness.targets.scores import ClassLogit
from tests.made_models import additive, noise_clip


@pytest.fixture
def item(generator):
    model = additive(generator)
    features = model.features(noise_clip(generator))
    contributions = ((features.values[0] + 100) * model.network.weights[0]).detach()
    return ClassLogit(model, 0), features, contributions


def slow_flip(score, features, values, n_blocks):
    order = sorted(range(values.numel()), key=lambda k: -float(values.flatten()[k]))
    left, scores = features.values.clone(), [float(score(features).detach())]
    for block in range(n_blocks):
        for place, k in enumerate(order):
            if place * n_blocks // len(order) == block:
                left[0, k // values.shape[1], k % values.shape[1]] = -100.0
        scores.append(float(score(features.with_values(left)).detach()))
    return scores


def test_the_curve_is_the_slow_one(item):
    score, features, values = item
    with eval_mode(score.model.network):
        found = flip(score, features, values, n_blocks=7)
        assert found.scores.tolist() == pytest.approx(slow_flip(score, features, values, 7), abs=1e-4)
    assert found.shares[0] == 0
    assert found.shares[-1] == 1
    assert found.shares.diff().tolist() == pytest.approx([1 / 7] * 7, abs=1e-3)


def test_a_right_map_falls_first_and_a_wrong_one_last(item, generator):
    score, features, values = item
    with eval_mode(score.model.network):
        most, least, random = (flip(score, features, values, order=order, generator=generator).auc
                               for order in ("most", "least", "random"))
        turned = flip(score, features, -values).auc
    assert most < random < least
    assert turned == pytest.approx(least, rel=1e-3)


def test_the_area_does_not_grow_with_the_steps(item):
    score, features, values = item
    with eval_mode(score.model.network):
        areas = [flip(score, features, values, n_blocks=n).auc for n in (20, 100, 500)]
    assert areas[0] == pytest.approx(areas[2], rel=0.05)
    assert areas[1] == pytest.approx(areas[2], rel=0.01)


def test_a_constant_score_has_its_own_area(item):
    _, features, values = item

    class Constant:
        model = item[0].model

        def __call__(self, features):
            return torch.full((len(features),), 0.7)

    assert flip(Constant(), features, values).auc == pytest.approx(0.7)


def test_a_hundred_blocks_cost_101_passes(item):
    score, features, values = item
    counted = CountedScore(score)
    with eval_mode(score.model.network):
        flip(counted, features, values, n_blocks=100)
    assert counted.passes["forward"] == 101


def test_what_does_not_fit_is_refused(item):
    score, features, values = item
    for message, kwargs in (("n_blocks is 0", {"n_blocks": 0}), ("n_blocks is 5000", {"n_blocks": 5000}),
                            ("needs a generator", {"order": "random"}), ("unknown order", {"order": "worst"})):
        with pytest.raises(ParameterError, match=message):
            flip(score, features, values, **kwargs)
    with pytest.raises(ParameterError, match="values has shape"):
        flip(score, features, values[1:])


def test_wilson_known_answers():
    assert wilson_interval(0, 10) == pytest.approx((0.0, 0.27753), abs=1e-4)
    assert wilson_interval(50, 100) == pytest.approx((0.40383, 0.59617), abs=1e-4)
    with pytest.raises(ParameterError, match="11 of 10"):
        wilson_interval(11, 10)


def test_the_bootstrap_covers_the_mean_as_often_as_it_says(generator):
    hits = 0
    for _ in range(200):
        low, high = bootstrap_interval(torch.randn(40, generator=generator), generator=generator)
        hits += low < 0 < high
    assert 0.88 <= hits / 200 <= 0.99
    low, high = bootstrap_interval(torch.tensor([1.0, float("nan")]), generator=generator)
    assert low != low
    assert high != high
