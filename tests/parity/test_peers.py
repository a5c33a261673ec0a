"""The same numbers as the packages people use today, on the same inputs. Needs the extra ``peers``."""

import importlib
import importlib.util
import sys
import types

import numpy as np
import pytest
import torch
from torch import nn

import earwitness as ew
from earwitness.frontends import StftDb
from earwitness.methods.lime_surrogate import LimeSurrogate
from earwitness.models.eval_mode import eval_mode
from earwitness.perturb import components, estimators
from earwitness.perturb.game import make_game, play
from earwitness.targets.scores import ClassLogit, ClassProbability, Similarity

pytestmark = pytest.mark.filterwarnings("ignore")
FRONT_END = StftDb(2000, 64, 32)


def peer(name):
    reason = f"{name} is not installed: pip install 'earwitness[peers]'"
    return pytest.importorskip(name, reason=reason, exc_type=ImportError)


class Net(nn.Module):
    """Convolutions with module ReLUs; max pooling on request."""

    map_axes = ("freq", "time")

    def __init__(self, *, pooling=False):
        super().__init__()
        self.conv1, self.act1 = nn.Conv2d(1, 6, 3, padding=1), nn.ReLU()
        self.pool = nn.MaxPool2d(2) if pooling else nn.AvgPool2d(2)
        self.conv2, self.act2 = nn.Conv2d(6, 8, 3, padding=1), nn.ReLU()
        self.hidden, self.act3, self.head = nn.Linear(8 * 16 * 16, 12), nn.ReLU(), nn.Linear(12, 3)

    def embed(self, x):
        x = self.pool(self.act1(self.conv1(x[:, None] / 30 + 1)))
        return self.act3(self.hidden(self.act2(self.conv2(x)).flatten(1)))

    def forward(self, x):
        return self.head(self.embed(x))


@pytest.fixture
def model():
    return ew.AudioModel(Net().eval(), FRONT_END, labels=["a", "b", "c"], window_s=0.496)


@pytest.fixture
def clip(generator):
    return ew.Clip(0.3 * torch.randn(992, generator=generator), 2000, "noise")


@pytest.fixture
def backgrounds(generator):
    return -40 + 15 * torch.randn(10, 33, 32, generator=generator)


@pytest.fixture
def relax_xai(monkeypatch):
    """The peer's module without its helper for photographs, which needs torchvision."""
    spec = importlib.util.find_spec("relax_xai")
    if spec is None:
        pytest.skip("relax_xai is not installed: pip install 'earwitness[peers]'")
    package, helper = types.ModuleType("relax_xai"), types.ModuleType("relax_xai.utils")
    package.__path__, helper.imagenet_image_transforms = list(spec.submodule_search_locations), None
    for module in (package, helper):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    yield importlib.import_module("relax_xai.relax")
    for name in ("relax_xai.relax", "relax_xai.masking_functions"):
        sys.modules.pop(name, None)


def test_relax_xai_same_masks(monkeypatch, relax_xai, model, clip):
    features = model.features(clip)
    seen = []

    def watched(score, make, n, **settings):
        seen.append(n)
        return evaluate(score, make, n, **settings)

    from earwitness.methods import relax
    from earwitness.perturb.evaluate import evaluate
    from earwitness.perturb.soft_masks import draw_grids

    monkeypatch.setattr(relax, "evaluate", watched)
    with eval_mode(model.network), torch.no_grad():
        score = Similarity.to_item(model, features)
        ours = relax.relax(score, features, n_masks=200, fill="zero", sampling="independent",
                           generator=torch.Generator().manual_seed(1))
        grids = draw_grids(200, "random", cells=7, keep=0.5, balanced=False,
                           generator=torch.Generator().manual_seed(1))
        masks = grids.masks(0, 200, features.values)[:, None]
        monkeypatch.setattr(relax_xai, "mask_generator", lambda *_args, **_kwargs: iter(masks.split(100)))
        theirs = relax_xai.RELAX(features.values[:, None], lambda_module(lambda x: model.network.embed(x[:, 0])),
                                 batch_size=100, num_batches=1)
        theirs()
    assert seen == [200]
    torch.testing.assert_close(ours.values[0], theirs.importance, atol=1e-5, rtol=0)
    torch.testing.assert_close(ours.uncertainty[0], theirs.uncertainty, atol=1e-5, rtol=1e-3)


def lambda_module(function):
    module = nn.Module()
    module.forward = function
    return module


def test_lime_same_segments_same_coalitions(model, clip):
    lime_image = peer("lime.lime_image")
    with torch.no_grad():
        model.network.head.weight *= 30  # probabilities that move
    features = model.features(clip)
    image = features.values[0].double().numpy()
    parts = components.grid(features, FRONT_END, n_times=4, n_frequencies=3)
    rows = []

    def predict(images):
        values = torch.from_numpy(np.stack(images)[..., 0]).float()
        return model.probabilities(features.with_values(values)).numpy()

    class Watched(lime_image.LimeImageExplainer):
        def data_labels(self, *args, **kwargs):
            data, labels = super().data_labels(*args, **kwargs)
            rows.append(data)
            return data, labels

    theirs = Watched(random_state=5).explain_instance(
        np.repeat(image[:, :, None], 3, 2), predict, labels=(1,), top_labels=None, num_samples=300, num_features=100,
        segmentation_fn=lambda _image: parts.labels.numpy())
    drawn = torch.from_numpy(rows[0]).bool()
    game = make_game(ClassProbability(model, 1), features, components=parts, fill="segment_mean")
    ours = LimeSurrogate("cosine", 0.25, 1.0).fit(play(game, drawn), "independent").components
    weights = torch.zeros(12, dtype=torch.float64)
    for part, weight in theirs.local_exp[1]:
        weights[part] = weight
    torch.testing.assert_close(ours.weights, weights, atol=1e-5, rtol=0)
    assert float(ours.weights.abs().max()) > 1e-3
    assert ours.intercept == pytest.approx(theirs.intercept[1], abs=1e-5)


def test_shap_exact_values(generator):
    shap = peer("shap")
    n = 6
    table = torch.randn(2**n, generator=generator, dtype=torch.float64)

    def game(rows):
        numbers = (torch.from_numpy(np.asarray(rows) > 0.5).long() << torch.arange(n)).sum(1)
        return table[numbers].numpy()

    theirs = shap.explainers.Exact(game, np.zeros((1, n)))(np.ones((1, n))).values[0]
    np.testing.assert_allclose(estimators.exact_shapley(table, n), theirs, atol=1e-6)


def test_captum_saliency_and_integrated_gradients(model, clip):
    attr = peer("captum.attr")
    x = model.features(clip).values
    saliency = attr.Saliency(model.network).attribute(x.clone().requires_grad_(), target=1, abs=False)
    torch.testing.assert_close(ew.explain(model, clip, "saliency", "b").values, saliency[0].detach())
    theirs = attr.IntegratedGradients(model.network).attribute(
        x, baselines=torch.full_like(x, -100.0), target=1, n_steps=64, method="gausslegendre")[0]
    ours = ew.explain(model, clip, "integrated_gradients", "b").values
    torch.testing.assert_close(ours, theirs.float().detach(), atol=1e-4, rtol=1e-3)


def test_captum_layer_gradcam(model, clip):
    attr = peer("captum.attr")
    x = model.features(clip).values
    theirs = attr.LayerGradCam(model.network, model.network.conv2).attribute(x, target=2, relu_attributions=False)
    theirs = nn.functional.interpolate(theirs, x.shape[1:], mode="bilinear", align_corners=False)[0, 0].detach()
    torch.testing.assert_close(ew.explain(model, clip, "gradcam", "c").values, theirs, atol=1e-5, rtol=1e-4)


def test_captum_deep_lift_shap_without_max_pooling(model, clip, backgrounds):
    attr = peer("captum.attr")
    x = model.features(clip).values
    theirs = attr.DeepLiftShap(model.network).attribute(x, baselines=backgrounds, target=0)[0].detach()
    ours = ew.explain(model, clip, "deep_shap", "a", backgrounds=backgrounds).values
    torch.testing.assert_close(ours, theirs, atol=1e-4 * float(theirs.abs().max()), rtol=0)


@pytest.mark.parametrize("pooling", [False, True])
def test_shap_deep_explainer(clip, backgrounds, pooling):
    shap = peer("shap")
    model = ew.AudioModel(Net(pooling=pooling).eval(), FRONT_END, labels=["a", "b", "c"], window_s=0.496)
    x = model.features(clip).values
    theirs = shap.DeepExplainer(model.network, backgrounds).shap_values(x, check_additivity=False)[0, :, :, 0]
    ours = ew.explain(model, clip, "deep_shap", "a", backgrounds=backgrounds).values.numpy()
    np.testing.assert_allclose(ours, theirs, atol=1e-4 * np.abs(theirs).max())


def test_quantus_sparseness_and_complexity(generator):
    quantus = peer("quantus")
    masks = torch.rand(3, 8, 9, generator=generator, dtype=torch.float64)
    masks[1] = (masks[1] > 0.9).double()
    for theirs, ours in ((quantus.Sparseness, ew.metrics.sparseness), (quantus.Complexity, ew.metrics.complexity)):
        metric = theirs(abs=True, normalise=False, disable_warnings=True)
        wanted = metric.evaluate_batch(x_batch=masks.numpy(), a_batch=masks.numpy().copy())
        np.testing.assert_allclose(ours(masks), wanted, atol=1e-9)


def test_deletion_of_a_class_logit_is_what_methods_explain(model, clip):
    """The scores the parity rests on: ours are the network's own outputs."""
    features = model.features(clip)
    with torch.no_grad():
        assert torch.equal(ClassLogit(model, 1)(features), model.network(features.values)[:, 1])
