import shutil
import time

import pytest

CHROMIUM_FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--autoplay-policy=no-user-gesture-required", "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
]


@pytest.fixture(scope="session")
def browser():
    """Debian's Chromium, driven from here; the test is skipped where it or Playwright is missing."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install playwright", exc_type=ImportError
    )
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        window = driver.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        yield window
        window.close()


def until(page, condition, *, seconds=10.0):
    """Wait for a condition on the page; without ``wait_for_function``, which the page's own policy forbids."""
    last = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < last, f"never became true: {condition}"
        page.wait_for_timeout(20)


@pytest.fixture
def open_file(browser):
    """Open a page from disk and watch it: errors and requests are collected until the end of the test."""
    contexts, complaints = [], []

    def watched_request(request):
        if not request.url.startswith(("file:", "data:", "blob:")):
            complaints.append(f"request to {request.url}")

    def open_it(path, *, width=1280, scheme="light"):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type != "log" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", watched_request)
        page.goto(path.as_uri())
        until(page, "[...document.querySelectorAll('audio[preload=auto]')].every((a) => a.readyState >= 1)")
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert complaints == []
