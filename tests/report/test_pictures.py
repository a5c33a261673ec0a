import io

import matplotlib.image
import numpy as np
import pytest
import torch

from earwitness.report import pictures
from tests.report.made_reports import FRONT_ENDS, tone


def decoded(pixels):
    return matplotlib.image.imread(io.BytesIO(pictures.png_bytes(pixels)), format="png")


@pytest.mark.parametrize("front_end", FRONT_ENDS.values(), ids=FRONT_ENDS)
@pytest.mark.parametrize("frequency_hz", [500.0, 3000.0])
def test_a_tone_is_the_brightest_row_counted_from_the_bottom(front_end, frequency_hz):
    levels = front_end(tone(frequency_hz, duration_s=0.5)[None]).values[0].double().numpy()
    image = decoded(pictures.paint_levels(levels, *pictures.level_range(levels, floor=-100.0, unit="dB")))
    brightest_from_bottom = levels.shape[0] - 1 - int(image[..., :3].sum(-1).mean(1).argmax())
    nearest = int((front_end.frequencies_hz - frequency_hz).abs().argmin())
    assert abs(brightest_from_bottom - nearest) <= 1


def test_png_survives_a_round_trip():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 4)).astype(np.uint8)
    assert np.array_equal((decoded(pixels) * 255).round().astype(np.uint8), pixels[::-1])


def test_louder_is_brighter():
    shades = pictures.paint_levels(np.linspace(-80, 0, 64)[None], -80.0, 0.0)[0, :, :3].astype(int).sum(-1)
    assert (np.diff(shades) >= 0).all()
    assert shades[-1] - shades[0] > 500


def test_zero_is_transparent_and_signs_have_their_colours():
    evidence = np.array([[-2.0, 0.0, 1.0, 2.0]])
    pixels = pictures.paint_evidence(evidence, pictures.evidence_scale(evidence))[0]
    assert pixels[:, 3].tolist() == [255, 0, 128, 255]
    assert pixels[0, :3].tolist() == [0x2B, 0x9D, 0xFF]
    assert pixels[3, :3].tolist() == [0xFF, 0x7A, 0x1A]


def test_evidence_without_a_sign_is_drawn_from_its_least_value():
    scale = pictures.evidence_scale(np.array([[0.4, 0.5, 0.9]]))
    assert (scale.signed, scale.low) == (False, 0.4)
    assert scale.high == pytest.approx(0.9)


@pytest.mark.parametrize("value", [0.0, 0.7])
def test_a_constant_explanation_is_transparent(value):
    evidence = np.full((2, 3), value)
    assert not pictures.paint_evidence(evidence, pictures.evidence_scale(evidence))[..., 3].any()


def test_one_huge_value_does_not_hide_the_others():
    evidence = np.ones((100, 100))
    evidence[0] = 0.0
    evidence[1, 1] = 1e6
    assert pictures.evidence_scale(evidence).high == 1.0


def test_silence_has_a_range():
    low, high = pictures.level_range(np.full((2, 2), -100.0), floor=-100.0, unit="dB")
    assert low < high


def test_what_is_not_finite_is_replaced():
    assert pictures.to_array(torch.tensor([[float("nan"), float("-inf"), 1.0]]), instead=-9.0).tolist() == [[-9, -9, 1]]
