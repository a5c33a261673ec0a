"""The study's summary tables, and the page that holds them."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd

from earwitness.core.atomic_files import make_folder, replacing
from earwitness.core.errors import DataError
from earwitness.report.figures import save_figure
from earwitness.report.markdown import markdown_cell, markdown_table
from earwitness.studies.mishra2020 import figures
from earwitness.studies.mishra2020.fills import PUBLISHED
from earwitness.studies.mishra2020.ground_truth import recommend
from earwitness.studies.mishra2020.sensitivity import ESTIMATES

Tables = dict[str, pd.DataFrame]
CHOSEN = 4


def write_mishra2020(tables: Tables, out_dir: Path, *, seed: int = 0) -> str:
    """Write summary tables (CSV), figures (PNG) and ``summary.md``; return the recommendation as one sentence.

    Args:
        tables: rows by table, see ``run_mishra2020``.
        out_dir: made if it is missing.
        seed: of the bootstrap.
    """
    if not len(tables["truth"]):
        raise DataError("no spliced excerpt in which the model finds singing; give more songs or places")
    make_folder(out_dir)
    summaries = summarise_rows(tables, seed=seed)
    for name, table in summaries.items():
        with replacing(out_dir / f"{name}.csv") as path:
            table.to_csv(path, index=False, float_format="%.4f")
    _draw(tables, out_dir)
    sentence = recommend(_of(tables["truth"], "published"), seed=seed).sentence
    with replacing(out_dir / "summary.md") as path:
        path.write_text(_page(summaries, tables, sentence), encoding="utf-8")
    return sentence


def summarise_rows(all_tables: Tables, *, seed: int = 0) -> Tables:
    """Return the summary tables by name."""
    tables = {
        "stability": _stability(all_tables["stability"]),
        "instability-explained": instability_explained(all_tables["stability"]),
        "sensitivity": _sensitivity(all_tables["sensitivity"]),
        "instances": _instances(all_tables["sensitivity"]),
    }
    for name in ("truth", "boundaries"):
        parts = [recommend(_of(all_tables[name], estimate), seed=seed).table.assign(estimate=estimate)
                 for estimate in ESTIMATES if len(all_tables[name])]
        if parts:
            tables[name] = pd.concat(parts)[["estimate", *parts[0].columns[:-1]]]
    return tables


def instability_explained(stability: pd.DataFrame) -> pd.DataFrame:
    """Say how much of U_n above its least value, 3, the kernel and chance are to blame for.

    Of the published instability U_n(l2) - 3 at a number of samples, ``by_kernel`` goes with the cosine kernel and the
    same samples, and ``by_chance`` is what is left then and goes when every coalition is asked once.
    """
    mean = stability.groupby(["kind", "fill", "samples", "kernel"])["U_n"].mean().unstack("kernel").reset_index()
    table = mean.rename(columns={"l2": "U_n_l2", "cosine": "U_n_cosine"})
    above = table["U_n_l2"] - 3
    table["by_kernel"] = ((table["U_n_l2"] - table["U_n_cosine"]) / above).where(above > 0)
    table["by_chance"] = ((table["U_n_cosine"] - 3) / above).where(above > 0)
    return table[["kind", "fill", "samples", "U_n_l2", "U_n_cosine", "by_kernel", "by_chance"]]


def _stability(rows: pd.DataFrame) -> pd.DataFrame:
    groups = rows.groupby(["kind", "fill", "kernel", "samples"])
    return groups.agg(excerpts=("U_n", "size"), mean_U_n=("U_n", "mean"), median_U_n=("U_n", "median"),
                      share_of_3=("U_n", lambda u: (u == 3).mean()),
                      N_ce_with_limit=("N_ce_with_limit", "mean")).reset_index()


def _sensitivity(rows: pd.DataFrame) -> pd.DataFrame:
    groups = rows[rows["fill"] != "zero"].groupby(["kind", "estimate", "fill"])["N_ce"]
    shares = {f"share_of_{k}": groups.apply(lambda n, k=k: (n == k).mean()) for k in range(4)}
    return pd.DataFrame({"excerpts": groups.size(), "mean_N_ce": groups.mean(), **shares}).reset_index()


def _instances(rows: pd.DataFrame) -> pd.DataFrame:
    """Table II: for each kind, the surest vocal and the surest other excerpt of two songs."""
    own = rows[(rows["estimate"] == "published") & rows["fill"].isin(PUBLISHED)]
    songs = list(dict.fromkeys(own["song"]))[:CHOSEN]
    halves = {"temporal": songs[: CHOSEN // 2], "spectral": songs[CHOSEN // 2 :]}
    chosen = []
    for kind, names in halves.items():
        for song in names:
            here = own[(own["song"] == song) & (own["kind"] == kind)]
            for pick in (here["probability"].idxmin(), here["probability"].idxmax()):
                chosen.append(here[here["start_s"] == here.loc[pick, "start_s"]])
    if not chosen:
        return pd.DataFrame()
    wide = pd.concat(chosen).pivot_table(index=["song", "start_s", "probability", "kind"], columns="fill",
                                         values="top", aggfunc="first", sort=False)
    return wide.reset_index()[["song", "start_s", "probability", "kind", *[f for f in PUBLISHED if f in wide]]]


def _of(rows: pd.DataFrame, estimate: str) -> pd.DataFrame:
    return rows[rows["estimate"] == estimate]


def _draw(tables: Tables, out_dir: Path) -> None:
    stability, samples = tables["stability"], int(tables["stability"]["samples"].max())
    drawn = {"fig3-samples": figures.draw_samples(stability)} if "zero" in set(stability["fill"]) else {}
    for kernel in ("l2", "cosine"):
        drawn[f"fig5-fills-{kernel}"] = figures.draw_stability_of_fills(stability, kernel=kernel, samples=samples)
    for estimate in ("published", "cosine"):
        drawn[f"fig6-sensitivity-{estimate}"] = figures.draw_sensitivity(tables["sensitivity"], estimate=estimate)
        drawn[f"fig7-truth-{estimate}"] = figures.draw_truth(tables["truth"], estimate=estimate)
    for name, figure in drawn.items():
        save_figure(figure, out_dir / f"{name}.png", dpi=80)


def _page(summaries: Tables, tables: Tables, sentence: str) -> str:
    tried = tables["tried"].groupby("kind")["tried"].sum().to_dict()
    text = io.StringIO()
    text.write("# Study mishra2020\n\n")
    text.write(f"{len(tables['stability'].drop_duplicates(['song', 'start_s']))} excerpts for stability, "
               f"{len(tables['sensitivity'].drop_duplicates(['song', 'start_s']))} for sensitivity, "
               f"{tried.get('truth', 0)} spliced of which the model finds "
               f"{len(tables['truth'].drop_duplicates(['song', 'place', 'mix']))}.\n\n**{sentence}**\n")
    for name, table in summaries.items():
        text.write(f"\n## {name}\n\n{_markdown(table)}\n")
    return text.getvalue()


def _markdown(table: pd.DataFrame) -> str:
    return "\n".join(markdown_table(list(table.columns), (map(_cell, row) for row in table.itertuples(index=False))))


def _cell(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else markdown_cell(str(value))
