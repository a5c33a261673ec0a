"""Means of resampled sets, and their intervals."""

import numpy as np
import pytest

from earwitness.metrics.intervals import percentile_interval, resampled_means


def test_resampled_means_are_those_of_what_was_drawn():
    rng = np.random.default_rng(0)
    values = rng.random((6, 3))
    values[2, 1] = np.nan
    drawn = rng.integers(6, size=(50, 6))
    counts = np.stack([np.bincount(row, minlength=6) for row in drawn])
    known = np.isfinite(values)
    means = resampled_means(np.where(known, values, 0.0), known, counts)
    slowly = np.stack([np.nanmean(values[row], axis=0) for row in drawn])
    assert means == pytest.approx(slowly, abs=1e-12)


def test_groups_are_drawn_as_wholes():
    means = resampled_means(np.array([[6.0], [1.0]]), np.array([[3], [1]]), np.array([[1, 1], [0, 2]]))
    assert means.tolist() == [[7 / 4], [1.0]]


def test_a_column_without_numbers_has_no_interval():
    means = np.column_stack([np.linspace(0, 1, 1001), np.full(1001, np.nan)])
    low, high = percentile_interval(means)
    assert (low[0], high[0]) == pytest.approx((0.025, 0.975))
    assert np.isnan([low[1], high[1]]).all()
    means[0, 0] = np.nan
    assert percentile_interval(means)[1][0] == pytest.approx(0.975, abs=1e-3)
