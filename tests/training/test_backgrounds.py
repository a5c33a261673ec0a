import torch

from earwitness.frontends import StftDb
from earwitness.training.backgrounds import make_backgrounds

FRONT_END = StftDb(8000, 256, 128)


def make(generator, count=8):
    return make_backgrounds(FRONT_END, count=count, duration_s=1.0, generator=generator)


def test_backgrounds_last_and_are_all_different(generator):
    backgrounds = make(generator)
    assert backgrounds.shape == (8, 129, 63)
    level = (10 ** (backgrounds / 10)).sum(1)
    assert bool((level.amin(1) > 1e-3 * level.amax(1)).all())
    assert len({float(background.mean()) for background in backgrounds}) == 8


def test_every_fourth_is_a_hum(generator):
    power = (10 ** (make(generator) / 10)).mean(2)
    low = power[:, :80].sum(1) / power.sum(1)
    rows_holding_half = (power.sort(1, descending=True).values.cumsum(1) < power.sum(1, keepdim=True) / 2).sum(1)
    assert bool((low[3::4] > 0.99).all())
    assert bool((rows_holding_half[3::4] < 10).all())


def test_same_seed_same_backgrounds():
    first, second = (make(torch.Generator().manual_seed(2), count=2) for _ in range(2))
    assert torch.equal(first, second)
