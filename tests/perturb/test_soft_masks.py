"""Grids, sums over masks, and the stand-in that lowers their error."""

import itertools

import pytest
import torch

from earwitness.core.errors import ParameterError
from earwitness.perturb import coalitions
from earwitness.perturb.control_variate import fit_gaussian_processes
from earwitness.perturb.masked_mean import masked_mean
from earwitness.perturb.soft_masks import FAMILIES, SHIFTS, draw_grids, grow_sums, sum_by_shift

SHAPE = (11, 14)


def grids_of(family, n, generator, *, balanced=False, cells=7, keep=0.5):
    return draw_grids(n, family, cells=cells, keep=keep, balanced=balanced, generator=generator)


def masks_of(grids):
    return grids.masks(0, len(grids), torch.zeros(1, *SHAPE, dtype=torch.float64))


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 49])
def test_balanced_coalitions_hold_every_triple_equally_often(n, generator):
    block = coalitions.balanced_block(n)
    rows = coalitions.balanced(block, n, generator=generator)
    assert rows.shape == (block, n)
    for columns in itertools.combinations(range(min(n, 6)), min(3, n)):
        _, counts = torch.unique(rows[:, columns], dim=0, return_counts=True)
        assert set(counts.tolist()) == {block // 2 ** len(columns)}


def test_each_balanced_row_is_as_random_as_a_bernoulli_row(generator):
    """All 2^4 rows come first equally often: a block cut short is unbiased as well."""
    first = torch.stack([coalitions.balanced(1, 4, generator=generator)[0] for _ in range(3200)])
    counts = torch.bincount((first.long() << torch.arange(4)).sum(1), minlength=16)
    assert (counts - 200).abs().max() < 5 * 200**0.5


@pytest.mark.parametrize("family", FAMILIES)
def test_masks_have_the_stated_mean(family, generator):
    grids = grids_of(family, 6000, generator, keep=0.3)
    assert masks_of(grids).mean() == pytest.approx(grids.mean, abs=0.01)


def test_a_time_frequency_mask_is_the_product_of_its_stripes(generator):
    grids = grids_of("time_frequency", 20, generator, cells=4)
    down, along = grids.switches[:, 4:].double(), grids.switches[:, :4].double()
    product = (coalitions.soft_masks(down[:, :, None], grids.shifts, SHAPE)
               * coalitions.soft_masks(along[:, None, :], grids.shifts, SHAPE))
    torch.testing.assert_close(masks_of(grids), product)


@pytest.mark.parametrize("family", FAMILIES)
def test_sums_over_grids_are_sums_over_masks(family, generator):
    grids = grids_of(family, 1500, generator)
    weights = torch.randn(2, 1500, generator=generator, dtype=torch.float64)
    got = grow_sums(sum_by_shift(grids, weights), SHAPE)
    torch.testing.assert_close(got, torch.einsum("kn,nft->kft", weights, masks_of(grids)))


def test_masked_mean_is_the_slow_formula(generator):
    grids = grids_of("random", 30, generator)
    masks, s = masks_of(grids), torch.rand(30, generator=generator, dtype=torch.float64)
    found = masked_mean(grids, s, SHAPE, balanced=False)
    r, u = found.result(normalise="count")
    wanted = (s[:, None, None] * masks).mean(0)
    torch.testing.assert_close(r, wanted)
    torch.testing.assert_close(u, ((s[:, None, None] - wanted) ** 2 * masks).mean(0))
    r, u = found.result(normalise="mask_sum")
    w = masks.sum(0)
    wanted = (s[:, None, None] * masks).sum(0) / w
    torch.testing.assert_close(r, wanted)
    torch.testing.assert_close(u, (s[:, None, None] ** 2 * masks).sum(0) - w * wanted**2)
    with pytest.raises(ParameterError, match="unknown normalise"):
        found.result(normalise="sum")


@pytest.mark.parametrize("d", [2, 5])
def test_the_stand_ins_expectations_are_averages_over_all_switches(d, generator):
    """Closed forms against all 2^d predictions."""
    rows = coalitions.balanced(200, d, generator=generator)
    shifts = torch.randint(7, (200, 2), generator=generator)
    (process,) = fit_gaussian_processes(rows, torch.randn(200, generator=generator), block=coalitions.balanced_block(d),
                                        shifts=shifts)
    every = coalitions.every(d)
    signs, predictions = every.double() * 2 - 1, process.predict(every)
    mean, first, second = process.moments(torch.zeros(1, 2))
    torch.testing.assert_close(mean[0], predictions.mean())
    torch.testing.assert_close(first[0], (predictions[:, None] * signs).mean(0))
    torch.testing.assert_close(second[0, 0, 1], (predictions * signs[:, 0] * signs[:, 1]).mean())


def test_residuals_are_those_of_fits_without_the_block(generator):
    """Slow twin: fit again without each block."""
    block = 16
    rows = coalitions.balanced(80, 8, generator=generator)
    scores = torch.randn(80, generator=generator, dtype=torch.float64)
    (found,) = fit_gaussian_processes(rows, scores, block=block)
    averaged = torch.zeros(32, dtype=torch.float64)
    probe = coalitions.balanced(32, 8, generator=generator)
    for first in range(0, 80, block):
        kept = torch.ones(80, dtype=torch.bool)
        kept[first : first + block] = False
        from earwitness.perturb import control_variate

        z = rows[kept].double() * 2 - 1
        nowhere = torch.zeros(len(z), 2, dtype=torch.float64)
        k = control_variate._kernel(z, nowhere, z, nowhere) + control_variate.NOISE * torch.eye(len(z))
        alpha = torch.linalg.solve(k, scores[kept])
        left = rows[~kept].double() * 2 - 1
        predicted = control_variate._kernel(left, nowhere[:block], z, nowhere) @ alpha
        torch.testing.assert_close(found.residuals[~kept], scores[~kept] - predicted)
        averaged += control_variate._kernel(probe.double() * 2 - 1, nowhere[:32], z, nowhere) @ alpha * block / 80
    torch.testing.assert_close(found.predict(probe), averaged)


def nonlinear(grids):
    """A score of switches and shifts with strong interactions."""
    on = grids.switches.double()
    n = on.shape[1]
    return torch.sigmoid(4 * on[:, 0] + 3 * on[:, 1] * on[:, 2] - 2 * on[:, n - 1] * on[:, 0] + on.mean(1)
                         + 0.2 * grids.shifts[:, 0].double() - 3)


@pytest.mark.parametrize("family", ["random", "time_frequency"])
def test_the_better_estimate_is_unbiased_and_nearer(family):
    """The mean of many estimates is the truth within its own error, and each is nearer than plain ones."""
    truth = masked_mean(many := grids_of(family, 150_000, torch.Generator().manual_seed(9), cells=4),
                        nonlinear(many), SHAPE, balanced=False).result()[0]
    errors = {}
    for balanced in (False, True):
        estimates = []
        for seed in range(40):
            grids = grids_of(family, 256, torch.Generator().manual_seed(seed), balanced=balanced, cells=4)
            estimates.append(masked_mean(grids, nonlinear(grids), SHAPE, balanced=balanced).result()[0])
        stacked = torch.stack(estimates)
        errors[balanced] = float(((stacked - truth) ** 2).mean().sqrt())
        bias = (stacked.mean(0) - truth).abs()
        assert (bias < 4.5 * stacked.std(0) / 40**0.5 + 0.003).all(), "biased"
    assert errors[True] < errors[False] / 3**0.5, errors


def test_the_standard_error_is_what_estimates_scatter_by():
    for balanced in (False, True):
        centre, errors = [], []
        for seed in range(30):
            grids = grids_of("time", 512, torch.Generator().manual_seed(seed), balanced=balanced)
            found = masked_mean(grids, nonlinear(grids), SHAPE, balanced=balanced)
            centre.append(found.result()[0][0])
            errors.append(found.error)
        scatter, stated = float(torch.stack(centre).std(0).max()), sum(errors) / 30
        assert scatter / 2 < stated < (4 if not balanced else 20) * scatter


def test_balanced_masks_need_a_fair_coin(generator):
    with pytest.raises(ParameterError, match="sampling='independent'"):
        grids_of("random", 10, generator, balanced=True, keep=0.3)
    assert len(SHIFTS) == 49
