import base64
import hashlib
import re
from pathlib import Path

import jinja2
import pytest

import earwitness
from earwitness.report.templating import content_hash, render_fragment, render_page, template_text
from earwitness.studies.pak2025.writing import to_html

SOURCE = Path(earwitness.__file__).parent
HOSTILE = "<script>alert(1)</script>"


def test_the_hash_of_a_script_is_the_one_that_browsers_compute():
    # an example of the standard: https://www.w3.org/TR/CSP2/#script-src-hash-usage
    assert content_hash("alert('Hello, world.');") == "sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng="


def test_the_policy_of_a_page_names_the_script_that_is_in_it():
    page = to_html([], title=HOSTILE)
    script = re.search(r"<script>(.*)</script>", page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
    assert script == template_text("sorting.js", package="earwitness.studies.pak2025")
    assert HOSTILE not in page


def test_texts_are_shown_literally_and_missing_ones_are_an_error():
    content = {"name": HOSTILE, "facts": "2 s", "sound": "data:,"}
    html = render_fragment("sound.html", package="earwitness.app", **content)
    assert "&lt;script&gt;" in html
    assert HOSTILE not in html
    with pytest.raises(jinja2.UndefinedError):
        render_fragment("sound.html", package="earwitness.app")
    with pytest.raises(jinja2.UndefinedError):
        render_page("page.html", "player.js", style="page.css")


def test_there_is_one_environment_and_one_player():
    environments = [path.name for path in SOURCE.rglob("*.py") if "jinja2.Environment(" in path.read_text()]
    assert environments == ["templating.py"]
    follows = [path.name for path in SOURCE.rglob("*.js") if "requestAnimationFrame" in path.read_text()]
    assert follows == ["player.js"]


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.js")), ids=lambda p: p.name)
def test_scripts_have_short_lines_and_ask_for_nothing_from_elsewhere(path):
    text = path.read_text()
    assert max(map(len, text.splitlines())) <= 120
    assert not re.search(r"https?://|\bimport\b|\bfetch\(|\beval\(|innerHTML", text)
