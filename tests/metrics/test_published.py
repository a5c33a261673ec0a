import csv
import math

import numpy as np
import pytest
import torch

from earwitness import metrics

METHODS = ("saliency", "gradcam", "lime", "shap")


def published_rows(folder):
    with open(folder / "pak2025" / "cat_metrics.csv", newline="") as file:
        return [row for row in csv.DictReader(file) if row["front_end"] == "mel" and row["scenario"] == "clean"]


def test_sparseness_and_complexity_match_every_published_row(shared_data):
    rows = published_rows(shared_data)
    assert len(rows) == 4 * 14
    constant = 0
    for row in rows:
        masks = np.load(shared_data / "pak2025" / f"mel_clean_{row['method']}_masks.npz")
        mask = torch.from_numpy(masks[row["mask"]].astype(np.float32))
        for name, function in (("SPS", metrics.sparseness), ("COMP", metrics.complexity)):
            got = float(function(mask, convention="pak2025"))
            assert got == pytest.approx(float(row[name]), abs=1e-4), (row, name)
            assert math.isnan(float(function(mask))) == bool(metrics.is_degenerate(mask))
        constant += bool(metrics.is_degenerate(mask))
    assert constant == sum(float(row["COMP"]) == 0 for row in rows)
