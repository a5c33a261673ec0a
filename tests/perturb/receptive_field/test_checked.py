import pytest
import torch
from torch import nn
from torch.nn import functional as F

from earwitness.perturb.coalitions import every
from earwitness.perturb.receptive_field import CannotReuse, ReceptiveField, reuse
from tests.perturb.receptive_field.test_receptive_field import LABELS, NETWORKS, item, plainly, some
from tests.perturb.receptive_field.zoo import Function, conv

TEMPORAL = LABELS["temporal"]


def test_a_network_that_can_be_shared_comes_back_ready():
    field = reuse(NETWORKS["plain"], *item(), TEMPORAL, network=NETWORKS["plain"])
    assert isinstance(field, ReceptiveField)
    torch.testing.assert_close(field(every(6)), plainly(NETWORKS["plain"], "temporal", every(6)))


def test_a_network_is_checked_once_and_again_when_it_changes():
    network = Function(lambda m, x: F.relu(m.a(x[:, None])).mean((2, 3)), a=conv(1, 3)).eval().double()
    calls = []

    def function(x):
        calls.append(len(x))
        return network(x)

    def ask(labels=TEMPORAL):
        calls.clear()
        assert isinstance(reuse(function, *item(len(calls)), labels, network=network), ReceptiveField)
        return len(calls)

    assert ask() > 6
    assert ask() == 0
    assert 0 < ask(TEMPORAL.roll(1, 1).cummax(1).values.clamp(max=5)) <= 2  # other borders: only the price is new
    assert ask(LABELS["spectral"]) > 6
    with torch.no_grad():
        network.a.weight.mul_(2)
    assert ask() > 6


LIARS = {
    "a mean over the batch": lambda x: x.mean((1, 2))[:, None] - x.mean((1, 2)).mean(),
    "the size of the batch": lambda x: x.amax((1, 2)) * len(x),
    "the first of the batch": lambda x: F.relu(x).sum((1, 2)) + x[0, 0, 0],
}


@pytest.mark.parametrize("name", LIARS)
def test_functions_that_mix_inputs_are_caught(name):
    words = reuse(LIARS[name], *item(), TEMPORAL, network=None)
    assert isinstance(words, str)
    assert "sharing moved the output" in words or "cannot be shared" in words


def test_noise_is_caught():
    generator = torch.Generator().manual_seed(0)

    def noisy(x):
        return x.sum((1, 2)) + torch.rand(1, generator=generator, dtype=x.dtype)

    assert "sharing moved the output" in reuse(noisy, *item(), TEMPORAL, network=None)


REFUSED = {
    "a batch norm measures the batch": lambda x: F.batch_norm(x[:, None], None, None, training=True),
    "looks at its numbers": lambda x: x * 2 if x[0, 0, 0] > 0 else x,
    "inputs together": lambda x: x - x.mean(),
    "indices of a pooling": lambda x: F.max_pool1d(x, 2, return_indices=True)[1],
    "in another way": lambda x: (x[:, None].mul_(2), x)[1],
    "not one row per input": lambda x: x[0],
    "writes into its maps": lambda x: x.cumsum_(2),
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_is_not_known_to_be_right_is_refused(words):
    with pytest.raises(CannotReuse, match=words):
        ReceptiveField(REFUSED[words], *item(), TEMPORAL)(some("temporal", 8), always=True)
    assert words in reuse(REFUSED[words], *item(), TEMPORAL, network=None)


def test_looks_at_numbers_behind_the_pooling_are_refused_too():
    def branching(x):
        pooled = x.mean((1, 2))
        return pooled * 2 if bool((pooled > 0).any()) else pooled

    with pytest.raises(CannotReuse, match="looks at its numbers"):
        ReceptiveField(branching, *item(), TEMPORAL)(some("temporal", 8))


def test_looks_at_constants_are_fine():
    scale = torch.tensor([2.0])
    coalitions = some("temporal", 8)
    got = ReceptiveField(lambda x: x.mean((1, 2)) * float((scale * 3).sum()), *item(), TEMPORAL)(coalitions)
    torch.testing.assert_close(got, 6 * plainly(lambda x: x.mean((1, 2)), "temporal", coalitions))


def test_what_does_not_pay_is_said_to():
    everything = nn.Conv2d(1, 4, TEMPORAL.shape).double()
    words = reuse(lambda x: everything(x[:, None]).flatten(1), *item(), TEMPORAL, network=None)
    assert words == "sharing does not pay: 64 coalitions would cost 64 passes"
    matrix = torch.ones(40, 2).double()
    words = reuse(lambda x: torch.fft.rfft(x, dim=1).abs() @ matrix, *item(), TEMPORAL, network=None)
    assert "does not pay" in words


def test_errors_of_an_odd_network_become_words():
    words = reuse(lambda x: torch.as_tensor(x.numpy().sum((1, 2))), *item(), TEMPORAL, network=None)
    assert words.startswith("the network cannot be shared: ")


def test_parts_of_other_shapes_are_said_to_be():
    assert "contiguous" in reuse(NETWORKS["plain"], *item(), TEMPORAL % 2, network=None)
