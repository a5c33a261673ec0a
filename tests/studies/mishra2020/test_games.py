"""Remembered answers, shared places and counted rows give what asking about every row gives."""

import pytest
import torch

import earwitness as ew
from earwitness.core.errors import ParameterError
from earwitness.perturb import coalitions
from earwitness.perturb.components import Segments
from earwitness.perturb.estimators import lime_weights, weighted_ridge
from earwitness.studies.mishra2020.game import LocalGame, RememberedGame, code_of, games_of, make_game
from earwitness.studies.mishra2020.stability import KINDS, parts_of
from earwitness.studies.mishra2020.surrogate import default_weights, draw_rows, limit_weights, weights_of
from earwitness.targets.scores import ClassProbability


@pytest.fixture(scope="module")
def features(detector):
    generator = torch.Generator().manual_seed(8)
    return detector.features(ew.Clip(0.1 * torch.randn(36934, generator=generator), 22050, "noise"))


@pytest.fixture(scope="module")
def filling(features):
    return features.values + torch.randn(features.values.shape, generator=torch.Generator().manual_seed(9))


@pytest.mark.parametrize("kind", KINDS)
def test_shared_places_give_the_networks_answers(kind, detector, features, filling):
    parts = parts_of(kind, features, detector)
    rows = coalitions.bernoulli(12, len(parts.names), generator=torch.Generator().manual_seed(1))
    score = ClassProbability(detector, 0)
    direct = score(parts.compose(features, rows, filling)).detach().double()
    game = make_game(score, features, parts, filling)
    assert isinstance(game, LocalGame)
    assert direct.std() > 1e-3
    assert torch.allclose(game(rows), direct, atol=2e-6)
    assert game.asked == len({tuple(row) for row in rows.tolist()})


def test_parts_of_any_shape_are_shared_too(detector, features, filling, generator):
    labels = torch.zeros(80, 115, dtype=torch.long)
    labels[20:50, 30:60], labels[60:, :10] = 1, 2
    parts = Segments(labels, ["rest", "middle", "corner"])
    rows = coalitions.every(3)
    direct = ClassProbability(detector, 0)(parts.compose(features, rows, filling)).detach().double()
    assert torch.allclose(make_game(ClassProbability(detector, 0), features, parts, filling)(rows), direct, atol=2e-6)


def test_too_many_parts_in_one_place_are_refused(detector, features, filling):
    labels = torch.arange(80)[:, None].expand(80, 115)
    with pytest.raises(ParameterError, match="25 parts within 25 rows and columns"):
        make_game(ClassProbability(detector, 0), features, Segments(labels, [str(k) for k in range(80)][:60]), filling)


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
    game = RememberedGame(spy, features, parts, torch.full_like(features.values, -100.0))
    for count in (50, 400, 3000):
        rows = coalitions.bernoulli(count, 10, generator=torch.Generator().manual_seed(count))
        scores = game(rows)
        slow = parts.compose(features, rows, game.filling).values.mean((1, 2)) ** 2
        assert torch.allclose(scores, slow.double(), rtol=1e-5)
    assert spy.seen == game.asked <= 1024


@pytest.mark.parametrize("distance", ["l2", "cosine"])
def test_counted_rows_are_a_regression_on_every_row(distance, detector, features, filling):
    parts = parts_of("temporal", features, detector)
    game = make_game(ClassProbability(detector, 0), features, parts, filling)
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
    parts = parts_of("temporal", features, detector)
    game = make_game(ClassProbability(detector, 0), features, parts, filling)
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


def test_codes_tell_coalitions_apart():
    assert sorted(code_of(coalitions.every(7)).tolist()) == list(range(128))
