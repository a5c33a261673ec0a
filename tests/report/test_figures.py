import matplotlib.image
import pytest

from earwitness.report import draw_explanation, save_figure
from tests.report.made_reports import FRONT_ENDS, make_section


@pytest.mark.parametrize("front_end", FRONT_ENDS.values(), ids=FRONT_ENDS)
def test_three_pictures_share_axes_in_seconds_and_hertz(front_end):
    axes = draw_explanation(make_section(front_end, start_s=20.0)).axes[:3]
    assert [a.get_xlabel() for a in axes] == ["time (s)"] * 3
    assert axes[0].get_ylabel() == f"frequency ({'Hz' if front_end is FRONT_ENDS['mel'] else 'kHz'})"
    assert axes[0].get_xticklabels()[0].get_text() == "20"
    assert axes[1].get_title() == "evidence for “dog”"
    assert [len(a.images) for a in axes] == [1, 2, 1]
    assert all(image.origin == "lower" for a in axes for image in a.images)


def test_colour_bars_carry_the_unit():
    labels = [a.get_ylabel() for a in draw_explanation(make_section()).axes[3:]]
    assert labels == ["dB", "evidence (< 0 against)"]


@pytest.mark.parametrize("suffix", ["png", "pdf"])
def test_a_figure_is_written_whole(tmp_path, suffix):
    path = save_figure(draw_explanation(make_section(signed=False)), tmp_path / f"a.{suffix}", dpi=50)
    assert list(tmp_path.iterdir()) == [path]
    if suffix == "png":
        assert matplotlib.image.imread(path).shape[1] == 13 * 50


def test_a_suffix_nobody_knows_leaves_no_file(tmp_path):
    with pytest.raises(ValueError, match="xyz"):
        save_figure(draw_explanation(make_section()), tmp_path / "a.xyz")
    assert not list(tmp_path.iterdir())


def test_dollars_in_a_class_name_are_not_a_formula(tmp_path):
    save_figure(draw_explanation(make_section(target="$x^{$ cash $")), tmp_path / "a.png", dpi=50)


def test_a_constant_explanation_can_be_drawn(tmp_path):
    section = make_section(constant=True)
    section.attribution.values.zero_()
    save_figure(draw_explanation(section), tmp_path / "a.png", dpi=50)
