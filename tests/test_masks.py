import numpy as np
import pytest
import torch

from earwitness import masks
from earwitness.core.errors import ParameterError
from earwitness.core.types import Attribution


def slow_mask(a, preset):
    """Section II-C in numpy, one line per preset."""
    pos = np.maximum(a, 0)
    scaled = pos / (pos.max() + 1e-8)
    return {
        "minmax": (a - a.min()) / (a.max() - a.min() + 1e-8),
        "sigmoid": 1 / (1 + np.exp(-a)),
        "bin": a > 0,
        "topK_5": a >= np.quantile(a, 0.95),
        "topK_30": a >= np.quantile(a, 0.70),
        "topK_50": a >= np.quantile(a, 0.50),
        "minmax_pos": scaled,
        "sigmoid_pos": 1 / (1 + np.exp(-pos)),
        "pos_thresh_25": scaled >= 0.25,
        "pos_thresh_50": scaled >= 0.50,
        "pos_thresh_75": scaled >= 0.75,
        "topK_5_pos": pos >= np.quantile(pos, 0.95),
        "topK_30_pos": pos >= np.quantile(pos, 0.70),
        "topK_50_pos": pos >= np.quantile(pos, 0.50),
    }[preset].astype(np.float64)


def test_the_fourteen_names():
    assert len(masks.PRESETS) == len(set(masks.PRESETS)) == 14


@pytest.mark.parametrize("preset", masks.PRESETS)
@pytest.mark.parametrize("scale", [1e-3, 1.0, 50.0])
def test_presets_are_the_slow_formula(generator, preset, scale):
    a = scale * torch.randn(13, 17, generator=generator, dtype=torch.float64)
    np.testing.assert_allclose(masks.make(a, preset), slow_mask(a.numpy(), preset), atol=1e-12)


@pytest.mark.parametrize("method", ["saliency", "gradcam", "lime", "shap"])
@pytest.mark.parametrize("preset", masks.PRESETS)
def test_presets_reproduce_the_published_masks(shared_data, method, preset):
    """A published sigmoid mask, with the minmax masks for its saturated ends, determines the attribution."""
    published = np.load(shared_data / "pak2025" / f"mel_clean_{method}_masks.npz")
    a = _attribution_behind(published)
    got = masks.make(torch.from_numpy(a), preset).numpy()
    want = published[preset].astype(np.float64)
    if preset in ("minmax", "sigmoid", "minmax_pos", "sigmoid_pos"):
        np.testing.assert_allclose(got, want, atol=2e-4)
    else:  # float32 of the published soft masks moves values that lie on a threshold
        assert np.mean(got != want) < 1e-3


def _attribution_behind(published):
    """A = low + minmax·(high - low), with low and high fitted to logit(sigmoid) where that is well conditioned."""
    unit = published["minmax"].astype(np.float64)
    soft = published["sigmoid"].astype(np.float64)
    usable = (soft > 1e-4) & (soft < 1 - 1e-4)
    logit = np.log(soft[usable]) - np.log1p(-soft[usable])
    weight = np.sqrt(soft[usable] * (1 - soft[usable]))
    design = np.stack([np.ones(usable.sum()), unit[usable]], 1)
    (low, span), *_ = np.linalg.lstsq(design * weight[:, None], logit * weight, rcond=None)
    return low + span * unit


@pytest.mark.parametrize("preset", [*masks.names(), *(name.replace("N", "20") for name in masks.MASKS if "_N" in name)])
def test_laws(generator, preset):
    a = torch.randn(3, 6, 7, generator=generator)
    before = a.clone()
    mask = masks.make(a, preset)
    assert torch.equal(a, before)
    assert mask.shape == a.shape
    assert mask.dtype == a.dtype
    assert mask.min() >= 0
    assert mask.max() <= 1
    for k in range(3):
        assert torch.allclose(mask[k], masks.make(a[k], preset), atol=1e-6)
        assert torch.equal(masks.make(a[k], preset), masks.make(Attribution(a[k], "dog", "made up"), preset))


def test_constant_attributions_are_defined():
    zero = torch.zeros(4, 5)
    assert torch.equal(masks.make(zero, "minmax"), zero)
    assert torch.equal(masks.make(zero, "topK_30"), torch.ones(4, 5))
    assert torch.equal(masks.make(zero, "pos_thresh_50"), zero)


def test_other_levels_and_wrong_names(generator):
    a = torch.randn(20, 50, generator=generator)
    assert masks.make(a, "topK_10").mean() == pytest.approx(0.10, abs=0.002)
    assert torch.equal(masks.make(a, "pos_thresh_33"), (a >= 0.33 * a.max()).float())
    for wrong in ("topK_0", "topK_100", "pos_thresh_25_pos", "topk_5", ""):
        with pytest.raises(ParameterError, match="unknown mask"):
            masks.make(a, wrong)
    with pytest.raises(ParameterError, match="did you mean 'topK_5'"):
        masks.make(a, "topk_5")
    with pytest.raises(ParameterError, match="NaN or infinite"):
        masks.make(torch.tensor([[float("nan")]]), "bin")
    with pytest.raises(ParameterError, match=r"expected \(freq, time\)"):
        masks.make(torch.zeros(3), "bin")


def test_every_preset_is_described():
    assert len({masks.describe(preset) for preset in masks.names()}) == len(masks.names())
    assert masks.describe("pos_thresh_33") == "where the evidence for the target exceeds 33 % of its maximum"


def test_one_line_adds_a_mask_and_leaves_the_published_ones_alone(monkeypatch, generator):
    from earwitness.studies.pak2025 import published_plan

    a = torch.randn(4, 5, generator=generator)
    monkeypatch.setitem(masks.MASKS, "above_mean", masks.Mask(lambda v: (v > v.mean()).to(v), "what is above the mean"))
    monkeypatch.setitem(masks.MASKS, "above_N", masks.Mask(lambda v, n: (v > n).to(v), "what is above {}"))
    assert torch.equal(masks.make(a, "above_mean"), (a > a.mean()).float())
    assert masks.make(a, "above_9").sum() == 0
    assert masks.describe("above_9") == "what is above 9"
    assert masks.share_of("above_9") is None
    assert masks.names() == (*masks.PRESETS, "above_mean")
    assert published_plan().masks == masks.PRESETS
    with pytest.raises(ParameterError, match="did you mean 'above_mean'"):
        masks.make(a, "above_meen")


@pytest.mark.parametrize(("mask", "message"), [
    (torch.sigmoid, r"mask 'mine' is a builtin_function_or_method; expected MASKS\['mine'\] = Mask\(make, words\)"),
    (masks.Mask(lambda values: values[:1], "the first row"), r"mask 'mine' gave \(1, 3\); .* \(2, 3\)"),
    (masks.Mask(lambda values: 0.0, "nothing"), r"mask 'mine' gave float; expected"),
])
def test_masks_of_ones_own_fit_the_plane(monkeypatch, mask, message):
    monkeypatch.setitem(masks.MASKS, "mine", mask)
    with pytest.raises(ParameterError, match=message):
        masks.make(torch.zeros(2, 3), "mine")
