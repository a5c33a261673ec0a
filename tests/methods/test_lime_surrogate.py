"""LIME's linear surrogate against the limit of infinitely many samples."""

import functools

import pytest
import torch

from earwitness.methods.lime_surrogate import LimeSurrogate
from earwitness.perturb import coalitions
from earwitness.perturb.game import CoalitionValues

N = 12


def score(rows):
    """Switches that saturate and work together."""
    on = rows.double()
    return torch.sigmoid(3 * on[:, 0] + 2 * on[:, 1] * on[:, 2] - 2 * on[:, 3] * on[:, 0] + on[:, 4:].mean(1) - 2)


def values_of(drawn):
    rows, _, index = coalitions.distinct(drawn)
    return CoalitionValues(None, rows, score(rows), index)


@functools.cache
def errors(sampling, n_samples):
    """Errors of the weights in 16 draws, (16, N), and the errors that were stated."""
    draw = {"balanced": coalitions.balanced, "independent": coalitions.bernoulli}[sampling]
    exact = LimeSurrogate("cosine", 0.25, 1e-9).fit(values_of(coalitions.every(N)), "independent").components.weights
    fits = []
    for seed in range(16):
        rows = draw(n_samples, N, generator=torch.Generator().manual_seed(seed))
        rows = torch.cat([torch.ones(1, N, dtype=torch.bool), rows[1:]])
        fits.append(LimeSurrogate("cosine", 0.25, 1e-9).fit(values_of(rows), sampling))
    return torch.stack([fit.components.weights for fit in fits]) - exact, [fit.error for fit in fits]


def test_all_coalitions_leave_no_error():
    found = LimeSurrogate("cosine", 0.25, 1e-9).fit(values_of(coalitions.every(N)), "independent")
    assert found.error == 0.0
    assert found.n_samples == 2**N


def test_balanced_samples_are_worth_more_than_twice_as_many_independent_ones():
    assert errors("balanced", 257)[0].pow(2).mean() < errors("independent", 514)[0].pow(2).mean()


@pytest.mark.parametrize("sampling", ["balanced", "independent"])
def test_the_stated_error_is_near_the_real_one(sampling):
    real, stated = errors(sampling, 257)
    largest = float(real.pow(2).mean(0).sqrt().max())
    assert largest / 2 < sum(stated) / len(stated) < 6 * largest


@pytest.mark.parametrize("sampling", ["balanced", "independent"])
def test_no_weight_is_biased(sampling):
    real, _ = errors(sampling, 257)
    assert (real.mean(0).abs() < 5 * real.std(0) / 16**0.5 + 2e-4).all()
