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


SHARED = ["plain", "residual", "strided_and_dilated", "grouped", "average_pools", "max_pools", "many_channels",
          "transposed_and_flattened", "returns_maps"]


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("name", SHARED)
def test_local_networks_are_shared_to_the_end(name, kind):
    field = ReceptiveField(NETWORKS[name], *item(), LABELS[kind])
    run = field.shared_forward(some(kind, 21), always=True)
    run(NETWORKS[name])
    assert run.expansions == []


def test_work_is_that_of_the_variants():
    """Two of three stretches of 2 frames meet in the windows of frames 1, 2, 3, 4; frames 0 and 5 see one."""
    layer = nn.Conv2d(1, 5, 3, padding=1).double()
    labels = (torch.arange(6) // 2).expand(4, 6)
    values, fill = item()
    field = ReceptiveField(lambda x: layer(x[:, None]), values[:4, :6], fill[:4, :6], labels)
    assert field.passes(every(3)) == pytest.approx((2 * 2 + 4 * 4) / 6)


@pytest.mark.parametrize("name", NETWORKS)
def test_foreseen_work_never_exceeds_plain_evaluation(name):
    field = ReceptiveField(NETWORKS[name], *item(), LABELS["temporal"])
    assert 1 <= field.passes(some("temporal", 30)) <= 30.001


def test_batches_become_smaller_where_memory_is_short(monkeypatch):
    network, coalitions = NETWORKS["squeeze_and_excitation"], some("temporal", 40)
    wanted = plainly(network, "temporal", coalitions)
    monkeypatch.setattr("earwitness.perturb.receptive_field.forward.EXPANDED_BYTES", 7 * 4 * FREQ * TIME * 8)
    sizes = []

    def function(x):
        sizes.append(len(x))
        return network(x)

    got = ReceptiveField(function, *item(), LABELS["temporal"])(coalitions)
    assert sizes == [40, 7, 7, 7, 7, 7, 5]
    torch.testing.assert_close(got, wanted, rtol=0, atol=1e-12)


def test_batches_of_one():
    for name in ("squeeze_and_excitation", "attention_head", "gated", "instance_norm"):
        coalitions = some("grid", 4)
        got = ReceptiveField(NETWORKS[name], *item(), LABELS["grid"])(coalitions, batch=1, always=True)
        torch.testing.assert_close(got, plainly(NETWORKS[name], "grid", coalitions), rtol=0, atol=1e-12)


def test_maps_that_are_too_large_are_not_shared(monkeypatch):
    monkeypatch.setattr("earwitness.perturb.receptive_field.forward.CELLS_BYTES", 1000)
    coalitions = some("temporal", 9)
    field = ReceptiveField(NETWORKS["plain"], *item(), LABELS["temporal"])
    run = field.shared_forward(coalitions, always=True)
    torch.testing.assert_close(run(field.function), plainly(NETWORKS["plain"], "temporal", coalitions))
    assert run.expansions == ["convolution"]


def test_more_than_64_parts():
    labels = torch.arange(70).flip(0).expand(FREQ, 70)  # numbers need not ascend
    generator = torch.Generator().manual_seed(2)
    values, fill = torch.randn(2, FREQ, 70, generator=generator, dtype=torch.float64)
    coalitions = torch.rand(11, 70, generator=generator) < 0.5
    with torch.no_grad():
        wanted = NETWORKS["plain"](torch.where(coalitions[:, labels], values, fill))
    torch.testing.assert_close(ReceptiveField(NETWORKS["plain"], values, fill, labels)(coalitions, always=True), wanted)


def test_inputs_are_left_alone():
    values, fill = item()
    ReceptiveField(lambda x: x.mul_(2).sum((1, 2)), values, fill, LABELS["temporal"])(some("temporal", 5))
    assert torch.equal(values, item()[0])
    assert torch.equal(fill, item()[1])


def test_bad_arguments():
    values, fill = item()
    with pytest.raises(ParameterError, match=r"labels \(12, 39\)"):
        ReceptiveField(NETWORKS["plain"], values, fill, LABELS["temporal"][:, 1:])
    with pytest.raises(ParameterError, match="contiguous"):
        ReceptiveField(NETWORKS["plain"], values, fill, LABELS["temporal"] % 2)
    with pytest.raises(ParameterError, match=r"expected \(k, 6\)"):
        ReceptiveField(NETWORKS["plain"], values, fill, LABELS["temporal"])(torch.ones(3, 5).bool())


@pytest.mark.parametrize(("kind", "shape"), [("temporal", (1, 6)), ("spectral", (4, 1)), ("grid", (2, 3))])
def test_parts_are_recognised(kind, shape):
    parts = separable_parts(LABELS[kind])
    assert (parts.kind, parts.numbers.shape) == (kind, shape)


def test_other_parts_are_not():
    assert separable_parts(torch.tensor([[0, 0], [0, 1]])) is None
    assert separable_parts(torch.tensor([[0, 1, 0]])) is None


def test_every_cell_is_where_it_belongs():
    """Written out: frames (0 0 1 1 2), windows of 3 with padding; the middle ones see two parts or three."""
    parts = separable_parts(torch.tensor([[0, 0, 1, 1, 2]]))
    variants = Variants(parts, every(3))
    band = Interval(parts.rows, parts.rows)
    frames = Geometry(variants, band, Interval(parts.columns, parts.columns))
    assert frames.n_cells == 2 * 5
    window = Window(5, kernel=3, padding=1)
    seen = frames.columns.slide(window)
    assert seen.low.tolist() == [0, 0, 0, 1, 1]
    assert seen.high.tolist() == [0, 1, 1, 2, 2]
    outputs = Geometry(variants, band, seen)
    assert outputs.n_cells == 2 + 4 + 4 + 4 + 4
    assert [(size, len(runs)) for size, runs in outputs.groups.items()] == [((1, 1), 1), ((1, 2), 2)]
    cells = outputs.everywhere(torch.arange(8).numpy())
    for frame, own in enumerate([[0], [0, 1], [0, 1], [1, 2], [1, 2]]):
        for first in range(8):
            for second in range(8):
                alike = all((first >> part) % 2 == (second >> part) % 2 for part in own)
                assert (cells[first, 0, frame] == cells[second, 0, frame]) == alike


def held_over(m, x):
    early = torch.relu(m.a(x[:, None]))
    late = m.b(early)
    gate = torch.sigmoid(late.mean((2, 3), keepdim=True))
    return (late * gate + early).mean((2, 3))


def test_maps_held_while_memory_runs_short_are_there_afterwards(monkeypatch):
    monkeypatch.setattr("earwitness.perturb.receptive_field.forward.EXPANDED_BYTES", 7 * 4 * FREQ * TIME * 8)
    coalitions = some("temporal", 20)

    def function(x):
        return held_over(NETWORKS["squeeze_and_excitation"], x)

    got = ReceptiveField(function, *item(), LABELS["temporal"])(coalitions)
    torch.testing.assert_close(got, plainly(function, "temporal", coalitions), rtol=0, atol=1e-12)


def test_overwriting_a_map_leaves_what_other_batches_need():
    def function(x):
        maps = NETWORKS["plain"].a(x[:, None])
        gated = (maps * torch.sigmoid(maps.mean((2, 3), keepdim=True))).mean((2, 3))
        return gated + maps.relu_().mean((2, 3))

    coalitions = some("temporal", 20)
    got = ReceptiveField(function, *item(), LABELS["temporal"])(coalitions, batch=6)
    torch.testing.assert_close(got, plainly(function, "temporal", coalitions), rtol=0, atol=1e-12)
