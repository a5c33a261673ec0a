import math
import os
from dataclasses import replace
from html.parser import HTMLParser

import pytest
import torch

from earwitness.core.errors import ParameterError
from earwitness.metrics import mask_metrics
from earwitness.report import render_html, write_html
from earwitness.report.tables import metric_rows
from tests.report.made_reports import make_heard_section, make_long_report, make_measures, make_report, make_section

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>.wav"


class Page(HTMLParser):
    """Every start tag with its attributes, and the text outside scripts and styles."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.words, self._open = [], [], ""
        self.feed(html)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._open = tag

    def handle_endtag(self, tag):
        self._open = ""

    def handle_data(self, data):
        if self._open not in ("script", "style"):
            self.words.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module")
def page():
    return Page(render_html(make_report()))


def test_the_page_answers_what_a_stranger_asks(page):
    for words in ("yard.wav", "The model says", "dog", "93.0\u00a0%", "Kept", "Removed", "faithfulness",
                  "How to read this page", "--seed 7", "topK_30_pos"):
        assert words.replace("\u00a0", " ") in page.text.replace("\u00a0", " ")


def test_three_pictures_three_players_two_overlays(page):
    assert len(page.all("audio")) == 3
    assert len([i for i in page.all("img") if i.get("class") == "base"]) == 3
    assert [i["data-overlay"] for i in page.all("img") if "data-overlay" in i] == ["explanation", "mask"]


def test_uncertainty_and_known_evidence_become_overlays():
    section = make_section()
    section = replace(section, evidence=section.mask,
                      attribution=replace(section.attribution, uncertainty=section.mask + 0.5))
    page = Page(render_html(make_report(section)))
    keys = [i["data-overlay"] for i in page.all("img") if "data-overlay" in i]
    assert keys == ["explanation", "mask", "uncertainty", "truth"]


def test_nothing_comes_from_the_network():
    page = Page(render_html(make_long_report()))
    sources = [attrs[name] for _, attrs in page.tags for name in ("src", "href", "action", "data") if name in attrs]
    assert sources
    assert all(source.startswith(("data:", "#")) for source in sources)
    assert "http://" not in render_html(make_report())
    assert "https://" not in render_html(make_report())


def test_a_policy_in_the_page_refuses_every_script_but_ours(page):
    policy = next(m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "script-src 'sha256-" in policy


@pytest.fixture(scope="module")
def hostile_page():
    section = make_section(target=HOSTILE, labels=(HOSTILE, "a & b", '"quoted"'))
    attribution = replace(section.attribution, method=HOSTILE)
    report = make_long_report()
    return Page(render_html(replace(
        report, clip_name=HOSTILE, facts={HOSTILE: HOSTILE}, sections=[replace(section, attribution=attribution)],
        timeline=[replace(moment, label=HOSTILE) for moment in report.timeline],
        settings={HOSTILE: {HOSTILE: HOSTILE}}, command=HOSTILE, notes=[HOSTILE], extra={HOSTILE: [(HOSTILE, HOSTILE)]},
    )))


def test_markup_in_names_makes_no_element_and_no_handler(hostile_page):
    assert len(hostile_page.all("script")) == 1
    assert all(image["src"].startswith("data:image/png") for image in hostile_page.all("img"))
    assert not [name for _, attrs in hostile_page.tags for name in attrs if name.startswith("on")]


def test_markup_in_names_is_shown_literally(hostile_page):
    assert HOSTILE in hostile_page.text
    assert "a & b" in hostile_page.text
    assert any(attrs.get("title", "").startswith("5.0 s: <script>") for attrs in hostile_page.all("span"))


def test_a_name_that_is_not_unicode_can_be_written(tmp_path):
    path = write_html(make_report(clip_name="caf\udce9.wav"), tmp_path / "a.html")
    assert "caf?.wav" in path.read_text(encoding="utf-8")


def test_a_constant_mask_is_said_and_never_scored():
    section = make_section(constant=True)
    page = Page(render_html(make_report(section)))
    assert "This mask is constant." in page.text
    assert "n/a (constant mask)" in page.text
    assert "nan" not in page.text.lower().split()
    rows = {row.short: row for row in metric_rows(section.measures)}
    assert not rows["SPS"].defined
    assert rows["constant mask"].value == "yes"


def test_every_number_that_is_missing_reads_as_missing():
    section = make_section(target=None)
    measures = make_measures(section.measures, **dict.fromkeys([*mask_metrics(), "p", "p_kept", "p_removed"], math.nan))
    page = Page(render_html(make_report(replace(section, measures=measures, predictions=[]))))
    assert "nan" not in page.text.lower().split()
    assert "What the model says" not in page.text
    assert "the embedding" in page.text


def test_arrows_say_which_way_is_better():
    better = {row.short: row.better for row in metric_rows(make_section().measures)}
    ours = {"FF": "up", "AI": "up", "AD": "down", "AG": "up", "Fid-In": "up", "SPS": "up", "COMP": "down",
            "kept area": "", "constant mask": ""}
    assert {name: better[name] for name in ours} == ours


def test_a_long_recording_has_a_timeline_that_leads_to_its_sections():
    page = Page(render_html(make_long_report()))
    ids = {attrs["id"] for attrs in page.all("section") if "id" in attrs}
    assert ids == {"section-1", "section-2", "section-3"}
    blocks = [attrs["href"] for attrs in page.all("a") if attrs.get("class") == "block"]
    assert sorted(blocks) == ["#section-1", "#section-2", "#section-3"]
    assert len([1 for name in ("a", "span") for attrs in page.all(name) if attrs.get("class") == "block"]) == 12


def test_an_empty_report_is_a_page():
    report = replace(make_report(), sections=[], command="", settings={}, facts={})
    assert "yard.wav" in Page(render_html(report)).text


def test_padding_is_drawn_and_only_where_there_is_some(page):
    padded = Page(render_html(make_report(replace(make_section(), duration_s=1.5))))
    assert [d for d in padded.all("div") if d.get("class") == "padding"]
    assert not [d for d in page.all("div") if d.get("class") == "padding"]


def test_the_same_report_gives_the_same_page():
    assert render_html(make_report(make_section())) == render_html(make_report(make_section()))


def test_inputs_stay_as_they_are():
    section = make_section()
    before = [t.clone() for t in (section.spectrogram, section.mask, section.attribution.values, section.sounds.kept)]
    render_html(make_report(section))
    after = (section.spectrogram, section.mask, section.attribution.values, section.sounds.kept)
    assert all(torch.equal(a, b) for a, b in zip(after, before, strict=True))


def test_arrays_that_do_not_fit_are_refused(tmp_path):
    section = make_section()
    with pytest.raises(ParameterError, match="mask has shape"):
        write_html(make_report(replace(section, mask=section.mask[:, 1:])), tmp_path / "a.html")
    assert not list(tmp_path.iterdir())


def test_writing_replaces_the_old_page_or_leaves_it_alone(tmp_path, monkeypatch):
    path = tmp_path / "a.html"
    path.write_text("old")

    def fail(*_):
        raise OSError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", fail)
        with pytest.raises(OSError, match="disk full"):
            write_html(make_report(), path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    assert write_html(make_report(), path) == path
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_five_seconds_take_less_than_five_megabytes(tmp_path):
    waveform = 0.1 * torch.randn(80000, generator=torch.Generator().manual_seed(0))
    assert write_html(make_report(make_section(waveform=waveform)), tmp_path / "a.html").stat().st_size < 5e6


def test_parts_are_listed_largest_first_and_escaped():
    from dataclasses import replace

    import torch

    from earwitness.perturb.components import WeightedComponents

    class Named:
        names = ("0.0-0.5 s", "<b>loud</b>", "rest")

    section = make_section()
    parts = WeightedComponents(Named(), torch.tensor([0.1, -0.4, 0.2]))
    section = replace(section, attribution=replace(section.attribution, components=parts))
    text = render_html(make_report(section))
    assert text.index("&lt;b&gt;loud") < text.index(">rest<") < text.index(">0.0-0.5 s<")
    assert "<b>loud" not in text
    assert "The parts" not in render_html(make_report(make_section()))


def test_under_each_player_stands_what_the_model_says_of_both():
    page = Page(render_html(make_report(make_heard_section())))
    assert [attrs for attrs in page.all("p") if attrs.get("class") == "says"] == [{"class": "says"}] * 3
    text = page.text.replace("\u00a0", " ")
    assert "The model says of it dog 93.0 %" in text
    assert "The model says of its features dog 81.5 % ; of its sound rooster 60.0 %, dog 31.0 %" in text.replace(
        "%; of", "% ; of")
    assert "Of the kept part it says “dog” (81.5 %) as features and “rooster” (60.0 %) as sound." in text
    assert "The model says of" not in Page(render_html(make_report())).text


def test_no_warning_where_features_and_sound_agree():
    agreeing = make_heard_section(p_kept_as_sound=0.7, said="dog")
    assert "What you hear is not" not in render_html(make_report(agreeing))
    assert "What you hear is not" in render_html(make_report(make_heard_section(p_kept_as_sound=0.6, said="dog")))


def test_the_page_says_what_the_metrics_were_measured_on():
    section = make_heard_section()
    given = Page(render_html(make_report(section))).text
    heard = Page(render_html(make_report(replace(section, domain="audio", measures=section.by_domain["audio"])))).text
    assert "Measured on the features" in given
    assert "Measured on the sounds" not in given
    assert "Measured on the sounds" in heard
    assert "From the sound of that part alone the model gives “dog” 31.0" in heard


def test_markup_in_what_the_model_says_stays_text():
    page = Page(render_html(make_report(make_heard_section(label=HOSTILE, said="<b>loud</b>"))))
    assert len(page.all("script")) == 1
    assert "<b>loud</b>" in page.text
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
