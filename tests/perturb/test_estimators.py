import itertools
import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.metrics import pairwise_distances

from earwitness.core.errors import ParameterError
from earwitness.perturb import coalitions, estimators


@pytest.mark.parametrize("distance", ["cosine", "l2"])
def test_kernel_weights_are_limes(generator, distance):
    rows = torch.cat([coalitions.bernoulli(50, 8, generator=generator), torch.zeros(1, 8, dtype=torch.bool)])
    data = rows.double().numpy()
    distances = pairwise_distances(data, np.ones((1, 8)), metric=distance)[:, 0]
    wanted = np.sqrt(np.exp(-(distances**2) / 0.25**2))
    np.testing.assert_allclose(estimators.lime_weights(rows, distance=distance), wanted, rtol=1e-10, atol=1e-300)


def test_one_component_off_weighs_almost_nothing_with_l2():
    row = torch.ones(1, 10)
    row[0, 3] = 0
    assert float(estimators.lime_weights(row, distance="l2")) == pytest.approx(3.4e-4, rel=0.02)
    assert float(estimators.lime_weights(row)) == pytest.approx(0.979, abs=0.001)


@pytest.mark.parametrize("alpha", [0.0, 1.0, 30.0])
def test_ridge_is_scikit_learns(generator, alpha):
    rows = coalitions.bernoulli(200, 7, generator=generator)
    scores = torch.randn(200, generator=generator, dtype=torch.float64)
    weights = torch.rand(200, generator=generator, dtype=torch.float64)
    got, intercept = estimators.weighted_ridge(rows, scores, weights, alpha=alpha)
    wanted = Ridge(alpha=alpha).fit(rows.double().numpy(), scores.numpy(), sample_weight=weights.numpy())
    np.testing.assert_allclose(got, wanted.coef_, atol=1e-9)
    assert float(intercept) == pytest.approx(wanted.intercept_, abs=1e-9)


def test_counts_stand_for_repeated_rows(generator):
    """70,000 draws over 10 components equal at most 1,024 counted rows."""
    rows = coalitions.bernoulli(70000, 10, generator=generator)
    found, counts, index = coalitions.distinct(rows)
    assert len(found) <= 1024
    scores = torch.randn(len(found), generator=generator, dtype=torch.float64)
    once = estimators.weighted_ridge(found, scores, estimators.lime_weights(found) * counts)[0]
    every = estimators.weighted_ridge(rows, scores[index], estimators.lime_weights(rows))[0]
    torch.testing.assert_close(once, every, atol=1e-11, rtol=0)


def test_weightless_coalitions_are_said():
    with pytest.raises(ParameterError, match="weigh nothing"):
        estimators.weighted_ridge(torch.ones(3, 2), torch.ones(3), torch.zeros(3))
    with pytest.raises(ParameterError, match="unknown distance"):
        estimators.lime_weights(torch.ones(3, 2), distance="euclid")


def slow_shapley(game, n):
    values = np.zeros(n)
    for order in itertools.permutations(range(n)):
        inside = frozenset()
        for k in order:
            values[k] += game[inside | {k}] - game[inside]
            inside |= {k}
    return values / math.factorial(n)


def a_game(n, generator):
    rows = coalitions.every(n)
    scores = torch.randn(2**n, generator=generator, dtype=torch.float64)
    game = {frozenset(np.flatnonzero(row)): float(s) for row, s in zip(rows.numpy(), scores, strict=True)}
    return rows, scores, game


@pytest.mark.parametrize("n", [1, 2, 5])
def test_exact_shapley_is_the_mean_over_orders(generator, n):
    _, scores, game = a_game(n, generator)
    values = estimators.exact_shapley(scores, n)
    np.testing.assert_allclose(values, slow_shapley(game, n), atol=1e-12)
    assert float(values.sum()) == pytest.approx(float(scores[-1] - scores[0]), abs=1e-12)


def test_kernel_shapley_over_all_coalitions_is_exact(generator):
    n = 6
    rows, scores, _ = a_game(n, generator)
    sizes = rows.sum(1)
    inner = (sizes > 0) & (sizes < n)
    kernel = torch.tensor([(n - 1) / (math.comb(n, int(s)) * int(s) * (n - int(s))) for s in sizes[inner]])
    ends = {"empty": float(scores[0]), "full": float(scores[-1])}
    got = estimators.kernel_shapley(rows[inner], scores[inner], **ends, weights=kernel)
    torch.testing.assert_close(got, estimators.exact_shapley(scores, n), atol=1e-6, rtol=0)


def test_sampled_kernel_shapley_is_efficient_and_near(generator):
    n = 8
    rows, scores, _ = a_game(n, generator)
    drawn = coalitions.shapley_kernel(20000, n, generator=generator)
    found, counts, _ = coalitions.distinct(drawn)
    numbers = (found.long() << torch.arange(n)).sum(1)
    ends = {"empty": float(scores[0]), "full": float(scores[-1])}
    got = estimators.kernel_shapley(found, scores[numbers], **ends, weights=counts)
    assert float(got.sum()) == pytest.approx(float(scores[-1] - scores[0]), abs=1e-9)
    torch.testing.assert_close(got, estimators.exact_shapley(scores, n), atol=0.1, rtol=0)
    assert torch.equal(rows[numbers], found)


def test_the_jackknife_of_a_mean_is_its_standard_error(generator):
    x = torch.randn(320, generator=generator, dtype=torch.float64)
    got = estimators.jackknife_error(lambda kept: x[kept].mean()[None], 320, groups=320)
    torch.testing.assert_close(got[0], x.std() / 320**0.5)
    pairs = torch.stack([x, -x], 1).flatten()  # pairs cancel, which only an error by blocks may see
    assert float(estimators.jackknife_error(lambda kept: pairs[kept].mean()[None], 640, block=2)) < 1e-12
    assert float(estimators.jackknife_error(lambda kept: pairs[kept].mean()[None], 640, groups=640)) > 1e-3
    assert estimators.jackknife_error(lambda kept: x[:4][kept].mean()[None], 4, block=4).isinf().all()
