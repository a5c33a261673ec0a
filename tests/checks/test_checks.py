import math
from dataclasses import replace

import numpy as np
import pytest
import torch

import earwitness as ew
from earwitness import checks
from earwitness.checks.randomisation import layers_with_weights
from earwitness.cli.main import main
from earwitness.core.errors import ParameterError
from earwitness.metrics import rank_correlation
from earwitness.targets import ClassTarget, EmbeddingTarget
from tests.made_models import additive, deep, noise_clip


def test_a_map_that_ignores_its_input_is_stable(generator):
    model = additive(generator)
    features = model.features(noise_clip(generator))
    gradient = checks.BoundMethod("saliency", ClassTarget(0))
    found = checks.max_sensitivity(lambda item: gradient(model, item), features, radius=1.0, generator=generator)
    assert found == 0
    assert math.isnan(checks.max_sensitivity(lambda item: torch.zeros(33, 32), features, radius=1.0,
                                             generator=generator))


def test_sensitivity_is_the_largest_relative_change(generator):
    model = additive(generator)
    features = model.features(noise_clip(generator))
    inputs = []

    def explain(item):
        inputs.append(item.values[0].clone())
        return item.values[0]

    found = checks.max_sensitivity(explain, features, radius=2.0, n_samples=5, generator=generator)
    first, *moved = inputs
    assert found == pytest.approx(max(float((m - first).norm() / first.norm()) for m in moved), rel=1e-6)
    assert max(float((m - first).abs().max()) for m in moved) <= 2.0
    with pytest.raises(ParameterError, match="radius=0"):
        checks.max_sensitivity(explain, features, radius=0, generator=generator)


def test_the_cascade_goes_down_from_the_output(generator):
    model = deep(generator)
    before = {name: p.detach().clone() for name, p in model.network.named_parameters()}
    assert layers_with_weights(model.network) == ["head", "first"]
    stages = list(checks.cascade(model, generator=generator))
    assert [name for name, _ in stages] == ["head", "first"]
    head, whole = (dict(stage.network.named_parameters()) for _, stage in stages)
    assert not torch.equal(head["head.weight"], before["head.weight"])
    assert torch.equal(head["first.weight"], before["first.weight"])
    assert torch.equal(head["head.weight"], whole["head.weight"])
    assert not torch.equal(whole["first.weight"], before["first.weight"])
    spreads = [float(weights["first.weight"].detach().std()) for weights in (whole, before)]
    assert spreads[0] == pytest.approx(spreads[1], rel=0.05)
    for name, parameter in model.network.named_parameters():
        assert torch.equal(parameter, before[name])
    assert [name for name, _ in checks.cascade(model, generator=generator, steps=1)] == ["first"]


def test_a_gradient_changes_with_the_weights_and_an_edge_detector_does_not(generator):
    model = deep(generator)
    features = model.features(noise_clip(generator))
    gradient = checks.BoundMethod("saliency", ClassTarget(0))
    found = checks.randomisation(gradient, model, features, generator=generator)
    assert list(found) == ["head", "first"]
    assert found["first"] < 0.2
    deaf = checks.randomisation(lambda _, item: item.values[0], model, features, generator=generator)
    assert deaf == {"head": pytest.approx(1.0), "first": pytest.approx(1.0)}


def test_a_bound_method_is_what_explain_gives(generator):
    model, clip = deep(generator), noise_clip(generator)
    for method, score, target in (("saliency", "logit", "c1"), ("rise", "probability", "c1"),
                                  ("relax", "similarity", None)):
        settings = {"n_masks": 40} if method != "saliency" else {}
        wanted = ew.explain(model, clip, method, target, seed=3, **settings).values
        again = checks.BoundMethod(
            method, EmbeddingTarget() if target is None else ClassTarget(1, score=score), 3, settings)
        assert torch.equal(again(model, model.features(clip)), wanted)


@pytest.mark.parametrize(("fields", "message"), [
    ({"method": "relaxx"}, "unknown method"), ({"target": ClassTarget(0, score="sound")}, "unknown score"),
])
def test_bound_methods_need_sense(fields, message):
    with pytest.raises(ParameterError, match=message):
        checks.BoundMethod(**{"method": "saliency", "target": ClassTarget(0), **fields})


def test_completeness(generator):
    model, clip = deep(generator), noise_clip(generator)
    score = float(model.logits(model.features(clip))[0, 0].detach())
    gaps = {method: checks.completeness_gap(ew.explain(model, clip, method, "c0"), score=score)
            for method in ("kernel_shap", "integrated_gradients", "saliency")}
    assert gaps["kernel_shap"] < 1e-5
    assert gaps["integrated_gradients"] < 0.1
    assert math.isnan(gaps["saliency"])
    attribution = ew.explain(model, clip, "kernel_shap", "c0")
    wrong = replace(attribution, components=replace(attribution.components, weights=attribution.components.weights * 2))
    assert checks.completeness_gap(wrong, score=score) == pytest.approx(1.0, abs=1e-4)


def check(model, clip, method, **changes):
    attribution = replace(ew.explain(model, clip, method, "c0"), **changes)
    rerun = checks.BoundMethod(method, ClassTarget(0))
    return checks.check_explanation(model, model.features(clip), attribution, rerun)


def test_a_right_map_is_trusted_and_a_reversed_one_is_not(generator):
    model, clip = additive(generator), noise_clip(generator)
    found = check(model, clip, "integrated_gradients")
    assert found.passed == {"faithful": True, "stable": True, "depends on the model": True, "complete": True}
    assert checks.verdict(found).startswith(
        "Trust it: silencing what it marks takes the score away sooner than silencing the rest")
    values = -ew.explain(model, clip, "integrated_gradients", "c0").values
    found = check(model, clip, "integrated_gradients", values=values)
    assert not found.passed["faithful"]
    assert checks.verdict(found).startswith("Do not trust it")
    found = check(model, clip, "saliency", values=torch.ones(33, 32))
    assert checks.verdict(found) == "Do not trust it: the explanation is the same everywhere, so it says nothing."


def test_a_model_that_is_only_asked_has_no_weights_to_draw_anew(generator):
    clip = noise_clip(generator)
    model = ew.AudioModel.from_callable(
        lambda sounds: np.stack([np.abs(sounds).mean(1), sounds.std(1)], 1), ["c0", "c1"], 2000, returns="logits")
    attribution = ew.explain(model, clip, "occlusion", "c0", components="spectral")
    table = dict(checks.check_clip(model, clip, attribution, {"components": "spectral"}))
    assert table["likeness to the map of a random model"] == "no weights to draw anew"
    assert "whether it depends on the model remains open" in table["verdict"]
    good = checks.Findings(0.2, 0.8, 0.5, 0.6, 0.8, 0.05, float("nan"), float("nan"))
    assert good.passed == {"faithful": True, "stable": True}
    assert checks.verdict(good).startswith("Trust it as far as it can be checked: ")


def test_checks_repeat_bit_for_bit_and_leave_the_model(generator):
    model, clip = deep(generator), noise_clip(generator)
    model.network.train()
    state = torch.random.get_rng_state()
    assert repr(check(model, clip, "saliency")) == repr(check(model, clip, "saliency"))
    assert model.network.training
    assert torch.equal(torch.random.get_rng_state(), state)


def test_the_map_must_fit(generator):
    model, clip = deep(generator), noise_clip(generator)
    with pytest.raises(ParameterError, match="explanation has shape"):
        check(model, clip, "saliency", values=torch.ones(3, 3))


def test_chance_has_no_likeness(generator):
    maps = torch.randn(2, 33, 32, generator=generator)
    assert abs(float(rank_correlation(maps[0], maps[1]))) < 0.15


def test_the_command_puts_a_verdict_into_the_report(tmp_path, capsys, scene):
    ew.audio.save(tmp_path / "tick.wav", scene.clip)
    out = tmp_path / "out"
    assert main(["explain", str(tmp_path / "tick.wav"), "--check", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    (line,) = (line for line in said.splitlines() if line.startswith("verdict: "))
    page = (out / "report.html").read_text()
    assert checks.TITLE in page
    assert line.removeprefix("verdict: ") in page
    assert " --check" in page


def test_every_choice_of_an_explanation_reaches_its_checks(generator):
    model, clip = deep(generator), noise_clip(generator)
    for method, settings in (("relax", {"n_masks": 40}), ("slime", {"components": "spectral", "score": "logit"})):
        attribution = ew.explain(model, clip, method, seed=2, **settings)
        rows = dict(checks.check_clip(model, clip, attribution, settings))
        assert rows["verdict"].split(":")[0] in ("Trust it", "Be careful", "Do not trust it")
        assert rows["completeness gap"] == "the method promises no sum"


def test_a_coarse_map_is_not_measured_against_scattered_bins():
    """Random order spoils a sound faster than any coarse map; least against most relevant first decides."""
    coarse = checks.Findings(0.4, 0.8, 0.2, 0.6, 1.0, 0.1, 0.1, float("nan"))
    assert coarse.contrast == pytest.approx(0.4)
    assert coarse.passed["faithful"]
    flat = checks.Findings(0.7, 0.7, 0.7, 0.7, 0.0, 0.1, 0.1, float("nan"))
    assert "flipping says nothing" in checks.verdict(flat)
    assert checks.verdict(flat).startswith("Do not trust it")


def test_a_map_must_be_in_the_right_place():
    """Against the rest any map wins that marks sound and not silence; against its own shape elsewhere it must, too."""
    found = checks.Findings(0.4, 0.8, 0.5, 0.42, 1.0, 0.1, 0.1, float("nan"))
    assert found.placed == pytest.approx(0.02)
    assert not found.passed["faithful"]
    assert checks.verdict(found).startswith(
        "Do not trust it: silencing what it marks takes the score away sooner than silencing the rest (mean score 0.40 "
        "against 0.80) but hardly sooner than pieces of the same shape elsewhere (0.42), it hardly moves")
    assert "but no sooner than pieces" in checks.verdict(replace(found, moved=0.3))


def test_noise_has_no_place(generator):
    """Coarse noise over a scene: no sooner than itself elsewhere; and what was moved is the map."""
    model, clip = ew.load_model("esc10-mel"), ew.synthetic.make_scene("dog over hum", seed=1).clip
    attribution = ew.explain(model, clip, "saliency", "dog")
    noise = torch.rand(1, 1, 8, 16, generator=generator)
    blocks = torch.nn.functional.interpolate(noise, size=attribution.values.shape, mode="bicubic")[0, 0]
    rerun = checks.BoundMethod("saliency", ClassTarget(model.class_index("dog")))
    found = {name: checks.check_explanation(model, model.features(clip)[:1], replace(attribution, values=values), rerun)
             for name, values in (("own", attribution.values), ("noise", blocks))}
    assert found["own"].placed > 0.2
    assert found["noise"].placed < 0.05
    assert not found["noise"].passed["faithful"]
