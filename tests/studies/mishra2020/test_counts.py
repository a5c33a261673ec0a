import numpy as np
import pytest
import torch

import earwitness as ew
from earwitness.core.errors import ParameterError
from earwitness.perturb.components import Segments, WeightedComponents
from earwitness.studies.mishra2020 import common_components, top_components, unique_components


def test_the_published_rows_of_table_2():
    """Explanations of instance 435 by five fills: few components in common."""
    zero, min_data, min_inp, mean_inp, noise = [4, 3, 6], [4, 1, 5], [1, 3, 5], [6, 9, 1], [1, 0, 9]
    assert [common_components(zero, other) for other in (min_data, min_inp, mean_inp, noise)] == [1, 1, 1, 0]
    assert unique_components([zero, min_data, min_inp, mean_inp, noise]) == 7
    assert common_components([7, 8, 9], [7, 8, 9]) == 3  # instance 1578


def test_equal_runs_have_three_and_disjoint_runs_fifteen():
    weights = torch.arange(20.0)
    assert unique_components([weights] * 5) == 3
    assert unique_components([weights.roll(3 * k) for k in range(5)]) == 15
    assert unique_components([weights] * 5, top=4) == 4


def test_the_order_and_the_sign_do_not_count():
    a, b = [0.5, -0.9, 0.1, 0.3], [-0.9, 0.5, 0.3, 0.1]
    assert top_components(a) == (1, 0, 3)
    assert unique_components([a, b]) == 4  # 0 1 3 and 0 1 2
    assert common_components(a, b) == 2
    assert top_components(a, positive=True) == (0, 3, 2)


@pytest.mark.parametrize("make", [list, tuple, np.array, torch.tensor])
def test_any_sequence_of_weights_or_numbers(make):
    assert top_components(make([0.1, 0.9, 0.5, 0.2])) == (1, 2, 3)
    assert top_components(make([7, 3, 5, 1])) == (7, 3, 5)
    assert common_components({1, 2, 3}, make([0.1, 0.9, 0.5, 0.2])) == 3


def test_attributions_and_components_are_taken_as_they_are():
    parts = WeightedComponents(Segments(torch.zeros(1, 4, dtype=torch.long), list("abcd")),
                               torch.tensor([0.0, 3.0, 2.0, -4.0]))
    attribution = ew.Attribution(torch.zeros(1, 4), "vocal", "slime", components=parts)
    assert top_components(attribution) == top_components(parts) == (3, 1, 2)
    assert unique_components([attribution, parts]) == 3


@pytest.mark.parametrize(("explanation", "message"), [
    ([1, 1, 2], "expected distinct ones"), ([-1, 2], "expected distinct ones"), ([], "expected one finite weight"),
    ([0.1, float("nan")], "expected one finite weight"), ("abc", "expected one finite weight"),
    ([[1.0]], "expected one finite weight"),
])
def test_what_is_no_explanation_is_refused(explanation, message):
    with pytest.raises(ParameterError, match=message):
        top_components(explanation)
    with pytest.raises(ParameterError, match=message):
        unique_components([explanation])


def test_no_runs_and_no_top_are_refused():
    with pytest.raises(ParameterError, match="runs is empty"):
        unique_components([])
    with pytest.raises(ParameterError, match="top is 0"):
        unique_components([[0.1, 0.2]], top=0)
