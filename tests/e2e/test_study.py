import pandas as pd
import pytest

from earwitness.studies.pak2025.montage import make_montage, write_montage
from earwitness.studies.pak2025.run import explain_clips, write_tables
from tests.e2e.conftest import misdrawn, until
from tests.studies.pak2025.conftest import made, prepared  # noqa: F401

pytestmark = pytest.mark.browser


@pytest.fixture
def folder(prepared, tmp_path):  # noqa: F811
    job = prepared(limit=2)
    write_tables(explain_clips(job, tmp_path), job, tmp_path)
    write_montage(make_montage(job, job.clips[0]), tmp_path / "montage.html", clip="<script>window.owned = 1</script>")
    return tmp_path


@pytest.fixture
def open_page(browser, folder):
    contexts, complaints = [], []

    def open_it(name, *, width=1400):
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}))
        page = contexts[-1].new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: request.url.startswith(("file:", "data:")) or complaints.append(request.url))
        page.goto((folder / name).as_uri())
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert complaints == []


def test_a_click_on_a_head_sorts_and_another_turns_round(open_page, folder):
    page = open_page("tables.html")
    column = "all => all.map(row => Number(row.cells[1].dataset.value))"
    rows = "section:not([hidden]) >> nth=0 >> tbody tr"
    head = page.locator("section:not([hidden])").nth(0).locator("thead button").nth(1)
    values = page.eval_on_selector_all(rows, column)
    head.click()
    assert page.eval_on_selector_all(rows, column) == sorted(values, reverse=True)
    head.click()
    assert page.eval_on_selector_all(rows, column) == sorted(values)
    assert len(values) == pd.read_csv(folder / "best.csv")["method"].nunique()


def test_the_choice_shows_best_masks_or_all_masks(open_page):
    page = open_page("tables.html")
    kinds = "all => [...new Set(all.map(section => section.dataset.kind))]"
    assert page.eval_on_selector_all("section:not([hidden])", kinds) == ["best"]
    page.select_option("select", "masks")
    assert page.eval_on_selector_all("section:not([hidden])", kinds) == ["masks"]


def test_every_cell_of_the_montage_plays_and_one_at_a_time(open_page):
    page = open_page("montage.html")
    assert page.inner_text("h1") == "<script>window.owned = 1</script>"
    assert page.evaluate("window.owned") is None
    assert page.locator(".cell").count() == 4 * 4
    assert misdrawn(page) == []
    buttons = page.locator(".plays button")
    assert buttons.count() == 4 * (1 + 2 * 3)
    buttons.nth(1).click()
    until(page, "document.querySelectorAll('audio')[1].currentTime > 0")
    buttons.nth(2).click()
    until(page, "document.querySelectorAll('audio')[2].currentTime > 0")
    assert page.evaluate("[...document.querySelectorAll('audio')].filter((a) => !a.paused).length") <= 1
    assert page.evaluate("document.querySelectorAll('[aria-pressed=true]').length") <= 1
    assert page.evaluate("document.querySelectorAll('audio')[2].duration") == pytest.approx(0.5, abs=0.1)
