import pytest
import torch

from earwitness.training import augment
from earwitness.training.augment import SILENCE_DB, Augmentation

EVERYTHING = Augmentation(roll=True, stretch=0.2, shift_rows=2, gain_db=6, eq_db=6, mix_share=0.8,
                          background_share=0.5, gate_share=0.5, max_rows=4, max_frames=9)


@pytest.fixture
def values(generator):
    return 40 * torch.rand(6, 16, 30, generator=generator) - 70


def one_hot(n, classes=3):
    return torch.nn.functional.one_hot(torch.arange(n) % classes, classes).float()


def test_masks_are_filled_with_silence_and_nothing_else_changes(values, generator):
    masked = augment.mask_with_silence(values, max_rows=8, max_frames=15, generator=generator)
    changed = masked != values
    assert bool(changed.any())
    assert bool((masked[changed] == SILENCE_DB).all())
    assert float(masked.max()) <= float(values.max())


def test_a_mask_is_one_band_and_one_stretch_below_their_limits(generator):
    values = torch.zeros(200, 16, 30)
    silent = augment.mask_with_silence(values, max_rows=5, max_frames=9, generator=generator) == SILENCE_DB
    rows, frames = silent.all(2), silent.all(1)
    assert int(rows.sum(1).max()) == 5 - 1
    assert int(frames.sum(1).max()) == 9 - 1
    for places in (rows, frames):
        edges = places.int().diff(dim=1, prepend=torch.zeros(200, 1)).clamp(min=0).sum(1)
        assert int(edges.max()) == 1
    assert torch.equal(silent, rows[:, :, None] | frames[:, None, :])


@pytest.mark.parametrize("name", ["roll", "colour", "warp", "background"])
def test_digital_silence_stays_silent(name, generator):
    silent = torch.full((3, 16, 30), SILENCE_DB)
    changed = {
        "roll": lambda: augment.roll_in_time(silent, generator=generator),
        "colour": lambda: augment.colour(silent, gain_db=20, eq_db=20, generator=generator),
        "warp": lambda: augment.warp(silent, stretch=0.3, shift_rows=4, generator=generator),
        "background": lambda: augment.add_background(silent, silent, snr_db=(-10, 0), share=1.0, generator=generator),
    }[name]()
    torch.testing.assert_close(changed, silent)


def test_rolling_only_moves_frames(values, generator):
    rolled = augment.roll_in_time(values, generator=generator)
    for before, after in zip(values, rolled, strict=True):
        assert any(torch.equal(after, before.roll(-k, 1)) for k in range(30))


def test_a_warp_of_nothing_changes_nothing(values, generator):
    torch.testing.assert_close(augment.warp(values, stretch=0.0, shift_rows=0.0, generator=generator), values,
                               atol=1e-3, rtol=0)


def test_a_tone_is_shifted_by_at_most_the_rows_asked_for(generator):
    values = torch.full((50, 16, 30), -80.0)
    values[:, 8] = 0.0
    peaks = augment.warp(values, stretch=0.0, shift_rows=3.0, generator=generator).mean(2).argmax(1)
    assert 5 <= int(peaks.min()) < 8 < int(peaks.max()) <= 11


def test_powers_of_incoherent_sounds_add():
    torch.testing.assert_close(augment.add_power(torch.tensor(-20.0), torch.tensor(-20.0)), torch.tensor(-16.9897))


def test_mixtures_share_their_targets_by_the_ratio(values, generator):
    mixed, targets = augment.mix_pairs(values, one_hot(6), share=1.0, generator=generator)
    torch.testing.assert_close(targets.sum(1), torch.ones(6))
    torch.testing.assert_close(augment.loudest_db(mixed), augment.loudest_db(values), atol=1e-3, rtol=0)
    alone, whole = augment.mix_pairs(values, one_hot(6), share=0.0, generator=generator)
    assert torch.equal(alone, values)
    assert torch.equal(whole, one_hot(6))


def test_silence_is_not_mixed_into_anything(values, generator):
    values[::2] = SILENCE_DB
    mixed, _ = augment.mix_pairs(values, one_hot(6), share=1.0, generator=generator)
    assert bool((mixed[::2] == SILENCE_DB).all())


def test_a_background_lies_at_the_ratio_asked_for(generator):
    values = torch.full((4, 16, 30), SILENCE_DB)
    values[:, :8] = -20.0
    background = torch.full((1, 16, 30), SILENCE_DB)
    background[:, 8:] = -7.0
    mixed = augment.add_background(values, background, snr_db=(10.0, 10.0), share=1.0, generator=generator)
    torch.testing.assert_close(mixed[:, :8], values[:, :8])
    torch.testing.assert_close(mixed[:, 8:], torch.full((4, 8, 30), -30.0), atol=1e-3, rtol=0)


def test_a_gate_silences_what_is_quiet_and_nothing_else(values, generator):
    gated = augment.gate(values, depth_db=(20.0, 20.0), share=1.0, generator=generator)
    quiet = values < values.amax((1, 2), keepdim=True) - 20
    assert bool(quiet.any())
    assert bool((gated[quiet] == SILENCE_DB).all())
    assert torch.equal(gated[~quiet], values[~quiet])
    assert torch.equal(augment.gate(values, depth_db=(20.0, 20.0), share=0.0, generator=generator), values)


def test_same_seed_same_clips_and_neither_input_nor_global_rng_is_touched(values):
    before, state = values.clone(), torch.random.get_rng_state()
    results = [EVERYTHING(values, one_hot(6), backgrounds=values[:2], generator=torch.Generator().manual_seed(5))
               for _ in range(2)]
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])
    assert not torch.equal(results[0][0], values)
    assert torch.equal(values, before)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_no_augmentation_is_the_identity(values, generator):
    unchanged, targets = Augmentation()(values, one_hot(6), generator=generator)
    assert unchanged is values
    assert torch.equal(targets, one_hot(6))
