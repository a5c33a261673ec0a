"""Methods side by side in a browser: every picture is there, every sound plays, one section is shown at a time."""

import pytest

from earwitness.report import write_html
from tests.e2e.conftest import until
from tests.report.made_reports import make_compared_report, make_long_report

pytestmark = pytest.mark.browser

METHODS = ("integrated_gradients", "rise", "slime")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    report = make_compared_report(starts=(5.0, 20.0), methods=METHODS, timeline=make_long_report().timeline)
    return write_html(report, tmp_path_factory.mktemp("compared") / "report.html")


def shown(page):
    return page.eval_on_selector_all(".stretch", "all => all.filter(s => s.offsetParent !== null).map(s => s.id)")


def test_all_panels_are_there_and_drawn(open_file, path):
    page = open_file(path)
    assert page.locator(".comparison").count() == 2
    names = page.locator("#stretch-1 .tile figcaption b").all_inner_texts()
    assert names == ["the sound itself", *METHODS]
    for k in range(4):
        tile = page.locator("#stretch-1 .tile .canvas").nth(k)
        assert tile.bounding_box()["width"] > 150
        assert "data:image/png" in tile.evaluate("e => getComputedStyle(e).backgroundImage")
    shots = {page.locator("#stretch-1 .tile .canvas").nth(k).screenshot() for k in (0, 1)}
    assert len(shots) == 2
    assert "cannot explain this: network Flat has no convolution" in page.inner_text("#stretch-1 .compared")
    assert shown(page) == ["section-1", "section-4"]


def test_every_player_plays_and_pauses_the_others(open_file, path):
    page = open_file(path)
    buttons = page.locator("#stretch-1 .hear:visible")
    assert buttons.count() == 7
    for k in (0, 6, 3):
        button = buttons.nth(k)
        section, part = button.get_attribute("data-section"), button.get_attribute("data-part")
        sound = f"document.querySelector('#{section} .panel-{part} audio')"
        button.click()
        until(page, f"{sound}.currentTime > 0.1")
        assert page.evaluate(f"{sound}.duration") == pytest.approx(2.0)
        assert button.get_attribute("aria-pressed") == "true"
        assert page.evaluate("[...document.querySelectorAll('audio')].filter((a) => !a.paused).length") == 1
        head = button.locator("xpath=ancestor::figure").locator(".playhead")
        assert head.is_visible()
        assert head.evaluate("e => parseFloat(e.style.left)") > 3
    button.click()
    until(page, f"{sound}.paused")
    page.wait_for_function("() => !document.querySelector('.hear[aria-pressed=true]')")


def test_choosing_a_method_shows_all_of_it(open_file, path):
    page = open_file(path)
    page.click("#stretch-1 .compared a[href='#section-3']")
    assert shown(page) == ["section-3", "section-4"]
    assert page.locator(".tile.chosen").evaluate_all("all => all.map(t => t.dataset.section)") == [
        "section-3", "section-4"]
    page.click("#section-3 .panel-original .play")  # the sound that the first section brings
    until(page, "document.querySelector('#section-3 .panel-original audio').currentTime > 0.1")
    page.click("#stretch-1 .tile >> nth=2 >> a.canvas")
    assert shown(page) == ["section-2", "section-4"]
    page.evaluate("location.hash = '#section-6'")
    until(page, "document.querySelector('#section-6').offsetParent !== null")
    assert shown(page) == ["section-2", "section-6"]


def test_the_layers_of_all_pictures_change_together(open_file, path):
    page = open_file(path)
    page.locator("#stretch-1").get_by_text("Mask", exact=True).click()
    layers = page.locator("#stretch-1 .overlay:visible").evaluate_all("all => all.map(i => i.dataset.overlay)")
    assert layers == ["mask"] * 3
    assert page.locator("#stretch-2 .overlay:visible").first.get_attribute("data-overlay") == "explanation"
    page.fill("#stretch-1 .opacity input", "20")
    assert page.locator("#stretch-1 .overlay:visible").first.evaluate("i => i.style.opacity") == "0.2"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_only_the_table_scrolls_on_a_telephone(open_file, path, scheme):
    page = open_file(path, width=390, scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    beyond = page.eval_on_selector_all(
        "main *, header *", "all => all.filter(e => !e.closest('.scroll') && "
        "e.getBoundingClientRect().right > 391).map(e => e.outerHTML.slice(0, 80))")
    assert beyond == []
    assert page.locator("#stretch-1 .scroll").evaluate("e => e.scrollWidth > e.clientWidth")


def test_without_scripts_everything_is_shown(browser, path):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(path.as_uri())
    assert page.locator(".stretch:visible").count() == 6
    assert page.locator("audio[controls]:visible").count() == 14
    context.close()
