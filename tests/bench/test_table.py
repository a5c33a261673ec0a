"""The table: ratios, what follows from them, and how it is written."""

import json
import math

import pytest

from earwitness.bench import SIZES, BenchRow, Condition, Peer, table

GOAL = (Condition("ours/floor", "<=", 1.05), Condition("U_n", "<=", 3))


def row(ours_s=2.0, floor_s=1.0, peers=(), goal=GOAL, **measured):
    return BenchRow("work | more", ours_s, floor_s, tuple(peers), goal, measured, ("a note",))


def test_ratios_are_of_the_medians_and_the_fastest_peer():
    found = row(peers=[Peer("a", seconds=8.0), Peer("b", seconds=5.0), Peer("c", note="not installed: x")])
    assert found.figures == {"ours/floor": 2.0, "peer/ours": 2.5}
    assert found.peer_s == 5.0
    assert row(peers=[Peer("c")]).figures == {"ours/floor": 2.0}
    assert BenchRow("x").figures == {}


@pytest.mark.parametrize(("ours_s", "measured", "reached"), [
    (1.05, {"U_n": 3}, True), (1.06, {"U_n": 3}, False), (1.0, {"U_n": 4}, False), (1.0, {}, None),
    (1.0, {"U_n": math.nan}, None), (2.0, {}, False), (None, {"U_n": 3}, None), (None, {"U_n": 4}, False),
])
def test_reached_follows_from_the_figures(ours_s, measured, reached):
    assert row(ours_s, **measured).reached is reached


def test_a_row_without_a_goal_reaches_nothing():
    assert row(goal=()).reached is None


@pytest.mark.parametrize(("relation", "holds"), [("<=", [True, True, False]), (">=", [False, True, True])])
def test_conditions(relation, holds):
    condition = Condition("x", relation, 1.0)
    assert [condition.holds({"x": value}) for value in (0.5, 1.0, 1.5)] == holds
    assert condition.holds({}) is None
    assert str(condition) == ("x ≤ 1" if relation == "<=" else "x ≥ 1")


def test_every_line_has_every_column():
    peers = [Peer("lime", "0.2", 3.14159, "scaled"), Peer("shap", note="not installed: pip install it")]
    lines = [table.line(row(peers=peers, U_n=3)), table.line(BenchRow("broken", notes=("error: oh\nno",), failed=True)),
             *table.HEADER.splitlines()]
    for line in lines:
        assert line.replace("\\|", "").count("|") == len(table.COLUMNS) + 1
    assert "lime 0.2: 3.14; shap: not installed" in lines[0]
    assert lines[0].endswith("| 2.00 | 1.57 | ours/floor ≤ 1.05; U_n ≤ 3 | no |")
    assert lines[1].endswith("| failed |")


def test_markdown_has_the_machine_and_the_notes():
    text = table.markdown([row(U_n=3)], SIZES["quick"])
    assert "cores" in text
    assert "torch" in text
    assert "- work | more: U_n 3; a note" in text


def test_json_keeps_every_figure():
    found = json.loads(table.as_json([row(U_n=3, gap=math.nan, peers=[Peer("a", "1", 1.0)])], SIZES["quick"]))
    (plain,) = found["rows"]
    assert plain["figures"] == {"ours/floor": 2.0, "peer/ours": 0.5, "U_n": 3}
    assert (plain["reached"], plain["goal"]) == (False, ["ours/floor ≤ 1.05", "U_n ≤ 3"])
    assert plain["peers"][0] == {"name": "a", "version": "1", "seconds": 1.0, "note": "", "added_mib": None}
    assert found["setup"]["relax_masks"] == SIZES["quick"].relax_masks
    assert found["machine"]["cores"] >= 1
