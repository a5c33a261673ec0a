import pytest

from earwitness.report import write_html
from tests.e2e.conftest import until
from tests.report.made_reports import make_heard_section, make_long_report, make_report, make_section

pytestmark = pytest.mark.browser

HOSTILE = "<script>window.owned = 1</script>\"'><img src=x onerror='window.owned = 1'>.wav"


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")
    section = make_section(labels=(HOSTILE, "rooster", "a class with a very long name, like those of AudioSet"))
    return {
        "short": write_html(make_report(section, clip_name=HOSTILE, command="earwitness explain " + "x" * 120),
                            folder / "short.html"),
        "long": write_html(make_long_report(), folder / "long.html"),
        "heard": write_html(make_report(make_heard_section(label=HOSTILE)), folder / "heard.html"),
    }


@pytest.fixture
def open_page(open_file, pages):
    return lambda name="short", **options: open_file(pages[name], **options)


def now(page, key):
    return page.eval_on_selector(f".panel-{key} audio", "a => a.currentTime")


def playhead(page, key):
    return page.eval_on_selector(f".panel-{key} .playhead", "head => head.hidden ? null : parseFloat(head.style.left)")


def test_names_with_markup_are_shown_and_not_run(open_page):
    page = open_page()
    assert page.inner_text("h1") == HOSTILE
    assert page.evaluate("window.owned") is None


def test_each_player_has_what_the_model_says_below_it_and_the_page_warns(open_page):
    page = open_page("heard")
    assert page.evaluate("window.owned") is None
    for part, words in (("original", "it"), ("kept", "its features"), ("removed", "its features")):
        says = page.locator(f".panel-{part} .says")
        assert says.inner_text().startswith(f"The model says of {words} ")
        assert says.bounding_box()["y"] > page.locator(f".panel-{part} .canvas").bounding_box()["y"]
    assert HOSTILE in page.inner_text(".panel-kept .says")
    assert "as features and “rooster” (60.0" in page.inner_text(".warning")


def test_three_players_last_as_long_as_the_sound(open_page):
    page = open_page()
    durations = page.eval_on_selector_all("audio", "all => all.map(a => a.duration)")
    assert durations == pytest.approx([2.0, 2.0, 2.0])
    assert page.locator("button.play:visible").count() == 3


def test_playing_moves_the_sound_and_the_playhead(open_page):
    page = open_page()
    assert playhead(page, "kept") is None
    page.click(".panel-kept .play")
    until(page, "document.querySelector('.panel-kept audio').currentTime > 0.2")
    first = playhead(page, "kept")
    until(page, "document.querySelector('.panel-kept audio').currentTime > 0.4")
    assert playhead(page, "kept") > first > 5
    assert page.get_attribute(".panel-kept .play", "aria-label") == "Pause kept"


def test_starting_one_player_pauses_another(open_page):
    page = open_page()
    page.click(".panel-original .play")
    until(page, "document.querySelector('.panel-original audio').currentTime > 0.1")
    page.click(".panel-removed .play")
    until(page, "document.querySelector('.panel-removed audio').currentTime > 0.1")
    paused = page.eval_on_selector_all("audio", "all => all.map(a => a.paused)")
    assert paused == [True, True, False]


def test_a_click_on_the_picture_moves_in_the_sound(open_page):
    page = open_page()
    box = page.locator(".panel-original .canvas").bounding_box()
    page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 50)
    left, right = page.eval_on_selector(".panel-original", "p => [Number(p.dataset.left), Number(p.dataset.right)]")
    assert now(page, "original") == pytest.approx(left + 0.75 * (right - left), abs=0.01)
    assert playhead(page, "original") == pytest.approx(75, abs=0.5)


def test_the_keyboard_moves_and_plays(open_page):
    page = open_page()
    page.focus(".panel-original .canvas")
    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowRight", "ArrowLeft"):
        page.keyboard.press(key)
    assert now(page, "original") == pytest.approx(1.1, abs=0.01)
    page.keyboard.press("Home")
    assert now(page, "original") == 0
    page.keyboard.press(" ")
    until(page, "!document.querySelector('.panel-original audio').paused")
    page.keyboard.press(" ")
    until(page, "document.querySelector('.panel-original audio').paused")


def test_the_slider_fades_the_overlay(open_page):
    page = open_page()
    opacity = "image => Number(getComputedStyle(image).opacity)"
    assert page.eval_on_selector("[data-overlay=explanation]", opacity) == pytest.approx(0.85)
    page.fill(".opacity input", "30")
    assert page.eval_on_selector("[data-overlay=explanation]", opacity) == pytest.approx(0.3)


def test_the_slider_changes_the_picture(open_page):
    page = open_page()
    shots = []
    for value in ("0", "50", "100"):
        page.fill(".opacity input", value)
        shots.append(page.locator(".panel-original .canvas").screenshot())
    assert len(set(shots)) == 3


def test_the_toggle_shows_explanation_mask_or_nothing(open_page):
    page = open_page()
    shown = {}
    for label in ("Mask", "Nothing", "Explanation"):
        page.get_by_text(label, exact=True).first.click()
        visible = page.locator(".overlay:not([hidden])")
        shown[label] = [visible.nth(k).get_attribute("data-overlay") for k in range(visible.count())]
    assert shown == {"Mask": ["mask"], "Nothing": [], "Explanation": ["explanation"]}
    assert page.locator("[data-legend]:visible").count() == 1


def test_the_command_is_copied(open_page):
    page = open_page()
    page.click(".copy")
    until(page, "document.querySelector('.copy').textContent !== 'Copy'")
    assert page.inner_text(".copy") in ("Copied", "Press Ctrl+C")


def test_the_timeline_leads_to_a_section(open_page):
    page = open_page("long")
    page.locator("a.block").first.click()
    assert page.evaluate("location.hash").startswith("#section-")
    assert page.eval_on_selector_all("audio", "all => all.length") == 9


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["short", "long", "heard"])
def test_nothing_is_wider_than_a_telephone(open_page, name, scheme):
    page = open_page(name, width=390, scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    beyond = page.eval_on_selector_all(
        "main *, header *",
        "all => all.filter(e => e.getBoundingClientRect().right > 391).map(e => e.outerHTML.slice(0, 80))",
    )
    assert beyond == []


def test_dark_and_light_differ(open_page):
    background = "getComputedStyle(document.body).backgroundColor"
    assert open_page(scheme="light").evaluate(background) != open_page(scheme="dark").evaluate(background)
