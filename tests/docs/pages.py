"""The pages of the documentation, their code blocks, and how a page is run."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import torch

import earwitness as ew
from earwitness.perturb.fills import FILLS

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md")] + sorted((ROOT / "docs").rglob("*.md"))
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"-?\d+\.\d+(?:e[+-]?\d+)?|-?\d+")


@dataclass(frozen=True)
class Block:
    """Code between fences: its language, what it prints if a block `text` follows, and its first line's number."""

    language: str
    code: str
    shown: str | None
    line: int


def blocks(page: str) -> list[Block]:
    """All fenced blocks; a `text` block straight after a `python` block is what that one prints."""
    fences = list(FENCE.finditer(page))
    found = []
    for k, fence in enumerate(fences):
        after = fences[k + 1] if k + 1 < len(fences) else None
        follows = after is not None and after[1] == "text" and not page[fence.end() : after.start()].strip()
        found.append(Block(fence[1], fence[2], after[2] if follows else None, page.count("\n", 0, fence.start()) + 2))
    return found


def run(page: str, name: str) -> int:
    """Run a page's python blocks one after another in one namespace; what they print must be what is shown."""
    namespace, python = {"__name__": "page"}, [block for block in blocks(page) if block.language == "python"]
    with contextlib.ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng())
        for registry in (ew.METHODS, FILLS, ew.perturb.COMPONENTS, ew.masks.MASKS, ew.metrics.METRICS):
            stack.enter_context(as_they_were(registry))
        for block in python:
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile("\n" * (block.line - 1) + block.code, name, "exec"), namespace)
            assert_same(printed.getvalue(), block.shown or "", f"{name}, line {block.line}")
    return len(python)


@contextlib.contextmanager
def as_they_were(names: dict):
    """Leave a registry as it was: pages may add to it."""
    before = dict(names)
    try:
        yield
    finally:
        names.clear()
        names.update(before)


def assert_same(printed: str, shown: str, where: str) -> None:
    """Words must be equal; decimals may differ by two in the last digit that is shown, whole numbers not at all."""
    assert NUMBER.sub("#", printed).split() == NUMBER.sub("#", shown).split(), f"{where} prints:\n{printed}"
    for got, wanted in zip(NUMBER.findall(printed), NUMBER.findall(shown), strict=True):
        decimals = len(wanted.partition("e")[0].partition(".")[2])
        room = 2.01 * 10.0**-decimals if decimals else 0.0
        assert abs(float(got) - float(wanted)) <= room, f"{where} prints {got}, not {wanted}:\n{printed}"


def commands(page: str) -> list[list[str]]:
    """The commands in a page's shell blocks, split into words, without comments and prompts."""
    found = []
    for block in blocks(page):
        if block.language in ("sh", "console"):
            for line in block.code.replace("\\\n", " ").splitlines():
                words = shlex.split(line.removeprefix("$ "), comments=True)
                if words and words[0] in ("earwitness", "make"):
                    found.append(words)
    return found


def without_code(page: str) -> str:
    """A page's prose: fenced blocks and code spans left out."""
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", page))
