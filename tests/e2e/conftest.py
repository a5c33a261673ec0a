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


MISDRAWN = """() => {
  const wrong = [], name = (element) => element.outerHTML.slice(0, 90);
  const box = (element) => element.getBoundingClientRect();
  const shown = (element) => element.checkVisibility({ visibilityProperty: true });
  const before = (a, b) => a.right <= b.left + 1 || a.bottom <= b.top + 1;
  const apart = (a, b) => before(a, b) || before(b, a);
  const all = (selector, root) => [...(root || document).querySelectorAll(selector)].filter(shown);
  for (const picture of all(".canvas, .ew-canvas, .curve, .cell .layers, .card img, .card svg, .ew-result img")) {
    if (picture.closest("button")) continue;
    if (box(picture).height < 60 || box(picture).width < 60) wrong.push(["too small", name(picture)]);
  }
  const words = all("p, h1, h2, h3, figcaption, legend, td, th, dt, dd, footer, audio");
  for (const axis of all(".y-axis, .x-axis, .ew-y, .ew-x, .song .x")) {
    const figure = axis.closest(".plot, .ew-plot, .song, .timeline"), around = box(figure);
    const pictures = all(".canvas, .ew-canvas, .curve, .lane-blocks", figure);
    for (const label of all("i", axis)) {
      const at = box(label);
      if (at.top < around.top - 8 || at.bottom > around.bottom + 1) wrong.push(["outside its figure", name(label)]);
      if (!pictures.every((picture) => apart(at, box(picture)))) wrong.push(["over its picture", name(label)]);
      for (const text of words) if (!apart(at, box(text))) wrong.push(["over text", name(label), name(text)]);
    }
    const labels = all("i", axis).map(box);
    if (labels.some((a, k) => labels.some((b, j) => j < k && !apart(a, b)))) wrong.push(["labels overlap", name(axis)]);
  }
  return wrong;
}"""


def misdrawn(page):
    """What is wrong with the pictures of a page: those without height, and axes that lie over something else."""
    return page.evaluate(MISDRAWN)


@pytest.fixture
def open_file(browser):
    """Open a page from disk and watch it: errors and requests are collected until the end of the test."""
    contexts, complaints = [], []

    def watched_request(request):
        if not request.url.startswith(("file:", "data:", "blob:")):
            complaints.append(f"request to {request.url}")

    def open_it(path, *, width=1280, height=900, scheme="light"):
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
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
