"""The generated pages are up to date; the site builds strictly and fetches nothing from elsewhere."""

import importlib.util
import os
import re
import subprocess
import sys

import pytest
import yaml

import earwitness as ew
from tests.docs.pages import ROOT


def script(name):
    """A script as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


docs_pages, docs_tables = script("docs_pages"), script("docs_tables")

FETCHED = re.compile(r"""<(?:script|img|iframe|audio|source|embed)\b[^>]*\bsrc=["']?(?:https?:)?//[^>]*>"""
                     r"""|<link\b[^>]*\bhref=["']?(?:https?:)?//[^>]*>|url\(["']?(?:https?:)?//[^)]*\)|@import[^;]*//""")


def test_the_models_page_follows_the_cards():
    wanted = docs_pages.models_page(ew.models.cards())
    assert (ROOT / "docs" / "models.md").read_text() == wanted, "run: python scripts/docs_pages.py"


@pytest.mark.parametrize(("path", "name"), list(docs_tables.TABLES))
def test_the_tables_follow_the_registries(path, name):
    page = (ROOT / path).read_text()
    wanted = docs_tables.with_table(page, name, docs_tables.TABLES[path, name]())
    assert page == wanted, "run: python scripts/docs_pages.py"


def test_the_licences_page_names_every_package_and_bundled_weights():
    page = (ROOT / "docs" / "licences.md").read_text()
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if "==" in line:
            assert f"\n| {line.split('==')[0]} |" in page, f"{line}: run python scripts/docs_pages.py"
    for card in ew.models.cards().values():
        assert f"`{card.name}`" in page
    assert "not stated" not in page


def test_an_external_script_would_be_seen():
    for text in ('<script src="https://cdn.example/x.js">', '<link rel=stylesheet href="//fonts.example/x">',
                 "url(https://fonts.example/a.woff2)", '<img alt="x" src=http://example/x.png>'):
        assert FETCHED.search(text), text
    assert not FETCHED.search('<a href="https://example.org">a link to follow</a><script src="assets/x.js">')


def test_the_site_builds_strictly_and_fetches_nothing(tmp_path):
    pytest.importorskip("material", reason="mkdocs-material is not installed: pip install 'earwitness[docs]'")
    pytest.importorskip("mkdocstrings", reason="mkdocstrings is not installed: pip install 'earwitness[docs]'")
    site = tmp_path / "site"
    built = subprocess.run([sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(site)], cwd=ROOT,
                           env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    pages = list(site.rglob("*.html"))
    assert len(pages) > 40
    for page in [*pages, *site.rglob("*.css")]:
        assert not FETCHED.search(page.read_text()), page.relative_to(site)
    shown = {name for page in pages for name in re.findall(r'id="(earwitness[\w.]*)"', page.read_text())}
    assert {"earwitness.methods.explain.explain", "earwitness.AudioModel", "earwitness.masks.make"} <= shown


def test_the_citation_file():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert cited["cff-version"] == "1.2.0"
    assert set(cited) >= {"cff-version", "message", "title", "authors"}
    assert set(cited) <= {"cff-version", "message", "title", "authors", "version", "date-released", "license",
                          "abstract", "keywords", "type"}
    assert cited["version"] == ew.__version__
    assert cited["license"] == "Apache-2.0"
    assert cited["authors"] == [{"name": "The earwitness developers"}]
