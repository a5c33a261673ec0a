import math

import numpy as np
import pytest
import torch

from earwitness.core.errors import ParameterError
from earwitness.perturb import coalitions


@pytest.mark.parametrize("n", [1, 2, 5, 14])
def test_every_coalition_once(n):
    rows = coalitions.every(n)
    assert rows.shape == (2**n, n)
    assert len(torch.unique(rows, dim=0)) == 2**n
    assert not rows[0].any()
    assert rows[-1].all()


def test_too_many_are_refused():
    with pytest.raises(ParameterError, match=r"15 components; expected 1 to 14"):
        coalitions.every(15)
    with pytest.raises(ParameterError, match="at least 2"):
        coalitions.shapley_kernel(10, 1, generator=torch.Generator())


def test_bernoulli_starts_full_and_keeps_its_share(generator):
    rows = coalitions.bernoulli(4000, 9, generator=generator, keep=0.3)
    assert rows[0].all()
    assert float(rows[1:].float().mean()) == pytest.approx(0.3, abs=0.01)
    again = coalitions.bernoulli(4000, 9, generator=torch.Generator().manual_seed(0), keep=0.3)
    assert torch.equal(rows, again)


def test_shapley_kernel_has_the_kernels_sizes_and_pairs(generator):
    n = 6
    rows = coalitions.shapley_kernel(40000, n, generator=generator)
    assert torch.equal(rows[::2], ~rows[1::2])
    sizes = torch.bincount(rows.sum(1), minlength=n + 1).double() / len(rows)
    wanted = torch.tensor([0.0] + [(n - 1) / (s * (n - s)) for s in range(1, n)] + [0.0], dtype=torch.float64)
    assert torch.allclose(sizes, wanted / wanted.sum(), atol=0.01)
    of_size_one = rows[rows.sum(1) == 1].float().mean(0)
    assert torch.allclose(of_size_one, torch.full((n,), 1 / n), atol=0.02)


def test_distinct_rows_with_counts(generator):
    rows = coalitions.bernoulli(500, 4, generator=generator)
    found, counts, index = coalitions.distinct(rows)
    assert len(found) <= 16
    assert int(counts.sum()) == 500
    assert torch.equal(found[index], rows)


def slow_relax_mask(grid, shift, shape, padding=3):
    """The published steps one by one, in numpy: bilinear to the plane, reflect padding, crop."""
    n_bins, n_frames = shape

    def place(k, size, cells):
        x = min(max((k + 0.5) * cells / size - 0.5, 0), cells - 1)
        low = min(math.floor(x), cells - 1)
        return low, min(low + 1, cells - 1), x - low

    grown = np.zeros(shape)
    for f in range(n_bins):
        f0, f1, fw = place(f, n_bins, grid.shape[0])
        for t in range(n_frames):
            t0, t1, tw = place(t, n_frames, grid.shape[1])
            grown[f, t] = ((1 - fw) * ((1 - tw) * grid[f0, t0] + tw * grid[f0, t1])
                           + fw * ((1 - tw) * grid[f1, t0] + tw * grid[f1, t1]))
    padded = np.pad(grown, padding, mode="reflect")
    return padded[shift[0] : shift[0] + n_bins, shift[1] : shift[1] + n_frames]


@pytest.mark.parametrize("cells", [(7, 7), (1, 7), (7, 1)])
def test_soft_masks_are_the_published_steps(generator, cells):
    grids = (torch.rand(3, *cells, generator=generator) < 0.5).double()
    shifts = torch.randint(7, (3, 2), generator=generator)
    got = coalitions.soft_masks(grids, shifts, (12, 20))
    assert got.min() >= 0
    assert got.max() <= 1 + 1e-12
    for k in range(3):
        wanted = slow_relax_mask(grids[k].numpy(), shifts[k].tolist(), (12, 20))
        np.testing.assert_allclose(got[k], wanted, atol=1e-6)


def test_full_and_empty_grids_stay_so():
    grids = torch.stack([torch.zeros(7, 7), torch.ones(7, 7)])
    got = coalitions.soft_masks(grids, torch.tensor([[0, 6], [3, 2]]), (9, 11))
    assert torch.equal(got[0], torch.zeros(9, 11))
    assert torch.allclose(got[1], torch.ones(9, 11))


def test_codes_tell_coalitions_apart():
    assert sorted(coalitions.codes(coalitions.every(7)).tolist()) == list(range(128))


@pytest.mark.parametrize("n", [5, 70])
def test_distinct_coalitions_come_in_the_order_of_their_first_draw(n, generator):
    """As numbers where they fit into 62 bits, as rows where they do not."""
    rows = (torch.rand(40, n, generator=generator) < 0.5)[torch.randint(40, (200,), generator=generator)]
    unique, counts, index = coalitions.distinct(rows)
    slow = list(dict.fromkeys(map(tuple, rows.tolist())))
    assert [tuple(row) for row in unique.tolist()] == slow
    assert torch.equal(unique[index], rows)
    assert counts.tolist() == [sum(tuple(row) == each for row in rows.tolist()) for each in slow]
