"""The game: each distinct coalition once, shared inside the network where that is right; it says which way it took."""

import pytest
import torch

import earwitness as ew
from earwitness.perturb import coalitions
from earwitness.perturb.components import temporal
from earwitness.perturb.game import PLAIN, CoalitionGame, make_game, play
from earwitness.perturb.receptive_field import CannotReuse, ReceptiveField
from earwitness.targets import CountedScore, SharedForward
from earwitness.targets.scores import ClassLogit
from tests.made_models import additive, deep, noise_clip


class Spy:
    """A score that remembers how many inputs it saw."""

    def __init__(self, model):
        self.model, self.seen = model, 0

    def __call__(self, features):
        self.seen += len(features)
        return features.values.mean((1, 2)) ** 2


def one_window(model, generator):
    features = model.features(noise_clip(generator))[:1]
    return features, temporal(features, model.front_end), torch.full_like(features.values, -100.0)


def slow(score, features, parts, fill, rows):
    with torch.no_grad():
        return torch.cat([score(parts.compose(features, row[None], fill)) for row in rows]).double()


def test_each_distinct_coalition_is_asked_about_once_in_any_order(generator):
    model = additive(generator)
    features, parts, fill = one_window(model, generator)
    spy = Spy(model)
    game = CoalitionGame(spy, features, parts, fill)
    for count in (50, 400, 3000):
        rows = coalitions.bernoulli(count, game.n, generator=generator)
        assert torch.allclose(game(rows)[:20], slow(Spy(model), features, parts, fill, rows[:20]), rtol=1e-5)
    assert spy.seen == game.evaluations <= 2**game.n


def test_what_coalitions_share_is_computed_once_and_said(generator):
    model = deep(generator, 3)
    features, parts, fill = one_window(model, generator)
    score = CountedScore(ClassLogit(model, 1))
    game = CoalitionGame(score, features, parts, fill)
    rows = coalitions.every(game.n)
    scores = game(rows)
    assert game.route.startswith("1,024 coalitions inside the network, at the work of ")
    assert 1 <= score.passes["forward"] < 100
    picked = rows[::97]
    expected = slow(ClassLogit(model, 1), features, parts, fill, picked)
    assert float((scores[::97] - expected).abs().max() / expected.abs().max()) < 1e-5


@pytest.mark.parametrize("why", ["few", "bf16", "hpss"])
def test_some_games_are_played_pass_by_pass(why, generator):
    model = deep(generator, 3)
    features, parts, fill = one_window(model, generator)
    score = CountedScore(ClassLogit(model, 1), precision="bf16" if why == "bf16" else "fp32")
    game = CoalitionGame(score, features, parts, fill)
    if why == "hpss":
        game = make_game(score, features, components="hpss", fill="silence")
    rows = coalitions.every(game.n)[: 100 if why == "few" else None]
    game(rows)
    assert game.route == PLAIN
    assert score.passes["forward"] >= len(rows)


def test_a_network_that_does_other_things_later_is_played_pass_by_pass_and_said(generator, monkeypatch):
    """Also for the second of two targets, which must not read the first one's batches for its whole."""
    model = deep(generator, 3)
    features, parts, fill = one_window(model, generator)
    rows = coalitions.every(10)
    expected = [CoalitionGame(CountedScore(ClassLogit(model, k)), features, parts, fill)(rows) for k in (0, 2)]

    def refuses(self, coalitions, **_):
        raise CannotReuse("it does something else now")

    monkeypatch.setattr(ReceptiveField, "__call__", refuses)
    scores = [ClassLogit(model, k) for k in (0, 2)]
    shared = SharedForward(scores)
    counted = [CountedScore(score, shared=shared) for score in scores]
    games = [CoalitionGame(score, features, parts, fill) for score in counted]
    for game, right in zip(games, expected, strict=True):
        assert torch.allclose(game(rows), right, atol=1e-5)
    assert games[0].route == f"{PLAIN}: it does something else now"
    assert games[1].route == f"{PLAIN}, as for the target before"
    assert [score.passes["forward"] for score in counted] == [1024, 0]


def test_several_targets_pay_once_for_what_is_shared(generator):
    model, clip = deep(generator, 3), noise_clip(generator)
    together = ew.explain(model, clip, "slime", ["c0", "c2"])
    alone = [ew.explain(model, clip, "slime", label) for label in ("c0", "c2")]
    for one, other in zip(together, alone, strict=True):
        torch.testing.assert_close(one.values, other.values)
    assert together[0].passes == alone[0].passes
    assert together[1].passes["forward"] == 0
    assert all("inside the network" in route for each in together for route in each.settings["route"])


def test_sampling_stops_when_it_is_enough(generator):
    model = additive(generator)
    features, parts, fill = one_window(model, generator)
    spy, looks = Spy(model), []
    draws = coalitions.bernoulli(1000, 10, generator=generator)
    values = play(CoalitionGame(spy, features, parts, fill), draws,
                  enough=lambda so_far: looks.append(len(so_far.index)) or len(looks) == 2)
    assert looks == [256, 512]
    assert len(values.index) == 512
    assert spy.seen == len(values.coalitions) == len({tuple(row) for row in draws[:512].tolist()})
    assert int(values.counts.sum()) == 512
