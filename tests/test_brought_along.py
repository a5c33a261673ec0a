"""What people bring along, and what they hear when it does not fit."""

import pytest
import torch

import earwitness as ew
from earwitness.core.atomic_files import make_folder
from earwitness.core.errors import EarwitnessError, ParameterError
from earwitness.methods import Evidence
from earwitness.perturb.fills import FILLS, Fill
from earwitness.pipeline.explain_file import explain_file
from earwitness.pipeline.request import ExplainRequest
from tests.made_models import deep, noise_clip


@pytest.mark.parametrize(("method", "message"), [
    (lambda score, features: features.values, r"returned a Tensor; expected earwitness.methods.Evidence"),
    (lambda score, features: Evidence(features.values[:, :3]), r"returned values .*\[1, 3, 32\].* \(1, 33, 32\)"),
    (lambda score, features: Evidence(None), r"returned values NoneType; expected the shape"),
])
def test_methods_return_evidence_of_the_plane(monkeypatch, generator, method, message):
    monkeypatch.setitem(ew.METHODS, "mine", method)
    with pytest.raises(ParameterError, match=message):
        ew.explain(deep(generator), noise_clip(generator), "mine")


@pytest.mark.parametrize(("fill", "message"), [
    (lambda context: context.values, r"fill 'mine' is a function; expected FILLS\['mine'\] = Fill\(make, unit\)"),
    (Fill(lambda context: torch.zeros(1, 5, 7), "zeros"), r"fill 'mine' gave \(1, 5, 7\); .* \(1, 33, 32\)"),
    (Fill(lambda context: 0.0, "zeros"), r"fill 'mine' gave float; expected a tensor"),
])
def test_fills_fit_the_plane(monkeypatch, generator, fill, message):
    monkeypatch.setitem(FILLS, "mine", fill)
    with pytest.raises(ParameterError, match=message):
        ew.explain(deep(generator), noise_clip(generator), "occlusion", "c0", fill="mine")


def test_a_clip_of_several_windows_is_measured_window_by_window(generator):
    model = deep(generator)
    clip = noise_clip(generator)
    features = model.features(ew.Clip(clip.waveform.repeat(3), clip.sample_rate_hz))
    with pytest.raises(ParameterError, match=f"heard in {len(features)} windows; measure one of them"):
        ew.metrics.measure(model, features, torch.ones(features.values.shape[1:]), 0)


def test_an_attribution_is_one_line(generator):
    assert repr(ew.explain(deep(generator), noise_clip(generator), "saliency", "c1", seed=3)) == (
        "Attribution(method='saliency', target='c1', values=(33, 32), seed=3)")


def test_a_mask_with_ties_says_that_it_keeps_more(tmp_path):
    """Of ten segments one speaks for the target: the 30 % with the most evidence are all that is not against it."""
    scene = ew.synthetic.make_scene("clock_tick over hum")
    ew.audio.save(tmp_path / "ticks.wav", scene.clip)
    choices = ExplainRequest(method="slime", target="rain", mask="topK_50_pos")
    report = explain_file(tmp_path / "ticks.wav", ew.load_model("esc10-mel"), choices)
    (section,) = report.sections
    ties = [note for note in report.notes if "same value as the last" in note]
    assert bool(ties) == (section.measures.kept_area > 0.51)
    assert section.measures.kept_area > 0.51


def test_an_output_folder_is_no_file(tmp_path):
    (tmp_path / "dog.wav").touch()
    with pytest.raises(EarwitnessError, match=r"dog.wav: is a file; expected a folder"):
        make_folder(tmp_path / "dog.wav")
