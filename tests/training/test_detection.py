import math

import pytest
import torch

from earwitness.errors import ParameterError
from earwitness.training import detection


def test_figures_known_answer():
    said = [torch.tensor([1, 1, 1, 0]), torch.tensor([0, 0, 0, 1])]
    true = [torch.tensor([1, 1, 0, 0]), torch.tensor([1, 0, 0, 1])]
    found = detection.figures(said, true)
    assert found.error == 2 / 8
    assert (found.precision, found.recall, found.specificity) == (3 / 4, 3 / 4, 3 / 4)
    assert found.f_score == pytest.approx(0.75)


def test_a_share_of_nothing_is_one():
    found = detection.figures([torch.tensor([False])], [torch.tensor([False])])
    assert (found.error, found.precision, found.recall, found.specificity, found.f_score) == (0, 1, 1, 1, 1)
    with pytest.raises(ParameterError, match="1 decisions for 2 annotated frames"):
        detection.figures([torch.tensor([True])], [torch.tensor([True, True])])


def test_the_median_removes_what_is_shorter_than_half_of_it():
    curve = torch.zeros(200)
    curve[50:70] = 1.0
    curve[100:140] = 1.0
    smooth = detection.smoothed(curve)
    assert smooth.shape == curve.shape
    assert not smooth[:90].any()
    assert smooth[110:130].min() == 1.0


def test_the_best_threshold_separates():
    curve = torch.tensor([0.1, 0.2, 0.7, 0.9])
    best = detection.best_threshold([curve], [curve > 0.5])
    assert 0.2 <= best < 0.7
    assert math.isclose(detection.figures([curve > best], [curve > 0.5]).error, 0.0)
