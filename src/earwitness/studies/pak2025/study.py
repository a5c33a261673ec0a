"""The whole study: sweep, tables, figure, sounds."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from earwitness.core.atomic_files import make_folder, replacing
from earwitness.experiments.run import Engine
from earwitness.report.figures import save_figure
from earwitness.studies.pak2025.best import METRICS
from earwitness.studies.pak2025.montage import draw_montage, make_montage, write_montage
from earwitness.studies.pak2025.summary import RESAMPLES, choose, summarise_metrics
from earwitness.studies.pak2025.tables import best_tables, mask_tables
from earwitness.studies.pak2025.writing import to_html, to_latex, to_markdown
from earwitness.sweep import Finished, Pace, StudyInputs, do_locally, run_sweep

DIGITS = 6
TITLE = "pak2025: methods and masks"


@dataclass(frozen=True)
class Outcome:
    """What a study found.

    Attributes:
        finished: the sweep.
        accuracy: share of correctly classified clips by (front end, scenario).
        files: what was written, by name.
    """

    finished: Finished
    accuracy: dict[tuple[str, str], float]
    files: dict[str, Path]


def run_pak2025(
    prepared: StudyInputs, out: Path, *, engine: Engine = do_locally,
    on_pace: Callable[[Pace], None] = lambda pace: None,
    montage: str | None = None,
) -> Outcome:
    """Run the sweep, or what is missing of it, and write its tables and the montage.

    Args:
        prepared: what to do; see ``published_plan`` and ``studies.pak2025.inputs.read_inputs``.
        out: folder; gets ``shards/``, ``best.md``, ``best.csv``, ``best.tex``, ``masks.md``, ``masks.csv``,
            ``tables.html``, ``montage.png``, ``montage.html``, ``summary.json``, and ``failures.csv`` where clips
            failed.
        engine: see ``run_sweep``.
        on_pace: see ``run_sweep``.
        montage: file name of the clip in the figure; None takes the first one that is explained, "" draws none.
    """
    make_folder(out)
    finished = run_sweep(prepared, out, engine=engine, on_pace=on_pace)
    files = write_tables(finished, prepared, out)
    if montage != "":
        clip = montage or prepared.clips[0]
        rows = make_montage(prepared, clip)
        files["figure"] = save_figure(draw_montage(rows), out / "montage.png", dpi=110)
        files["sounds"] = out / "montage.html"
        write_montage(rows, files["sounds"], clip=clip)
    each = finished.rows.drop_duplicates(["front_end", "scenario", "clip"])
    accuracy = each.groupby(["front_end", "scenario"], sort=False)["correct"].mean().to_dict()
    return Outcome(finished, accuracy, files)


def write_tables(finished: Finished, prepared: StudyInputs, out: Path) -> dict[str, Path]:
    """Write every table in every format; returns the paths by name."""
    summary = summarise_metrics(finished.rows, seed=prepared.job.plan.seed)
    chosen = choose(summary)
    best, all_masks, notes = best_tables(chosen), mask_tables(summary), _notes(finished, prepared)
    texts = {
        "best.md": to_markdown(best, title=TITLE, notes=notes),
        "masks.md": to_markdown(all_masks, title=f"{TITLE}, all of them", notes=notes),
        "best.tex": to_latex(best),
        "tables.html": to_html([*best, *all_masks], title=TITLE, notes=notes),
        "best.csv": chosen.round(DIGITS).to_csv(index=False),
        "masks.csv": summary.round(DIGITS).to_csv(index=False),
        "summary.json": json.dumps(_speed(finished), indent=1) + "\n",
    }
    if len(finished.failures):
        texts["failures.csv"] = finished.failures.to_csv(index=False)
    for name, text in texts.items():
        with replacing(out / name) as path:
            path.write_text(text, encoding="utf-8", errors="backslashreplace")
    return {name: out / name for name in texts}


def _notes(finished: Finished, prepared: StudyInputs) -> list[str]:
    plan = prepared.job.plan
    each = finished.rows.drop_duplicates(["front_end", "scenario", "clip"])
    shares = each.groupby(["front_end", "scenario"], sort=False)["correct"].mean()
    heard = ", ".join(f"{front_end} {scenario} {100 * share:.1f} %" for (front_end, scenario), share in shares.items())
    notes = [
        f"{finished.clips} clips, counted once per model and scenario; seed {plan.seed}. Accuracy: {heard}.",
        f"Best mask: largest geometric mean of {', '.join(METRICS)}, each scaled to 0..1 over all tables, AD and COMP "
        "turned round. A constant mask selects nothing: where such degenerate masks are included, they score 0 in SPS "
        "and COMP, as published; where they are excluded, the means are over the other clips.",
        f"Intervals: 95 % of {RESAMPLES} bootstrap resamples of the clips.",
    ]
    if len(finished.failures):
        notes.append(f"{len(finished.failures)} explanations failed; see failures.csv.")
    return notes


def _speed(finished: Finished) -> dict[str, float | int]:
    busy, floor = finished.busy_s, finished.floor_s
    return {
        "clips": finished.clips, "failures": len(finished.failures), "worker_s": round(busy, 3),
        "floor_s": round(floor, 3), "clips_per_worker_minute": round(60 * finished.clips / busy, 2) if busy else 0.0,
        "share_above_floor": round(1 - floor / busy, 4) if busy else 0.0,
        "of_this_run": finished.clips - finished.kept, "wall_s_of_this_run": round(finished.wall_s, 1),
    }
