"""Every kind of page in a browser: pictures have a height, axes lie beside them, and the one player plays them all."""

import io
import math

import pytest
import soundfile
import torch

from earwitness.report import write_html
from earwitness.report.overview import write_overview
from earwitness.singing.report import Detection, SungSegment, render_detection
from tests.e2e.conftest import misdrawn, until
from tests.report.made_reports import (
    chirps,
    make_compared_report,
    make_heard_section,
    make_long_report,
    make_report,
    make_whole_report,
)

pytestmark = pytest.mark.browser

SCREENS = {"desk": (1280, 900), "telephone": (390, 844)}


def make_detection(*, with_sound=True):
    """A detection that sings from 40 to 80 and from 120 to 160 seconds; without its sound it lasts an hour and more."""
    duration_s = 200.0 if with_sound else 4000.0
    times_s = torch.arange(0.0, duration_s, 0.5)
    curve = 0.5 - 0.4 * torch.cos(2 * math.pi * times_s / 80)
    segments = tuple(SungSegment(a, b, k % 2 == 1, 0.8) for k, (a, b) in enumerate(
        ((0.0, 40.0), (40.0, 80.0), (80.0, 120.0), (120.0, 160.0), (160.0, duration_s))))
    sound = io.BytesIO()
    soundfile.write(sound, chirps(200.0, 8000).numpy(), 8000, format="MP3")
    return Detection("song.mp3", duration_s, times_s, curve, curve, 0.5, segments,
                     sound.getvalue() if with_sound else None, {"length": "3:20"})


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    (folder / "kept apart").mkdir()
    whole = make_whole_report(folder / "kept apart")
    write_overview(whole.overview, folder)
    for name, with_sound in (("detected", True), ("silent", False)):
        (folder / f"{name}.html").write_text(render_detection(make_detection(with_sound=with_sound)), encoding="utf-8")
    return {
        "one": write_html(make_report(), folder / "one.html"),
        "long": write_html(make_long_report(), folder / "long.html"),
        "heard": write_html(make_report(make_heard_section()), folder / "heard.html"),
        "compared": write_html(make_compared_report(), folder / "compared.html"),
        "whole": write_html(whole, folder / "whole.html"),
        "detected": folder / "detected.html",
        "silent": folder / "silent.html",
    }


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("name", ["one", "long", "heard", "compared", "whole", "detected", "silent"])
def test_pictures_have_a_height_and_axes_lie_beside_them(open_file, pages, name, screen):
    width, height = SCREENS[screen]
    page = open_file(pages[name], width=width, height=height)
    assert misdrawn(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("screen", SCREENS)
def test_the_picture_of_the_whole_recording_is_as_high_as_that_of_a_section(open_file, pages, screen):
    width, height = SCREENS[screen]
    page = open_file(pages["whole"], width=width, height=height)
    whole, section = (page.locator(f"{part} .canvas").first.bounding_box() for part in ("#overview", ".panel-original"))
    assert whole["height"] == section["height"] > 200


def test_the_sounds_of_the_whole_recording_move_its_playhead(open_file, pages):
    page = open_file(pages["whole"])
    head = page.locator("#overview .playhead")
    assert not head.is_visible()
    box = page.locator("#overview .canvas").bounding_box()
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 20)
    until(page, "document.querySelector('#overview .playhead').style.left.startsWith('50')")
    page.evaluate("document.querySelector('#overview audio[data-part=kept]').play()")
    until(page, "document.querySelector('#overview audio[data-part=kept]').currentTime > 0.2")
    assert 0 < head.evaluate("e => parseFloat(e.style.left)") < 10
    page.click(".panel-original .play")
    until(page, "document.querySelector('#overview audio[data-part=kept]').paused")


def test_a_detection_plays_from_a_click_and_from_a_segment(open_file, pages):
    page = open_file(pages["detected"])
    sound = "document.querySelector('audio')"
    until(page, f"{sound}.readyState >= 1")
    box = page.locator(".curve").bounding_box()
    page.mouse.click(box["x"] + 0.25 * box["width"], box["y"] + 30)
    until(page, f"!{sound}.paused && {sound}.currentTime > 50")
    assert page.locator(".playhead").evaluate("e => parseFloat(e.style.left)") == pytest.approx(25, abs=1)
    page.get_by_role("button", name="2:00").click()
    until(page, f"Math.abs({sound}.currentTime - 120) < 2")
    page.focus(".curve")
    page.keyboard.press("Home")
    page.keyboard.press(" ")
    until(page, f"{sound}.paused && {sound}.currentTime < 2")


def test_a_detection_without_sound_offers_nothing_to_play(open_file, pages):
    page = open_file(pages["silent"])
    assert page.locator("audio, .playhead, main button, [role=slider]").count() == 0
