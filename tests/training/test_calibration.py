import pytest
import torch
from torch import nn

from earwitness.core.errors import ParameterError
from earwitness.training.calibration import best_temperature, divide_logits
from earwitness.training.fitting import borrowed_rng


def test_the_temperature_that_made_the_labels_is_found(generator):
    logits = 3 * torch.randn(20000, 4, generator=generator)
    targets = torch.multinomial(torch.softmax(logits / 1.7, 1), 1, generator=generator)[:, 0]
    assert best_temperature(logits, targets) == pytest.approx(1.7, rel=0.05)


def test_dividing_the_last_layer_divides_the_logits(generator):
    with borrowed_rng(0):
        network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    values = torch.randn(5, 3, generator=generator)
    expected = network(values) / 0.5
    divide_logits(network, 0.5)
    torch.testing.assert_close(network(values), expected)


def test_a_network_without_a_linear_layer_is_refused():
    with pytest.raises(ParameterError, match="no linear layer"):
        divide_logits(nn.Sequential(nn.ReLU()), 2.0)
