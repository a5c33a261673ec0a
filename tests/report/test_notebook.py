import subprocess
import sys
from html.parser import HTMLParser

import pytest
import torch

import earwitness as ew
from earwitness.report import draw_explanation
from earwitness.report.figures import draw_attribution
from tests.report.made_reports import chirps, make_report, make_section

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


def outside(html):
    """What the text would fetch from elsewhere, and what it would run."""
    found = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: found.extend(
        value for name, value in attributes if name in ("src", "href") or name.startswith("on"))
    parser.feed(html)
    return [value for value in found if not value.startswith("data:")]


def test_a_clip_shows_picture_and_player():
    html = ew.Clip(chirps(2.0), 16000, HOSTILE)._repr_html_()
    assert html.count('src="data:image/png;base64,') == html.count('src="data:audio/flac;base64,') == 1
    assert outside(html) == []
    assert "<script" not in html
    assert "2.00 s, 16000 Hz" in html


@pytest.mark.parametrize(("samples", "rate"), [(1, 8000), (40, 1), (700_000, 768_000), (61 * 8000, 8000)])
def test_clips_of_any_length_and_rate_show_themselves(samples, rate):
    html = ew.Clip(torch.randn(samples, generator=torch.Generator().manual_seed(0)) / 9, rate)._repr_html_()
    assert "data:image/png" in html
    assert ("first 60 s" in html) == (samples == 61 * 8000)


def test_a_clip_with_broken_samples_shows_itself():
    assert "data:audio" in ew.Clip(torch.tensor([0.0, float("nan"), float("inf")]), 8000)._repr_html_()


def test_an_attribution_shows_its_picture_with_axes():
    attribution = make_section(target="<b>dog</b>").attribution
    html = attribution._repr_html_()
    assert "<b>&lt;b&gt;dog&lt;/b&gt;</b> (slime, seed 7)" in html
    assert outside(html) == []
    axes, bar = draw_attribution(attribution).axes
    shown = draw_explanation(make_section()).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("time (s)", "frequency (Hz)")
    assert [t.get_text() for t in axes.get_yticklabels()] == [t.get_text() for t in shown.get_yticklabels()]
    assert bar.get_ylabel() == "evidence (< 0 against)"


def test_an_attribution_without_axes_counts_rows():
    html = ew.Attribution(torch.zeros(3, 4), None, "relax")._repr_html_()
    assert "the embedding" in html
    assert "data:image/png" in html


def test_a_report_shows_its_page_in_a_frame_of_its_own():
    html = make_report(clip_name=HOSTILE)._repr_html_()
    assert html.startswith('<iframe sandbox="allow-scripts"')
    assert html.count("<") == 2  # the frame's own two tags: all of the page is escaped
    assert html.count("data:audio") == 3


FRESH = {
    "clip": "import torch, earwitness as ew; value = ew.Clip(torch.zeros(800), 8000)",
    "attribution": "import torch, earwitness as ew; value = ew.Attribution(torch.ones(3, 4), None, 'relax')",
    "report": "from earwitness.report.contents import Report\n"
              "value = Report('a.wav', facts={}, sections=(), timeline=(), settings={}, command='')",
}


@pytest.mark.parametrize("kind", FRESH)
def test_a_value_shows_itself_in_a_fresh_process(kind):
    code = f"{FRESH[kind]}\nimport sys; sys.stdout.write(value._repr_html_())"
    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=120, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("<iframe" if kind == "report" else "<div><p>")
