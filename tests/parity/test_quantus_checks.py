"""Flipping, localisation and sensitivity as Quantus computes them, on the same arrays. Needs the extra ``peers``."""

import numpy as np
import pytest
import torch

import earwitness as ew
from earwitness import checks
from earwitness.models.eval_mode import eval_mode
from earwitness.targets import ClassTarget
from earwitness.targets.scores import ClassProbability
from tests.made_models import SHAPE, deep, noise_clip

pytestmark = pytest.mark.filterwarnings("ignore")
quantus = pytest.importorskip("quantus", reason="quantus is not installed: pip install 'earwitness[peers]'",
                              exc_type=ImportError)


@pytest.fixture
def item(generator):
    model = deep(generator)
    features = model.features(noise_clip(generator))
    values = torch.randn(SHAPE, generator=generator)
    return model, features, values


class Images(torch.nn.Module):
    """The network for (batch, channel, freq, time)."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network(x[:, 0])


def test_pixel_flipping(item):
    model, features, values = item
    metric = quantus.PixelFlipping(features_in_step=33, perturb_baseline=-100.0, normalise=False, disable_warnings=True)
    theirs = metric(model=Images(model.network).eval(), x_batch=features.values[:, None].numpy(), y_batch=np.array([1]),
                    a_batch=values[None, None].numpy(), softmax=True, channel_first=True)
    with eval_mode(model.network):
        ours = ew.metrics.flip(ClassProbability(model, 1), features, values, n_blocks=32)
    np.testing.assert_allclose(ours.scores[1:].numpy(), np.array(theirs[0]), atol=1e-6)
    # Quantus' area counts steps and has no first point; ours is over shares
    steps = np.trapezoid(np.concatenate([ours.scores[:1].numpy(), theirs[0]]), dx=1.0)
    assert ours.auc == pytest.approx(steps / 32, rel=1e-6)


@pytest.fixture
def maps(generator):
    values = torch.randn(5, *SHAPE, generator=generator)
    evidence = torch.rand(5, *SHAPE, generator=generator) + 0.3 * values > 0.9
    return values, evidence


def localised(metric, values, evidence):
    return np.array(metric.evaluate_batch(a_batch=values[:, None].double().numpy(),
                                          s_batch=evidence[:, None].numpy()), dtype=float)


@pytest.mark.parametrize(("theirs", "ours", "positive"), [
    ("PointingGame", "pointing_game", False), ("AUC", "localisation_auc", False),
    ("RelevanceRankAccuracy", "relevance_rank", False), ("RelevanceMassAccuracy", "relevance_mass", True),
])
def test_localisation(maps, theirs, ours, positive):
    values, evidence = maps
    values = values.clamp(min=0) if positive else values
    metric = getattr(quantus, theirs)(abs=False, normalise=False, disable_warnings=True)
    np.testing.assert_allclose(getattr(ew.metrics, ours)(values, evidence).numpy(), localised(metric, values, evidence),
                               atol=1e-5)


def test_top_k(maps):
    values, evidence = maps
    metric = quantus.TopKIntersection(k=50, abs=False, normalise=False, disable_warnings=True)
    hits = 50 * localised(metric, values, evidence)
    sizes = evidence.sum((1, 2)).numpy()
    ours = ew.metrics.top_k_iou(values, evidence, k=50).numpy()
    np.testing.assert_allclose(ours, hits / (50 + sizes - hits), atol=1e-6)


def test_max_sensitivity(item):
    model, features, _ = item
    rerun = checks.BoundMethod("integrated_gradients", ClassTarget(1), settings={"n_steps": 4})
    made, draws = [], np.random.default_rng(0)

    def move(arr, **_):
        moved = (arr + draws.uniform(-2, 2, arr.shape)).astype(np.float32)
        made.append(moved.reshape(features.values.shape))
        return moved

    def explain(inputs, **_):  # (batch, channel, freq, time)
        return np.stack([rerun(model, features.with_values(torch.from_numpy(x).float())).numpy()[None] for x in inputs])

    metric = quantus.MaxSensitivity(nr_samples=4, perturb_func=move, abs=False, normalise=False, disable_warnings=True)
    theirs = metric(model=Images(model.network).eval(), x_batch=features.values[:, None].numpy(), y_batch=np.array([1]),
                    a_batch=rerun(model, features)[None, None].numpy(), explain_func=explain, channel_first=True)
    moved = iter([features, *(features.with_values(torch.from_numpy(x)) for x in made)])
    ours = checks.max_sensitivity(lambda _: rerun(model, next(moved)), features, radius=2.0, n_samples=4,
                                  generator=torch.Generator())
    assert len(made) == 4
    assert ours == pytest.approx(float(theirs[0]), rel=1e-5)
    assert ours > 0
