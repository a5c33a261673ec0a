"""The app in a browser: one server for all tests, as a person starts it."""

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile

import pytest

from tests.e2e.conftest import misdrawn

pytestmark = pytest.mark.browser

PATIENCE_S = 120
EXPLAINED = "document.querySelectorAll('.ew-column').length"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Address, folder for temporary files and log of a running app."""
    if importlib.util.find_spec("gradio") is None:
        pytest.skip("gradio is not installed: pip install 'earwitness[app]'")
    folder = tmp_path_factory.mktemp("app")
    (folder / "tmp").mkdir()
    words = [sys.executable, "-m", "earwitness", "app", "--port", "0", "--max-upload-mb", "2", "--max-seconds", "30"]
    with open(folder / "log", "w") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, env=os.environ | {"TMPDIR": str(folder / "tmp")})
    try:
        last = time.monotonic() + PATIENCE_S
        while not (found := re.search(r"http://127\.0\.0\.1:\d+", (folder / "log").read_text())):
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < last
            time.sleep(0.1)
        yield found[0], folder / "tmp", folder / "log"
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
        assert (folder / "log").read_text().splitlines() == [f"open {found[0]} in a browser; Ctrl+C stops the app"]
        assert list((folder / "tmp").glob("earwitness-app-*")) == []
    finally:
        process.kill()


@pytest.fixture
def open_app(browser, server):
    """Open the app and watch it: console errors and requests to elsewhere fail the test."""
    contexts, complaints = [], []

    def open_it(*, width=1280, scheme="light"):
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme))
        page = contexts[-1].new_page()
        page.set_default_timeout(1000 * PATIENCE_S)
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: request.url.startswith((f"{server[0]}/", "data:", "blob:"))
                or complaints.append(f"request to {request.url}"))
        page.goto(server[0])
        page.wait_for_selector("#ew-explain")
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert complaints == []


def until(page, condition):
    """Wait for a condition on the page, without asking again and again from outside."""
    page.wait_for_function(f"() => {condition}", timeout=1000 * PATIENCE_S)


def upload(page, *files):
    page.set_input_files("#ew-file input[type=file]", *files)


def explain(page):
    page.click("#ew-explain")
    until(page, EXPLAINED)


def changed(page, selector, before):
    """Wait until a part of the page says something else, and return it."""
    until(page, f"document.querySelector({json.dumps(selector)})?.innerText.trim() !== {json.dumps(before)}.trim()")
    return page.inner_text(selector)


def says(page, selector, words):
    """Wait until a part of the page says these words, and return all that it says."""
    until(page, f"document.querySelector({json.dumps(selector)})?.innerText.includes({json.dumps(words)})")
    return page.inner_text(selector)


def choose(page, label, value):
    page.get_by_label(label, exact=True).click()
    page.get_by_role("option", name=value, exact=True).click()
    until(page, "!document.querySelector('[role=option]')")  # the list fades before the next one may open


def test_a_recording_is_explained_changed_and_downloaded(open_app, server, shared_data, tmp_path):
    path = sorted((shared_data / "esc10" / "audio").glob("1-100032-A-0.*"))[0]
    page = open_app()
    upload(page, path)
    page.wait_for_selector("#ew-chosen audio")
    assert path.name in page.inner_text("#ew-chosen")
    explain(page)
    column = ".ew-column[data-method=saliency]"
    assert "“dog”" in page.inner_text(f"{column} h3")
    assert "Is it true?" in page.inner_text(f"{column} .ew-verdict")
    assert page.inner_text(".ew-y").split()[0] == "frequency,"
    assert page.inner_text(".ew-x").split()[-1] == "5"
    assert misdrawn(page) == []

    for part in ("original", "kept", "removed"):
        sound = f"document.querySelector('audio[data-part={part}]')"
        page.evaluate(f"{sound}.play()")
        until(page, f"{sound}.currentTime > 0.05")
    assert page.evaluate("[...document.querySelectorAll('audio')].filter((a) => !a.paused).length") <= 1

    summary = f"{column} > p"
    before = page.inner_text(summary)
    assert "keeps 30.0\u00a0%" in before
    page.fill("#ew-share input[type=number]", "10")
    page.press("#ew-share input[type=number]", "Enter")
    before = changed(page, summary, before)
    assert "keeps 10.0\u00a0%" in before
    choose(page, "Mask", "pos_thresh_50")
    changed(page, summary, before)
    page.click(".ew-layers button[data-layer=mask]")
    assert page.eval_on_selector_all(".ew-overlay:not([hidden])", "all => all.map(i => i.dataset.overlay)") == ["mask"]

    page.locator(".ew-canvas").scroll_into_view_if_needed()
    box = page.locator(".ew-canvas").bounding_box()
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 60, steps=3)
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + box["height"] - 1, steps=3)
    page.mouse.up()
    until(page, "document.querySelector('#ew-region-3 input').value !== ''")
    region = [float(page.input_value(f"#ew-region-{k} input")) for k in range(4)]
    assert region[:2] == pytest.approx([2.0, 3.0], abs=0.03)
    assert region[2] < 100
    assert region[3] > 12_000
    assert page.locator(".ew-region").is_visible()
    page.click("#ew-delete")
    says(page, "#ew-heard", "Without 2.0")
    cells = page.locator("#ew-heard tr.ew-target td").all_inner_texts()
    whole, left = (float(text.strip("<> %\u00a0\n")) for text in cells)
    assert left < 10 < whole  # the bark was there
    page.fill("#ew-region-1 input", "2.1")
    page.press("#ew-region-1 input", "Tab")
    until(page, "document.querySelector('.ew-region').getBoundingClientRect().width < 40")
    page.click("#ew-hear")
    says(page, "#ew-heard", "Only 2.0")

    with page.expect_download() as caught:
        page.click("#ew-download")
    caught.value.save_as(tmp_path / "report.zip")
    with zipfile.ZipFile(tmp_path / "report.zip") as archive:
        names = {name.rpartition("/")[2]: name for name in archive.namelist()}
        content = json.loads(archive.read(names["explanation.json"]))
    assert {"report.html", "kept.wav", "removed.wav", "explanation.png"} <= set(names)
    assert (content["recording"], content["settings"]["mask"]) == (path.name, "pos_thresh_50")
    assert str(server[1]) not in content["command"]


def test_bad_files_get_a_plain_line_and_the_page_goes_on(open_app):
    page = open_app()
    upload(page, {"name": "<img src=x onerror=window.owned=1>.wav", "mimeType": "audio/wav", "buffer": b"no sound"})
    assert "Traceback" not in says(page, "#ew-status", "not a sound file")
    assert page.locator("#ew-status img").count() == 0
    assert page.evaluate("window.owned") is None
    page.click("#ew-explain")
    says(page, "#ew-status", "no sound is chosen")
    page.get_by_role("tab", name="Example").click()
    page.get_by_role("button", name="Use this sound").click()
    page.wait_for_selector("#ew-chosen audio")
    page.get_by_label("Put it to the test").uncheck()
    choose(page, "Compare with", "gradcam")
    explain(page)
    assert page.evaluate(EXPLAINED) == 2
    assert page.locator("button[data-layer=truth]").count() == 1
    page.set_viewport_size({"width": 390, "height": 844})
    assert misdrawn(page) == []
    page.set_viewport_size({"width": 1280, "height": 900})
    choose(page, "Compare with", "none")
    choose(page, "Method", "rise")
    page.click("#ew-explain")
    says(page, "#ew-status", "Explaining")
    page.click("#ew-cancel")
    says(page, "#ew-status", "Cancelled")


def test_a_sound_is_recorded_and_leaves_nothing(open_app, server):
    page = open_app()
    page.get_by_role("tab", name="Record").click()
    page.locator("#ew-microphone .record-button").first.click()
    page.wait_for_timeout(800)
    page.locator("#ew-microphone .stop-button").first.click()
    assert "recorded here.wav" in says(page, "#ew-chosen", "Hz")
    page.wait_for_selector("#ew-microphone wave, #ew-microphone .waveform-container, #ew-microphone audio",
                           state="attached")
    page.wait_for_timeout(500)  # the recorder fetches what it shows
    left = list(server[1].rglob("*.wav"))
    assert len(left) == 2  # the recorder's file and the page's copy
    page.context.close()
    last = time.monotonic() + PATIENCE_S
    while any(path.exists() for path in left):
        assert time.monotonic() < last, "the closed page left its recording behind"
        time.sleep(0.1)


def test_two_pages_share_nothing_and_leave_nothing(open_app, server, scene, tmp_path):
    import earwitness as ew

    secret = ew.audio.save(tmp_path / "secret.wav", ew.Clip(scene.clip.waveform[:32000], 32000))
    mine, other = open_app(width=390, scheme="dark"), open_app()
    upload(mine, secret)
    mine.wait_for_selector("#ew-chosen audio")
    assert mine.evaluate("document.documentElement.scrollWidth") == 390
    other.click("#ew-explain")
    says(other, "#ew-status", "no sound is chosen")
    assert "secret" not in other.content()
    kept = [path for path in server[1].rglob("sound.wav")]
    assert len(kept) == 1
    assert [path for path in server[1].rglob("secret*")] == []  # the upload itself is gone
    mine.context.close()
    last = time.monotonic() + PATIENCE_S
    while kept[0].exists():
        assert time.monotonic() < last, "the closed page left its sound behind"
        time.sleep(0.1)


@pytest.mark.parametrize("path", ["/gradio_api/file=/etc/hostname", "/gradio_api/file=http://127.0.0.1:1/",
                                  "/gradio_api/proxy=http://127.0.0.1:1/", "/gradio_api//file=/etc/hostname",
                                  "/gradio_api/%66ile=/etc/hostname", "/openapi.json", "/static/../../../etc/hostname"])
def test_no_file_is_served(server, path):
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(server[0] + path)
    caught.value.close()
    assert caught.value.code in (403, 404)


def test_a_name_bent_to_this_address_is_refused(server):
    request = urllib.request.Request(server[0], headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    caught.value.close()
    assert caught.value.code == 403
