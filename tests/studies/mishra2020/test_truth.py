import numpy as np
import pandas as pd
import pytest

from earwitness.core.errors import DataError, ParameterError
from earwitness.datasets import jamendo
from earwitness.studies.mishra2020.excerpts import load_recordings
from earwitness.studies.mishra2020.ground_truth import is_true_positive, recommend, truth_rows
from earwitness.studies.mishra2020.spliced_excerpts import SplicePlan, splice_songs

KEYS = ("song", "place", "mix")


def made_rows(hits, *, songs=8, places=12, seed=0):
    """Rows of fills whose shares of perfect matches are given."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame([
        {"song": f"s{s}", "place": p, "mix": 0, "fill": fill, "N_ce": 3 if rng.random() < share else 1, "of": 3}
        for fill, share in hits.items() for s in range(songs) for p in range(places)])


def test_a_clear_winner_has_no_ties():
    found = recommend(made_rows({"zero": 0.2, "mean_inp": 0.8, "noise": 0.25}))
    assert found.fill == "mean_inp"
    assert found.ties == ()
    assert (found.n, found.songs) == (96, 8)
    best = found.table.iloc[0]
    assert best["low"] < best["perfect"] < best["high"]
    assert found.table["perfect"].is_monotonic_decreasing
    assert found.sentence.startswith("mean_inp: ")


def test_equal_fills_cannot_be_told_apart():
    rows = made_rows({"a": 0.5, "b": 0.5, "worse": 0.05})
    found = recommend(rows)
    assert {found.fill, *found.ties} == {"a", "b"}
    assert "cannot be told apart" in found.sentence


def test_few_recordings_make_wide_intervals():
    few, many = (recommend(made_rows({"a": 0.5, "b": 0.4}, songs=songs)).table for songs in (3, 40))
    assert (few["high"] - few["low"]).iloc[0] > 1.5 * (many["high"] - many["low"]).iloc[0]


def test_shares_are_counted_by_hand():
    rows = pd.DataFrame([{"song": "s", "place": k, "mix": 0, "fill": "zero", "N_ce": n, "of": 3}
                         for k, n in enumerate((3, 3, 2, 0))])
    table = recommend(rows).table
    assert table.loc[0, "perfect"] == 0.5
    assert table.loc[0, "all_but_one"] == 0.75
    assert table.loc[0, "mean_N_ce"] == 2.0


def test_nothing_and_doubles_are_refused():
    with pytest.raises(DataError, match="nothing can be recommended"):
        recommend(pd.DataFrame())
    rows = made_rows({"a": 0.5})
    with pytest.raises(ParameterError, match="those of one estimate"):
        recommend(pd.concat([rows, rows]))


def test_the_truth_is_found_where_the_model_is_additive(loudness_model, data):
    """Parts with a voice raise a model of loudness. Exact weights find all three; 70,000 published samples do not."""
    recordings = load_recordings(jamendo.read_songs(data), loudness_model)
    splices = [s for s in splice_songs(recordings, SplicePlan(places=2, mixes=2)) if is_true_positive(s)]
    rows, tried = truth_rows(splices, fills=("silence", "min_inp"))
    assert tried == len(splices) > 0
    assert len(rows) == tried * 2 * 3
    exact = [row for row in rows if row["estimate"] != "published"]
    assert all(row["N_ce"] == 3 == row["of"] for row in exact)
    assert any(row["N_ce"] < 3 for row in rows)
    few, tried = truth_rows(splices, fills=("silence",), estimates=("cosine",), most=1)
    assert (len(few), tried) == (1, 1)


def test_only_true_positives_are_explained(data, detector):
    splices = list(splice_songs(load_recordings(jamendo.read_songs(data), detector), SplicePlan(places=1, mixes=1)))
    kept = [s for s in splices if float(detector.probabilities(s.features)[0, 0]) >= 0.5]
    rows, tried = truth_rows(splices, fills=("zero",), estimates=("cosine",))
    assert tried == len(splices)
    assert len(rows) == len(kept)
