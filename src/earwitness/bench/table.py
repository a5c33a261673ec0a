"""The table as people read it, and as programs do."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from earwitness.bench.row import BenchRow, Peer
from earwitness.bench.setup import Setup
from earwitness.core.atomic_files import replacing
from earwitness.core.errors import ParameterError
from earwitness.report.markdown import markdown_cell, markdown_head, markdown_row

COLUMNS = ("work", "ours (s)", "peer (s)", "floor (s)", "ours/floor", "peer/ours", "must reach", "reached?")
HEADER = "\n".join(markdown_head(COLUMNS))
WORDS = {True: "yes", False: "no", None: "not measured"}
NOTHING = "-"


def machine(setup: Setup) -> dict[str, Any]:
    """Return what the figures depend on."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    facts: dict[str, Any] = {"cores": cores, "threads": torch.get_num_threads(), "torch": torch.__version__,
                             "python": platform.python_version(), "system": platform.system(), "device": setup.device}
    if setup.device.startswith("cuda"):
        facts["device"] = torch.cuda.get_device_name(setup.device)
    return facts


def line(row: BenchRow) -> str:
    """Write one row as a line of the Markdown table."""
    figures = row.figures
    cells = (row.work, _seconds(row.ours_s), "; ".join(map(_peer, row.peers)) or NOTHING, _seconds(row.floor_s),
             _ratio(figures.get("ours/floor")), _ratio(figures.get("peer/ours")),
             "; ".join(map(str, row.goal)) or NOTHING, "failed" if row.failed else WORDS[row.reached])
    return markdown_row(map(markdown_cell, cells))


def notes(rows: Sequence[BenchRow], setup: Setup) -> str:
    """Write what stands under the table: the machine, and the notes of each row."""
    facts = ", ".join(f"{name} {value}" for name, value in machine(setup).items())
    lines = [f"Medians of {setup.repeats} interleaved runs. Machine: {facts}.", ""]
    for row in rows:
        measured = [f"{name} {value:.4g}" for name, value in row.measured.items()]
        peer_notes = [f"{peer.name}: {peer.note}" for peer in row.peers if peer.note]
        lines.append(f"- {row.work}: {'; '.join((*measured, *row.notes, *peer_notes))}")
    return "\n".join(lines)


def markdown(rows: Sequence[BenchRow], setup: Setup) -> str:
    """Write the whole table with its notes."""
    return "\n".join([HEADER, *map(line, rows), "", notes(rows, setup), ""])


def as_json(rows: Sequence[BenchRow], setup: Setup) -> str:
    """Write everything for programs."""
    lists = []
    for row in rows:
        plain = asdict(row) | {"goal": [str(condition) for condition in row.goal], "figures": row.figures,
                               "reached": row.reached}
        del plain["measured"]  # among the figures
        lists.append(plain)
    counts = asdict(setup) | {"data": None if setup.data is None else setup.data.name}
    return json.dumps({"machine": machine(setup), "setup": counts, "rows": lists}, indent=1, allow_nan=False)


def check_place(path: Path) -> None:
    """Refuse a file that ``write_bench`` could not write, before hours of measuring.

    Raises:
        ParameterError: neither .md nor .json, or its folder does not exist.
    """
    if path.suffix not in WRITERS or not path.parent.is_dir():
        raise ParameterError(f"--out is {str(path)!r}; expected a file .md or .json in a folder that exists")


def write_bench(path: Path, rows: Sequence[BenchRow], setup: Setup) -> None:
    """Write the table to a file, as its suffix says."""
    with replacing(path) as temporary:
        temporary.write_text(WRITERS[path.suffix](rows, setup), encoding="utf-8")


def _peer(peer: Peer) -> str:
    name = f"{peer.name} {peer.version}".strip()
    if peer.seconds is None:
        return f"{name}: {peer.note.split(':')[0]}"
    return f"{name}: {_seconds(peer.seconds)}"


WRITERS: dict[str, Callable[[Sequence[BenchRow], Setup], str]] = {".md": markdown, ".json": as_json}


def _seconds(seconds: float | None) -> str:
    return NOTHING if seconds is None else f"{seconds:.3g}" if seconds < 1000 else f"{seconds:.0f}"


def _ratio(ratio: float | None) -> str:
    return NOTHING if ratio is None else f"{ratio:.2f}" if ratio < 100 else f"{ratio:.0f}"
