"""Every page's code runs and prints what it shows; its commands and links exist."""

import re

import click
import pytest

from earwitness.cli.main import cli
from tests.docs.network_files import write_files
from tests.docs.pages import PAGES, ROOT, assert_same, blocks, commands, run, without_code

OPTIONAL = {"transformers"}
CODE = [page for page in PAGES if "```python" in page.read_text()]


def name_of(page):
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", CODE, ids=name_of)
def test_the_code_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for package in sorted(OPTIONAL & set(re.findall(r"^import (\w+)", page.read_text(), re.MULTILINE))):
        pytest.importorskip(package)
    if page.name == "your-own-model.md":
        write_files(tmp_path)
    assert run(page.read_text(), name_of(page))


def test_the_runner_sees_what_is_wrong():
    page = "```python\nx = 1.25\nprint('x is', x)\n```\n\n```text\nx is 1.25\n```\n"
    assert run(page, "page") == 1
    for broken in (page.replace("1.25\n```\n", "1.29\n```\n"), page.replace("x is 1", "y is 1"),
                   page.replace("```text", "```"), page.replace("x = ", "x = y = z + ")):
        with pytest.raises((AssertionError, NameError)):
            run(broken, "page")
    with pytest.raises(AssertionError):
        assert_same("3 passes", "2 passes", "here")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_blocks_say_their_language(page):
    assert {block.language for block in blocks(page.read_text())} <= {"python", "text", "sh", "console", "toml", "yaml"}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_exist(page):
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for words in commands(page.read_text()):
        if words[0] == "make":
            assert set(words[1:]) <= set(targets), words
        else:
            check_command(cli, words[1:])


def check_command(command, words):
    """Walk down the groups, then look the options up."""
    while isinstance(command, click.Group):
        known = {option for parameter in command.params for option in parameter.opts}
        while words and words[0] in known:
            words = words[1:]
        if not words or words[0] in ("--help", "--version"):
            return
        assert words[0] in command.commands, f"{command.name} has no command {words[0]!r}"
        command, words = command.commands[words[0]], words[1:]
    known = {option for p in command.params for option in (*p.opts, *p.secondary_opts)} | {"--help", "--debug"}
    used = [word.partition("=")[0] for word in words if word.startswith("--")]
    assert set(used) <= known, f"{command.name} has no option {sorted(set(used) - known)}"


def test_a_command_that_does_not_exist_is_seen():
    for line in ("explan x.wav", "explain x.wav --maks bin", "study pak2026"):
        with pytest.raises(AssertionError):
            check_command(cli, line.split())


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=name_of)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)", without_code(page.read_text())):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
