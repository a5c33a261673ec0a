import pytest
import torch
from torch import nn

from earwitness.core.errors import ParameterError
from earwitness.perturb.coalitions import every
from earwitness.perturb.receptive_field import ReceptiveField
from earwitness.perturb.receptive_field.geometry import Geometry, Interval, Window
from earwitness.perturb.receptive_field.parts import Variants, separable_parts
from tests.perturb.receptive_field.zoo import FREQ, TIME, networks

NETWORKS = networks()
LABELS = {
    "temporal": (torch.arange(TIME) // 7).expand(FREQ, TIME),
    "spectral": (torch.arange(FREQ) // 3)[:, None].expand(FREQ, TIME),
    "grid": (torch.arange(FREQ) // 6)[:, None] * 3 + (torch.arange(TIME) // 14),
}


def item(seed=0):
    generator = torch.Generator().manual_seed(seed)
    values, fill = torch.randn(2, FREQ, TIME, generator=generator, dtype=torch.float64)
    return values, fill


def some(kind, count, seed=1):
    n = int(LABELS[kind].max()) + 1
    coalitions = torch.rand(count, n, generator=torch.Generator().manual_seed(seed)) < 0.5
    coalitions[0] = True
    return coalitions


def plainly(function, kind, coalitions):
    """The slow twin: every masked input through the network."""
    values, fill = item()
    with torch.no_grad():
        return function(torch.where(coalitions[:, LABELS[kind]], values, fill))


@pytest.mark.parametrize("always", [True, False], ids=["always", "where_it_pays"])
@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_are_those_of_plain_evaluation(name, kind, always):
    network, coalitions = NETWORKS[name], some(kind, 21)
    wanted = plainly(network, kind, coalitions)
    field = ReceptiveField(network, *item(), LABELS[kind])
    torch.testing.assert_close(field(coalitions, always=always), wanted, rtol=0, atol=1e-12 * float(wanted.abs().max()))
    torch.testing.assert_close(field(coalitions, batch=8, always=always), wanted, rtol=0,
                               atol=1e-12 * float(wanted.abs().max()))
