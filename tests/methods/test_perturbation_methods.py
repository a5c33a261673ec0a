import pytest
import torch
from torch import nn

import earwitness as ew
from earwitness.core.errors import ParameterError
from earwitness.frontends import StftDb
from earwitness.perturb.components import temporal

FRONT_END = StftDb(8000, 256, 128)
PARTS = ("lime", "slime", "kernel_shap", "occlusion")


class Additive(nn.Module):
    """Logit = Σ weights × (features - silence): every part adds its own term, whatever else is on."""

    def __init__(self, weights):
        super().__init__()
        self.weights = nn.Parameter(weights)

    def forward(self, x):
        total = ((x + 100) * self.weights).sum((1, 2))
        return torch.stack([total, -total], 1)

    def embed(self, x):
        return torch.stack([x.mean((1, 2)) + 120, x.std((1, 2))], 1)


@pytest.fixture
def clip(generator):
    return ew.Clip(torch.randn(8000, generator=generator), 8000, "noise")


@pytest.fixture
def additive(generator):
    weights = 1e-3 * torch.randn(129, 63, generator=generator)
    return ew.AudioModel(Additive(weights), FRONT_END, labels=["a", "b"], window_s=1.0)


class Curved(Additive):
    """Loud parts saturate, and parts that sound together count more."""

    def forward(self, x):
        evidence = ((x + 100) * self.weights).clamp(min=0).unflatten(1, (3, -1)).unflatten(3, (7, -1)).sum((2, 4))
        total = torch.tanh(evidence).sum((1, 2)) + evidence[:, 0, 0] * evidence[:, 1, 1] - 4
        return torch.stack([total, torch.zeros_like(total)], 1)


@pytest.fixture
def curved(generator):
    return ew.AudioModel(Curved(2.5e-4 * torch.rand(129, 63, generator=generator) ** 4), FRONT_END, labels=["a", "b"],
                         window_s=1.0)


def terms(model, clip, labels, n):
    """The known answer: what each part adds."""
    x = model.features(clip).values[0].double()
    each = (x + 100) * model.network.weights.detach().double()
    return torch.zeros(n, dtype=torch.float64).index_add(0, labels.flatten(), each.flatten())


@pytest.mark.parametrize("method", PARTS)
@pytest.mark.parametrize("components", ["temporal", "spectral", "grid"])
def test_parts_of_an_additive_model_get_their_terms(additive, clip, method, components):
    settings = {"alpha": 1e-9} if "lime" in method else {}
    found = ew.explain(additive, clip, method, "a", score="logit", components=components, fill="silence", **settings)
    weights = found.components.weights
    wanted = terms(additive, clip, found.components.parts.labels, len(weights))
    torch.testing.assert_close(weights, wanted, atol=2e-3, rtol=1e-3)
    assert torch.allclose(found.values, weights.float()[found.components.parts.labels])
    assert found.components.top(1) == [int(wanted.argmax())]


def test_lime_is_sure_of_an_additive_model(additive, clip):
    found = ew.explain(additive, clip, "slime", "a", score="logit", alpha=1e-9)
    assert found.components.r2 == pytest.approx(1.0, abs=1e-6)


def test_a_part_the_model_ignores_gets_nothing(additive, clip):
    with torch.no_grad():
        additive.network.weights[:, :6] = 0
    for method in PARTS:
        found = ew.explain(additive, clip, method, "a", score="logit", components="temporal", fill="silence")
        weights = found.components.weights.abs()
        assert float(weights[0]) < 1e-3 * float(weights.max()) + 1e-4, method


@pytest.mark.parametrize("components", ["temporal", "hpss"])
def test_shapley_values_add_up(mel_model, scene, components):
    found = ew.explain(mel_model, scene.clip, "kernel_shap", components=components, n_samples=64)
    features = mel_model.features(scene.clip)
    logits = mel_model.network(torch.cat([features.values, torch.full_like(features.values, -100.0)]))[:, 7].detach()
    if components != "hpss":
        assert found.components.intercept == pytest.approx(float(logits[1]), abs=1e-4)
    total = float(found.components.weights.sum()) + found.components.intercept
    assert total == pytest.approx(float(logits[0]), abs=1e-3)


def test_exhaustive_slime_leaves_nothing_to_chance(mel_model, scene):
    features = mel_model.features(scene.clip)
    short = {"components": temporal(features, mel_model.front_end, n=6)}
    first, second = (ew.explain(mel_model, scene.clip, "slime", seed=s, **short) for s in (0, 1))
    assert torch.equal(first.values, second.values)
    assert first.passes["forward"] == 64
    sampled = [ew.explain(mel_model, scene.clip, "slime", seed=s, n_samples=50, **short) for s in (0, 1, 0)]
    assert not torch.equal(sampled[0].values, sampled[1].values)
    assert torch.equal(sampled[0].values, sampled[2].values)
    assert all(found.passes["forward"] <= 50 for found in sampled)


@pytest.mark.parametrize("masks", ["random", "time", "frequency", "time_frequency"])
@pytest.mark.parametrize("method", ["rise", "relax"])
def test_soft_masks_find_what_counts(masks, method, clip):
    """A model that hears one corner of the plane: the importance is highest there, for every family."""
    weights = torch.zeros(129, 63)
    weights[90:, 45:] = 1e-5
    model = ew.AudioModel(Additive(weights), FRONT_END, labels=["a", "b"], window_s=1.0)
    score = "logit" if method == "rise" else "similarity"
    found = ew.explain(model, clip, method, None if method == "relax" else "a", score=score, n_masks=600, masks=masks)
    assert found.values.shape == found.uncertainty.shape == (129, 63)
    assert (found.uncertainty >= 0).all()
    if method == "rise":
        rows, columns = found.values.mean(1), found.values.mean(0)
        if masks != "time":
            assert rows[110:].mean() > rows[:60].mean()
        if masks != "frequency":
            assert columns[52:].mean() > columns[:35].mean()


def test_relax_is_the_slow_formula(clip, additive):
    """All masks at once, as in the paper: R = mean(s·M), U = mean((s - R)²·M)."""
    from earwitness.perturb.soft_masks import draw_grids

    found = ew.explain(additive, clip, "relax", n_masks=70, normalise="count", seed=4, fill="zero",
                       sampling="independent")
    x = additive.features(clip).values
    grids = draw_grids(70, "random", cells=7, keep=0.5, balanced=False, generator=torch.Generator().manual_seed(4))
    masks = grids.masks(0, 70, x)
    h, h_masked = additive.network.embed(x), additive.network.embed(x * masks)
    s = nn.functional.cosine_similarity(h_masked, h)[:, None, None]
    importance = (s * masks).mean(0)
    torch.testing.assert_close(found.values, importance, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(found.uncertainty, ((s - importance) ** 2 * masks).mean(0), atol=1e-7, rtol=1e-4)
    assert found.target is None


def test_integrated_gradients_are_complete(mel_model, scene, additive, clip):
    for baseline in ("silence", "noise"):
        found = ew.explain(mel_model, scene.clip, "integrated_gradients", baseline=baseline)
        assert abs(found.settings["completeness_gap"][0]) < 0.02
    exact = ew.explain(additive, clip, "integrated_gradients", "a")
    x = additive.features(clip).values[0]
    assert torch.allclose(exact.values, (x + 100) * additive.network.weights, atol=1e-5)
    assert exact.passes == {"forward": 66, "backward": 64}


def test_smoothgrad_of_a_linear_model_is_its_gradient(additive, clip):
    found = ew.explain(additive, clip, "smoothgrad", "a")
    assert torch.allclose(found.values, additive.network.weights, atol=1e-6)


def test_audio_lime_weighs_a_persons_stems(mel_model, scene):
    stems = {"ticks": ew.Clip(scene.event, 32000), "hum": ew.Clip(scene.background, 32000)}
    found = ew.explain(mel_model, scene.clip, "audio_lime", "clock_tick", components=stems, score="logit")
    ticks, hum = found.components.weights
    assert ticks > hum
    assert found.passes["forward"] == 4


def test_scores_that_do_not_fit_are_refused(mel_model, scene):
    with pytest.raises(ParameterError, match="does not go with score 'similarity'"):
        ew.explain(mel_model, scene.clip, "relax", "dog")
    with pytest.raises(ParameterError, match="unknown masks 'diagonal'"):
        ew.explain(mel_model, scene.clip, "relax", masks="diagonal", n_masks=2)
    with pytest.raises(ParameterError, match="unknown fill"):
        ew.explain(mel_model, scene.clip, "slime", fill="silent")


def test_progress_runs_to_the_end(mel_model, scene):
    done = []
    ew.explain(mel_model, scene.clip, "rise", n_masks=100, progress=done.append)
    assert done == sorted(done)
    assert done[-1] == 1.0


@pytest.mark.parametrize(("method", "tolerance"), [("slime", 0.005), ("lime", 0.01), ("rise", 0.005),
                                                   ("relax", 0.001), ("kernel_shap", 0.05)])
def test_sampling_stops_when_it_is_sure(method, tolerance, curved, clip):
    """As many samples as the tolerance needs, and no more than were allowed."""
    kind, name = ("n_masks", "n_masks_used") if method in ("rise", "relax") else ("n_samples", "n_samples_used")
    settings = {} if method in ("rise", "relax") else {"components": "grid"}
    found = ew.explain(curved, clip, method, tolerance=tolerance, **{kind: 4000}, **settings)
    (used,), (error,) = found.settings[name], found.settings["standard_error"]
    assert 0 < error <= tolerance
    assert used < 6000
    assert found.passes["forward"] <= used + 1
    at_once = ew.explain(curved, clip, method, **{kind: 512}, **settings)
    assert at_once.settings[name] == [512] or method == "kernel_shap"
    unsure = ew.explain(curved, clip, method, tolerance=0.0, **{kind: 260}, **settings)
    assert unsure.settings["standard_error"][0] > 0


def test_rounds_do_not_change_the_result(curved, clip):
    """A tolerance that is never reached asks for the same samples, looked at in between."""
    settings = {"n_samples": 600, "components": "grid", "seed": 2}
    whole = ew.explain(curved, clip, "slime", **settings)
    rounds = ew.explain(curved, clip, "slime", tolerance=0.0, **settings)
    torch.testing.assert_close(rounds.components.weights, whole.components.weights, atol=1e-5, rtol=0)
    assert rounds.passes == whole.passes


def test_clips_in_a_list_are_explained_as_if_alone(additive, clip, generator):
    other = ew.Clip(torch.randn(12000, generator=generator), 8000, "longer")
    shares = []
    together = ew.explain(additive, [other, clip], "slime", "a", n_samples=40, progress=shares.append)
    alone = [ew.explain(additive, each, "slime", "a", n_samples=40) for each in (other, clip)]
    assert all(torch.equal(a.values, b.values) for a, b in zip(together, alone, strict=True))
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


@pytest.mark.parametrize("method", ["relax", "slime"])
def test_memory_does_not_grow_with_the_number_of_samples(method, tmp_path):
    """3,000 and 30,000 in processes of their own: peak memory within 10 %."""
    import subprocess
    import sys

    code = """
import resource, sys, torch, earwitness as ew
from torch import nn
torch.set_num_threads(1)
network = nn.Sequential(nn.Flatten(), nn.Linear(16 * 63, 2))
network.embed = lambda x: network(x)
model = ew.AudioModel(network, ew.frontends.MelDb(sample_rate_hz=8000, n_fft=256, hop_samples=128, n_mels=16,
                      f_max_hz=4000),
                      labels=["a", "b"], window_s=1.0)
n = int(sys.argv[2])
given = {"relax": {"n_masks": n}, "slime": {"n_samples": n, "components": "grid"}}[sys.argv[1]]
ew.explain(model, ew.Clip(torch.randn(8000), 8000), sys.argv[1], **given)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    script = tmp_path / "peak.py"
    script.write_text(code)
    peaks = [int(subprocess.run([sys.executable, script, method, str(n)], check=True, capture_output=True,
                                text=True).stdout) for n in (3000, 30000)]
    assert peaks[1] < 1.1 * peaks[0], peaks
