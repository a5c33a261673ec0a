"""The study's tables: methods × mask families × checks, and whether the checks agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from earwitness.metrics import bootstrap_interval
from earwitness.report.markdown import markdown_head, markdown_row

if TYPE_CHECKING:
    import pandas as pd

GROUP = ["part", "method", "masks"]
# check -> (column, what it says, whether more is better)
CHECKS: dict[str, tuple[str, str, bool]] = {
    "faithful": ("contrast", "pixel flipping: area least first minus most first, over the range", True),
    "random order": ("lead", "pixel flipping: area random order minus most first, over the range", True),
    "localised": ("auc", "localisation: area under the curve", True),
    "certain": ("doubt", "deviation over importance", False),
    "stable": ("sensitivity", "max-sensitivity", False),
    "model": ("random_weights", "likeness, random weights", False),
    "labels": ("random_labels", "likeness, random labels", False),
}
AGREEING = ("faithful", "localised", "certain", "stable", "model")


def summarise_checks(rows: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """Average every number over clips.

    Args:
        rows: columns part, method, masks, clip and numbers; one row per explanation.
        seed: of the bootstrap.

    Returns:
        Columns part, method, masks, n, and for each number its mean, ``_low`` and ``_high`` (95 % interval).
    """
    import pandas as pd

    numbers = [name for name in rows.columns if rows[name].dtype.kind == "f"]
    records = []
    for key, group in rows.groupby(GROUP, sort=False):
        entry: dict[str, object] = dict(zip(GROUP, key, strict=True)) | {"n": len(group)}
        for name in numbers:
            present = group[name].dropna()
            generator = torch.Generator().manual_seed(seed)
            low, high = bootstrap_interval(torch.tensor(present.to_numpy()), generator=generator)
            entry |= {name: present.mean() if len(present) else float("nan"), f"{name}_low": low, f"{name}_high": high}
        records.append(entry)
    return pd.DataFrame(records)


def ranks(summary: pd.DataFrame) -> pd.DataFrame:
    """Rank the mask families by each check, 1 is best; rows part, method, check, columns the families and agreement.

    ``agreement`` stands in the rows of the check "all": Kendall's coefficient of concordance W over the checks, 1
    where all order the families alike, 0 where they have nothing in common.
    """
    import pandas as pd

    records = []
    for (part, method), group in summary.groupby(GROUP[:2], sort=False):
        placed = []
        for check in AGREEING:
            column, _, more = CHECKS[check]
            if column not in group or group[column].isna().any():
                continue
            mask_ranks = group.set_index("masks")[column].rank(ascending=not more)
            placed.append(mask_ranks)
            records.append({"part": part, "method": method, "check": check, **mask_ranks.to_dict()})
        if len(placed) > 1:
            sums = sum(placed[1:], placed[0])
            records.append({"part": part, "method": method, "check": "all", **(sums / len(placed)).to_dict(),
                          "agreement": concordance(torch.tensor([list(each) for each in placed]))})
    return pd.DataFrame(records)


def concordance(rank_table: torch.Tensor) -> float:
    """Return Kendall's W of rankings, (judges, things): 0..1.

    Source: Kendall & Babington Smith 1939, without correction for ties.

    >>> concordance(torch.tensor([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]))
    1.0
    """
    judges, things = rank_table.shape
    sums = rank_table.double().sum(0)
    return round(float(12 * (sums - sums.mean()).square().sum() / (judges**2 * (things**3 - things))), 6)


def as_markdown(summary: pd.DataFrame) -> str:
    """Return the table methods × mask families × checks, one for each part; the best family of a method is bold."""
    lines = []
    for part, rows in summary.groupby("part", sort=False):
        checks = {name: entry for name, entry in CHECKS.items() if entry[0] in rows and rows[entry[0]].notna().any()}
        heads = [f"{name} {'↑' if more else '↓'}" for name, (_, _, more) in checks.items()]
        lines += [f"### {part}, n = {rows['n'].iloc[0]}", "", *markdown_head(["method", "masks", *heads])]
        for _, row in rows.iterrows():
            same = rows[rows["method"] == row["method"]]
            cells = [_cell(row, same[column], column, more) for column, _, more in checks.values()]
            lines.append(markdown_row([row["method"], row["masks"], *cells]))
        lines.append("")
    return "\n".join(lines)


def _cell(row: pd.Series, column: pd.Series, name: str, more: bool) -> str:
    if row[name] != row[name]:
        return "n/a"
    text = f"{row[name]:.3f} [{row[f'{name}_low']:.3f}, {row[f'{name}_high']:.3f}]"
    return f"**{text}**" if row[name] == (column.max() if more else column.min()) else text
