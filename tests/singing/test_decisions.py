import math

import pytest
import torch

from earwitness.core.errors import ParameterError
from earwitness.singing import decisions


def test_figures_known_answer():
    said = [torch.tensor([1, 1, 1, 0]), torch.tensor([0, 0, 0, 1])]
    true = [torch.tensor([1, 1, 0, 0]), torch.tensor([1, 0, 0, 1])]
    found = decisions.figures(said, true)
    assert found.error == 2 / 8
    assert (found.precision, found.recall, found.specificity) == (3 / 4, 3 / 4, 3 / 4)
    assert found.f_score == pytest.approx(0.75)


def test_a_share_of_nothing_is_one():
    found = decisions.figures([torch.tensor([False])], [torch.tensor([False])])
    assert (found.error, found.precision, found.recall, found.specificity, found.f_score) == (0, 1, 1, 1, 1)
    with pytest.raises(ParameterError, match="1 decisions for 2 annotated frames"):
        decisions.figures([torch.tensor([True])], [torch.tensor([True, True])])


def test_the_median_removes_what_is_shorter_than_half_of_it():
    curve = torch.zeros(200)
    curve[50:70] = 1.0
    curve[100:140] = 1.0
    smooth = decisions.smoothed(curve)
    assert smooth.shape == curve.shape
    assert not smooth[:90].any()
    assert smooth[110:130].min() == 1.0


def test_the_only_song_chooses_the_middle_of_the_thresholds_that_part_it():
    curve = torch.tensor([0.1, 0.2, 0.7, 0.9])
    best = decisions.best_threshold([curve], [curve > 0.5])
    assert best == 0.45
    assert math.isclose(decisions.figures([curve > best], [curve > 0.5]).error, 0.0)


def test_the_threshold_leaves_a_half_only_where_songs_agree():
    true = torch.tensor([0, 0, 1, 1]).bool()
    high, low = torch.tensor([0.7, 0.7, 0.9, 0.9]), torch.tensor([0.1, 0.1, 0.3, 0.3])
    assert decisions.best_threshold([high] * 4, [true] * 4) == 0.7
    assert decisions.best_threshold([high, high, low, high], [true] * 4) == 0.7
    clear = torch.tensor([0.2, 0.2, 0.8, 0.8])
    for n_songs in range(2, 12):
        assert decisions.best_threshold([high] + [clear] * (n_songs - 1), [true] * n_songs) == 0.5
    assert decisions.best_threshold([high, high] + [clear] * 5, [true] * 7) == 0.7


def test_two_songs_weigh_as_many_frames_as_they_have():
    long, short = torch.tensor([0.8] * 50 + [0.9] * 50), torch.tensor([0.2, 0.3])
    truths = [torch.arange(100) >= 50, torch.tensor([False, True])]
    assert decisions.best_threshold([long, short, long], [truths[0], truths[1], truths[0]]) >= 0.8


@pytest.mark.parametrize("offset", [-3.0, 0.0, 4.0])
def test_the_song_threshold_moves_with_the_song(offset, generator):
    odds = torch.cat([torch.randn(300, generator=generator) - 2, torch.randn(200, generator=generator) + 2])
    found = decisions.song_threshold(torch.sigmoid(odds + offset))
    said = torch.sigmoid(odds + offset) > found
    assert said[:300].float().mean() < 0.05
    assert said[300:].float().mean() > 0.95


def test_a_flat_curve_has_the_song_threshold_a_half():
    assert decisions.song_threshold(torch.full((50,), 0.9)) == 0.5
    assert 0 < decisions.song_threshold(torch.tensor([0.0, 1.0])) < 1
