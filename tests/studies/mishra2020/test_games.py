"""Remembered answers, shared places and counted rows give what asking about every row gives."""

import pytest
import torch

import earwitness as ew
from earwitness.perturb import coalitions
from earwitness.perturb.estimators import lime_weights, weighted_ridge
from earwitness.perturb.game import CoalitionGame
from earwitness.studies.mishra2020.fills import games_of
from earwitness.studies.mishra2020.stability import KINDS, parts_of
from earwitness.studies.mishra2020.surrogate import default_weights, draw_rows, limit_weights, weights_of
from earwitness.targets import CountedScore
from earwitness.targets.scores import ClassProbability


@pytest.fixture(scope="module")
def features(detector):
    generator = torch.Generator().manual_seed(8)
    return detector.features(ew.Clip(0.1 * torch.randn(36934, generator=generator), 22050, "noise"))


@pytest.fixture(scope="module")
def filling(features):
    return features.values + torch.randn(features.values.shape, generator=torch.Generator().manual_seed(9))


def game_of(detector, features, filling, kind="temporal"):
    parts = parts_of(kind, features, detector)
    return CoalitionGame(CountedScore(ClassProbability(detector, 0)), features, parts, filling)


@pytest.mark.parametrize("kind", KINDS)
def test_the_detector_is_asked_about_all_coalitions_inside_the_network(kind, detector, features, filling):
    game = game_of(detector, features, filling, kind)
    rows = coalitions.bernoulli(300, game.n, generator=torch.Generator().manual_seed(1))
    scores = game(rows)
    assert "inside the network" in game.route
    assert game.score.passes["forward"] < 30
    direct = ClassProbability(detector, 0)(game.components.compose(features, rows[:12], filling)).detach().double()
    assert direct.std() > 1e-3
    assert torch.allclose(scores[:12], direct, atol=2e-6)
    assert game.evaluations == len({tuple(row) for row in rows.tolist()})


class Spy:
    """A score that remembers how many inputs it saw."""

    def __init__(self, model):
        self.model, self.seen = model, 0

    def __call__(self, features):
        self.seen += len(features)
        return features.values.mean((1, 2)) ** 2


def test_every_distinct_coalition_is_asked_about_once(loudness_model):
    features = loudness_model.features(ew.Clip(torch.randn(79 * 256), 22050, "noise"))
    parts = parts_of("temporal", features, loudness_model)
    spy = Spy(loudness_model)
    game = CoalitionGame(spy, features, parts, torch.full_like(features.values, -100.0))
    for count in (50, 400, 3000):
        rows = coalitions.bernoulli(count, 10, generator=torch.Generator().manual_seed(count))
        scores = game(rows)
        slow = parts.compose(features, rows, game.fill).values.mean((1, 2)) ** 2
        assert torch.allclose(scores, slow.double(), rtol=1e-5)
    assert spy.seen == game.evaluations <= 1024


@pytest.mark.parametrize("distance", ["l2", "cosine"])
def test_counted_rows_are_a_regression_on_every_row(distance, detector, features, filling):
    game = game_of(detector, features, filling)
    draws = draw_rows(10, (300, 2000, 5000), generator=torch.Generator().manual_seed(2))
    drawn = coalitions.bernoulli(5000, 10, generator=torch.Generator().manual_seed(2))
    assert draws.counts.sum(1).tolist() == [300, 2000, 5000]
    for k, count in enumerate((300, 2000, 5000)):
        rows = drawn[:count]
        scores = game(rows)
        slow, _ = weighted_ridge(rows, scores, lime_weights(rows, distance=distance))
        fast = weights_of(draws.rows, game(draws.rows), draws.counts[k], distance=distance)
        assert torch.allclose(fast, slow, atol=1e-10)


def test_the_limit_is_where_many_samples_lead(detector, features, filling):
    game = game_of(detector, features, filling)
    rows = coalitions.every(10)
    for distance in ("l2", "cosine"):
        limit = limit_weights(game, distance=distance)
        many = weights_of(rows, game(rows), torch.full((1024,), 1e9), distance=distance)
        assert torch.allclose(many, limit, atol=1e-5)


def test_default_weights_are_those_of_slime(loudness_model):
    clip = ew.Clip(torch.randn(79 * 256, generator=torch.Generator().manual_seed(3)), 22050, "noise")
    features = loudness_model.features(clip)
    parts = parts_of("spectral", features, loudness_model)
    game = games_of(features, loudness_model, parts, ["mean_inp"])["mean_inp"]
    slime = ew.explain(loudness_model, clip, "slime", components="spectral", fill="mean_inp")
    assert torch.allclose(default_weights(game), slime.components.weights, atol=1e-8)
