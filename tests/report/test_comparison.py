import base64
import io
import json
from dataclasses import replace

import pytest
import soundfile
import torch

from earwitness.report import render_html
from earwitness.report.comparison import page_groups
from earwitness.report.folder import summary, write_folder
from earwitness.report.tables import best_rows
from tests.report.made_reports import (
    make_compared_report,
    make_heard_section,
    make_long_report,
    make_measures,
    make_report,
    make_section,
)
from tests.report.test_html import HOSTILE, Page


@pytest.fixture(scope="module")
def compared():
    return make_compared_report()


@pytest.fixture(scope="module")
def page(compared):
    return Page(render_html(compared))


def test_a_report_of_one_method_has_no_comparison():
    assert [group.comparison for group in page_groups(make_long_report())] == [None] * 3
    page = Page(render_html(make_report()))
    assert not [tag for tag, attrs in page.tags if "comparison" in attrs.get("class", "").split()]


def test_groups_are_stretches():
    groups = page_groups(make_compared_report(starts=(5.0, 20.0)))
    assert [[view.anchor for view in group.sections] for group in groups] == [
        ["section-1", "section-2"], ["section-3", "section-4"]]
    assert [group.comparison.anchor for group in groups] == ["stretch-1", "stretch-2"]
    assert [group.comparison.first for group in groups] == ["section-1", "section-3"]


def test_the_table_has_every_method_and_its_numbers(compared):
    (group,) = page_groups(compared)
    lines = {line.method: line for line in group.comparison.lines}
    assert list(lines) == ["rise", "slime", "gradcam"]
    columns = [column.name for column in group.comparison.columns]
    numbers = dict(zip(columns, lines["slime"].cells, strict=True))
    assert numbers["FF"] == ("0.300", True)
    assert numbers["AD"] == ("12.4\u00a0%", False)
    assert numbers["p kept"] == ("81.5\u00a0%", False)
    assert [numbers[name][0] for name in ("forward", "backward", "seconds")] == ["1,001", "1", "1.50"]
    assert dict(zip(columns, lines["rise"].cells, strict=True))["FF"] == ("0.200", False)
    assert lines["gradcam"].reason == "network Flat has no convolution"
    assert lines["gradcam"].cells == ()


def test_both_domains_stand_in_the_table_and_in_the_numbers(compared):
    heard = make_heard_section()
    report = replace(compared, sections=[compared.sections[0], heard])
    (group,) = page_groups(report)
    columns = [column.name for column in group.comparison.columns]
    assert columns[:4] == ["p kept", "as sound", "p removed", "as sound"]
    alone, both = (line.cells[:4] for line in group.comparison.lines[:2])
    assert [text for text, _ in alone] == ["81.5\u00a0%", "n/a", "21.8\u00a0%", "n/a"]
    assert [text for text, _ in both] == ["81.5\u00a0%", "31.0\u00a0%", "21.8\u00a0%", "18.0\u00a0%"]
    content = summary(report)["sections"][1]
    assert content["metrics_by_domain"]["audio"]["p_kept"] == 0.31
    assert content["metrics"] == content["metrics_by_domain"]["features"]
    assert content["answers"][3] == {"part": "kept", "domain": "audio", "label": "rooster", "probability": 0.6,
                                     "target": "dog", "p": 0.31}
    assert len(content["disagreements"]) == 1


def test_degenerate_and_embedding_are_tags(compared):
    weak = make_section(constant=True, target=None)
    (group,) = page_groups(replace(compared, sections=[weak, *compared.sections]))
    line = group.comparison.lines[0]
    assert line.tags == ("the embedding", "constant mask")
    assert ("n/a", False) in line.cells
    assert not any(best for _, best in line.cells)
    assert group.comparison.target == "dog"


def test_best_is_what_reads_best():
    measures = make_section().measures
    found = [make_measures(measures, FF=0.50004, AD=1.0), make_measures(measures, FF=0.49996, AD=2.0),
             make_measures(measures, FF=0.1), make_measures(measures, FF=0.9, degenerate=True)]
    best = best_rows(found)
    assert best["FF"] == {0, 1}
    assert best["AD"] == {0}
    assert best["AI"] == set()
    assert best_rows([]) == {name: set() for name in best}


def test_every_sound_is_in_the_page_once(page):
    sounds = [attrs["src"] for attrs in page.all("audio") if "src" in attrs]
    assert len(sounds) == 5  # the original, and kept and removed of two methods
    shared = [attrs["data-same-as"] for attrs in page.all("audio") if "data-same-as" in attrs]
    assert shared == ["section-1"]
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(sounds[0].split(",")[1])))
    assert sounds[0].startswith("data:audio/flac;base64,")
    assert (len(samples), rate) == (32000, 16000)


def test_levels_compare_across_methods(compared):
    loud = compared.sections[1]
    loud = replace(loud, sounds=replace(loud.sounds, removed=10 * loud.sounds.removed))
    (group,) = page_groups(replace(compared, sections=[compared.sections[0], loud]))
    assert group.sections[0].gain == group.sections[1].gain
    assert group.sections[0].gain != page_groups(compared)[0].sections[0].gain


def test_tiles_lead_to_sections_and_name_their_players(page):
    ids = {attrs["id"] for attrs in page.all("section") if "id" in attrs}
    assert ids == {"stretch-1", "section-1", "section-2"}
    assert {attrs["href"] for attrs in page.all("a")} == {f"#{name}" for name in ids}
    buttons = [(attrs["data-section"], attrs["data-part"]) for attrs in page.all("button") if "data-part" in attrs]
    assert buttons == [("section-1", "original"), ("section-1", "kept"), ("section-1", "removed"),
                       ("section-2", "kept"), ("section-2", "removed")]
    assert "cannot explain this: network Flat has no convolution" in page.text
    assert "rise: evidence for “ dog ”" in page.text.replace("rise :", "rise:")
    assert "with 3 methods" in page.text


def test_markup_in_names_and_reasons_stays_text():
    compared = make_compared_report(methods=(HOSTILE, "slime"))
    refusals = [replace(refusal, method=HOSTILE, reason=HOSTILE) for refusal in compared.refusals]
    hostile = Page(render_html(replace(compared, refusals=refusals)))
    assert len(hostile.all("script")) == 1
    assert all(image["src"].startswith("data:image/png") for image in hostile.all("img"))
    assert not [name for _, attrs in hostile.tags for name in attrs if name.startswith("on")]
    assert hostile.text.count(HOSTILE) >= 4


def test_nothing_comes_from_the_network_and_the_timeline_leads_to_the_comparisons():
    compared = make_compared_report(starts=(5.0, 20.0), timeline=make_long_report().timeline)
    text = render_html(compared)
    page = Page(text)
    assert "http:" not in text
    assert "https:" not in text
    sources = [attrs[name] for _, attrs in page.tags for name in ("src", "href") if name in attrs]
    assert all(source.startswith(("data:", "#")) for source in sources)
    blocks = [attrs["href"] for attrs in page.all("a") if attrs.get("class") == "block"]
    assert sorted(blocks) == ["#stretch-1", "#stretch-2"]


def test_files_are_named_after_their_methods(tmp_path, monkeypatch):
    monkeypatch.setattr("earwitness.report.folder.draw_sound", lambda section, name: None)
    monkeypatch.setattr("earwitness.report.folder.draw_explanation", lambda section: None)
    monkeypatch.setattr("earwitness.report.folder.save_figure", lambda figure, path: path.touch())
    report = make_compared_report(starts=(5.0, 20.0), timeline=make_long_report().timeline)
    content = write_folder(report, tmp_path / "out")
    wanted = {"report.html", "explanation.json"}
    for k in (1, 2):
        wanted |= {f"original-{k}.wav", f"original-{k}.png"}
        wanted |= {f"{name}-{k}-{method}.{kind}" for method in ("rise", "slime") for name, kind in (
            ("kept", "wav"), ("kept", "png"), ("removed", "wav"), ("removed", "png"), ("explanation", "png"),
            ("explanation", "npz"))}
    assert {path.name for path in (tmp_path / "out").iterdir()} == wanted
    assert json.loads((tmp_path / "out" / "explanation.json").read_text()) == content
    assert [(section["start_s"], section["method"]) for section in content["sections"]] == [
        (5.0, "rise"), (5.0, "slime"), (20.0, "rise"), (20.0, "slime")]
    assert content["sections"][1]["passes"] == {"forward": 1001, "backward": 1}
    assert content["sections"][1]["seconds"] == 1.5
    assert content["refusals"][0] == {"method": "gradcam", "start_s": 5.0, "reason": "network Flat has no convolution"}
    (tmp_path / "out" / "kept-mine.wav").touch()
    write_folder(make_report(), tmp_path / "out")  # leaves nothing of the longer report, and what is not a report's
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "report.html", "explanation.json", "original.wav", "original.png", "kept.wav", "kept.png", "removed.wav",
        "removed.png", "explanation.png", "explanation.npz", "kept-mine.wav"}


def test_the_numbers_of_one_method_are_what_they_were():
    content = summary(make_report())
    assert "refusals" not in content
    assert set(content["sections"][0]) == {"start_s", "duration_s", "target", "measured", "predictions", "domain",
                                           "metrics", "metrics_by_domain", "answers", "disagreements"}


def test_the_page_stays_small():
    waveform = 0.1 * torch.randn(80000, generator=torch.Generator().manual_seed(0))
    section = make_section(waveform=waveform)
    sections = [replace(section, attribution=replace(section.attribution, method=f"m{k}")) for k in range(12)]
    text = render_html(make_compared_report(sections=sections, methods=tuple(f"m{k}" for k in range(12))))
    assert len(text) < 15e6
