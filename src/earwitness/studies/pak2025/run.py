"""The whole study: rows, tables, figure, sounds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from earwitness.core.atomic_files import make_folder, replacing
from earwitness.experiments.local import do_locally
from earwitness.experiments.run import Engine, Finished, OnPace, run_experiment
from earwitness.metrics import registry
from earwitness.report.figures import save_figure
from earwitness.studies.outcome import Outcome, write_failures
from earwitness.studies.pak2025.best import METRICS
from earwitness.studies.pak2025.inputs import StudyInputs
from earwitness.studies.pak2025.montage import draw_montage, make_montage, write_montage
from earwitness.studies.pak2025.summary import RESAMPLES, choose, summarise_metrics
from earwitness.studies.pak2025.tables import best_tables, mask_tables
from earwitness.studies.pak2025.worker import FAILED
from earwitness.studies.pak2025.writing import to_html, to_latex, to_markdown

if TYPE_CHECKING:
    from pandas import DataFrame

DIGITS = 6
TITLE = "pak2025: methods and masks"


def run_pak2025(
    prepared: StudyInputs, out: Path, *, engine: Engine = do_locally,
    on_pace: OnPace = lambda pace: None, montage: str | None = None,
) -> Outcome:
    """Explain all clips, or those that are missing, and write tables and the montage.

    Args:
        prepared: what to do; see ``published_plan`` and ``studies.pak2025.inputs.read_inputs``.
        out: folder; gets ``tasks/``, ``best.md``, ``best.csv``, ``best.tex``, ``masks.md``, ``masks.csv``,
            ``tables.html``, ``montage.png``, ``montage.html``, ``summary.json``, and ``failures.csv`` where clips
            failed.
        engine: see ``run_experiment``.
        on_pace: see ``run_experiment``; items are clips, counted once per model and scenario.
        montage: file name of the clip in the figure; None takes the first one that is explained, "" draws none.

    Returns:
        Findings: "accuracy", the share of correctly classified clips by (front end, scenario).

    Raises:
        ParameterError: the folder holds the rows of another plan.
        EarwitnessError: not one clip could be explained, or another run is at work in the folder.
    """
    finished = explain_clips(prepared, out, engine=engine, on_pace=on_pace)
    files = write_tables(finished, prepared, out)
    if montage != "":
        clip = montage or prepared.clips[0]
        rows = make_montage(prepared, clip)
        files["figure"] = save_figure(draw_montage(rows), out / "montage.png", dpi=110)
        files["sounds"] = out / "montage.html"
        write_montage(rows, files["sounds"], clip=clip)
    return Outcome(finished, files, {"accuracy": _accuracy(finished.tables["rows"]).to_dict()})


def explain_clips(
    prepared: StudyInputs, out: Path, *, engine: Engine = do_locally, on_pace: OnPace = lambda pace: None
) -> Finished:
    """Return the rows, one per clip, method and mask; metrics beside the published ones only if planned."""
    finished = run_experiment(prepared, out, engine=engine, on_pace=on_pace)
    rows = finished.tables["rows"]
    empty = [name for name in registry.METRICS if name not in METRICS and rows[name].isna().all()]
    return replace(finished, tables={"rows": rows.drop(columns=empty)})


def _accuracy(rows: DataFrame) -> DataFrame:
    """Share of correctly classified clips by (front end, scenario)."""
    each = rows.drop_duplicates(["front_end", "scenario", "clip"])
    return each.groupby(["front_end", "scenario"], sort=False)["correct"].mean()


def write_tables(finished: Finished, prepared: StudyInputs, out: Path) -> dict[str, Path]:
    """Write every table in every format; returns the paths by name."""
    make_folder(out)
    summary = summarise_metrics(finished.tables["rows"], seed=prepared.job.plan.seed)
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
    write_failures(finished.failures[list(FAILED)], out)
    for name, text in texts.items():
        with replacing(out / name) as path:
            path.write_text(text, encoding="utf-8", errors="backslashreplace")
    return {name: out / name for name in texts}


def _notes(finished: Finished, prepared: StudyInputs) -> list[str]:
    plan = prepared.job.plan
    shares = _accuracy(finished.tables["rows"])
    accuracies = ", ".join(f"{front_end} {scenario} {100 * share:.1f} %"
                           for (front_end, scenario), share in shares.items())
    notes = [
        f"{finished.total} clips, counted once per model and scenario; seed {plan.seed}. Accuracy: {accuracies}.",
        f"Best mask: largest geometric mean of {', '.join(METRICS)}, each scaled to 0..1 over all tables, AD and COMP "
        "turned round. A constant mask selects nothing: where such degenerate masks are included, they score 0 in SPS "
        "and COMP, as published; where they are excluded, the means are over the other clips.",
        f"Intervals: 95 % of {RESAMPLES} bootstrap resamples of the clips.",
    ]
    if len(finished.failures):
        notes.append(f"{len(finished.failures)} explanations failed; see failures.csv.")
    return notes


def _speed(finished: Finished) -> dict[str, float | int]:
    busy, floor = finished.seconds["total"], finished.seconds["floor"]
    return {
        "clips": finished.total, "failures": len(finished.failures), "worker_s": round(busy, 3),
        "floor_s": round(floor, 3), "clips_per_worker_minute": round(60 * finished.total / busy, 2) if busy else 0.0,
        "share_above_floor": round(1 - floor / busy, 4) if busy else 0.0,
        "of_this_run": finished.total - finished.kept, "wall_s_of_this_run": round(finished.wall_s, 1),
    }
