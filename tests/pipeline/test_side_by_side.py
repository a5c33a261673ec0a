"""Several methods side by side: whose names, whose settings, who refuses."""

import pytest
import torch
from torch import nn

import earwitness as ew
from earwitness.core.errors import ParameterError
from earwitness.pipeline import explain_file, side_by_side
from earwitness.pipeline.request import ExplainRequest
from tests.report.made_reports import make_section

QUICK = {"n_masks": 20}


class FlatMean(nn.Module):
    """No convolution, so that Grad-CAM has nothing to look at."""

    def forward(self, x):
        return torch.stack([x[:, :32].mean((1, 2)), x[:, 32:].mean((1, 2))], 1) / 20


class Deaf(FlatMean):
    """No gradient either."""

    @torch.no_grad()
    def forward(self, x):
        return super().forward(x)


def wrap(network):
    return ew.AudioModel(network, ew.frontends.MelDb(), labels=["low", "high"], activation="softmax", name="own")


@pytest.fixture(scope="module")
def clip():
    return ew.Clip(torch.rand(16000, generator=torch.Generator().manual_seed(0)) - 0.5, 16000)


def test_names_are_read_in_the_order_given():
    assert side_by_side.method_names("slime") == ("slime",)
    assert side_by_side.method_names(" slime ,gradcam") == ("slime", "gradcam")
    assert side_by_side.method_names("all") == tuple(ew.METHODS)


@pytest.mark.parametrize(("text", "message"), [
    ("", "with an empty name"), (",", "with an empty name"), ("slime,", "with an empty name"),
    ("slime,,rise", "with an empty name"), ("slime,gradcm", "did you mean 'gradcam'"), ("All", "did you mean 'all'"),
    ("slime,rise,slime", "has 'slime' twice"), ("all,rise", "has 'rise' twice"), (3, "unknown method 3"),
    (["slime"], "unknown method"),
])
def test_wrong_lists_are_refused(text, message):
    with pytest.raises(ParameterError, match=message):
        side_by_side.method_names(text)


def test_each_method_gets_the_settings_that_it_has():
    settings = {"n_samples": 20, "fill": "zero", "score": "logit"}
    assert side_by_side.settings_of("lime", settings) == settings
    assert side_by_side.settings_of("relax", settings) == {"fill": "zero", "score": "logit"}
    assert side_by_side.settings_of("saliency", settings) == {"score": "logit"}
    side_by_side.check_settings(["saliency", "lime"], settings)
    with pytest.raises(ParameterError, match="unknown setting of saliency, gradcam 'n_samples'"):
        side_by_side.check_settings(["saliency", "gradcam"], settings)


def test_who_explains_the_embedding():
    assert side_by_side.explains_embedding("relax", {})
    assert not side_by_side.explains_embedding("relax", {"score": "logit"})
    assert side_by_side.explains_embedding("rise", {"score": "similarity"})
    assert not side_by_side.explains_embedding("rise", {})


def test_one_that_cannot_does_not_stop_the_others():
    section = make_section()

    def explain_by(method):
        if method == "gradcam":
            raise ParameterError("no\n  convolution")
        return section

    sections, (refusal,) = side_by_side.explain_by_each(["slime", "gradcam", "rise"], explain_by, start_s=5.0)
    assert sections == [section, section]
    assert (refusal.method, refusal.start_s, refusal.reason) == ("gradcam", 5.0, "no convolution")


def test_a_bug_is_not_a_refusal():
    def explain_by(method):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        side_by_side.explain_by_each(["slime", "rise"], explain_by)


def test_methods_side_by_side_are_the_methods_alone(mel_model, scene):
    request = ExplainRequest(method="occlusion,saliency,relax", seed=3, settings=QUICK)
    sections, refusals = explain_file.explain_window(mel_model, scene.clip, request.resolve(mel_model))
    assert refusals == []
    assert [section.attribution.method for section in sections] == ["occlusion", "saliency", "relax"]
    for section in sections:
        own = side_by_side.settings_of(section.attribution.method, QUICK)
        resolved = ExplainRequest(section.attribution.method, seed=3, settings=own).resolve(mel_model)
        ((alone,), _) = explain_file.explain_window(mel_model, scene.clip, resolved)
        assert torch.equal(section.attribution.values, alone.attribution.values)
        assert torch.equal(section.mask, alone.mask)
        assert section.measures == alone.measures
        assert section.attribution.passes == alone.attribution.passes
        assert section.seconds > 0


def test_relax_explains_the_embedding_and_is_measured_on_the_target(mel_model, scene):
    request = ExplainRequest(method="relax,gradcam", target="dog", settings=QUICK)
    (embedding, named), _ = explain_file.explain_window(mel_model, scene.clip, request.resolve(mel_model))
    assert (embedding.attribution.target, named.attribution.target) == (None, "dog")
    assert embedding.measures.p == pytest.approx(named.measures.p)
    assert named.measures.p < 0.1
    (note,) = side_by_side.embedding_notes([embedding, named])
    assert note.startswith("relax explains the embedding")
    assert side_by_side.embedding_notes([embedding]) == side_by_side.embedding_notes([named]) == []


def test_a_method_that_cannot_explain_the_model_is_named_with_its_reason(clip):
    model = wrap(FlatMean())
    resolved = ExplainRequest(method="gradcam,occlusion").resolve(model)
    sections, (refusal,) = explain_file.explain_window(model, clip, resolved)
    assert [section.attribution.method for section in sections] == ["occlusion"]
    assert refusal.method == "gradcam"
    assert "no convolution" in refusal.reason


def test_only_if_all_fail_is_it_an_error(clip):
    model, deaf = wrap(FlatMean()), wrap(Deaf())
    with pytest.raises(ParameterError) as caught:
        explain_file.explain_window(model, clip, ExplainRequest(method="gradcam,attention_rollout").resolve(model))
    assert str(caught.value).startswith("none of 2 methods can explain this: gradcam: ")
    assert "no convolution" in str(caught.value)
    assert "attention_rollout: " in str(caught.value)
    with pytest.raises(ParameterError, match=r"^the network gives no gradient"):
        explain_file.explain_window(deaf, clip, ExplainRequest(method="gradcam,saliency").resolve(deaf))


@pytest.mark.parametrize(("choices", "message"), [
    ({"method": "slime,rise", "target": "cow"}, "unknown target"),
    ({"method": "slime,rise", "settings": {"layer": "x"}}, "unknown setting of slime, rise"),
    ({"method": "slime,rise", "settings": {"seed": 3}}, "--seed"),
    ({"method": "saliency,occlusion", "inversion": "magic"}, r"^unknown inversion"),
])
def test_what_no_method_can_do_is_said_once(mel_model, clip, choices, message):
    with pytest.raises(ParameterError, match=message):
        explain_file.explain_window(mel_model, clip, ExplainRequest(**choices).resolve(mel_model))


def test_an_encoder_is_refused_in_its_own_words(clip):
    encoder = ew.AudioModel(FlatMean(), ew.frontends.MelDb())
    with pytest.raises(ParameterError, match=r"^model .* is an encoder"):
        explain_file.explain_window(encoder, clip, ExplainRequest(method="all").resolve(encoder))


def test_a_report_says_who_did_what(mel_model, tmp_path, scene):
    import shlex

    steps = []
    path = ew.audio.save(tmp_path / "ticks.wav", scene.clip)
    request = ExplainRequest(method="saliency,relax,rise", settings=QUICK)
    report = explain_file.explain_file(path, mel_model, request,
                                       progress=lambda step, done: steps.append((step, done)))
    assert report.methods == ("saliency", "relax", "rise")
    said = list(dict.fromkeys(step for step, _ in steps))
    assert said == ["listening", *(f"explaining with {name}" for name in report.methods), "done"]
    assert [done for _, done in steps] == sorted(done for _, done in steps)
    words = shlex.split(report.command)
    assert words[words.index("--method") + 1] == "saliency,relax,rise"
    assert report.settings["rise"]["n_masks"] == 20
    assert report.settings["rise"]["score"] == "probability"
    assert report.settings["front_end"]["n_mels"] == 64
    assert "front_end" not in report.settings["rise"]
    assert report.facts["Method"] == "saliency, relax, rise"
    assert any(note.startswith("relax explains the embedding") for note in report.notes)


def test_the_surest_windows_each_have_every_method(mel_model, tmp_path, scene, generator):
    noise = 0.05 * torch.randn(160000, generator=generator)
    sound = torch.cat([noise, scene.clip.waveform, noise, scene.clip.waveform])
    path = ew.audio.save(tmp_path / "long.wav", ew.Clip(sound, 32000))
    steps = []
    report = explain_file.explain_file(
        path, mel_model, ExplainRequest(method="saliency,gradcam", target="clock_tick", sections=2),
        progress=lambda step, done: steps.append((step, done)))
    assert [(section.start_s, section.attribution.method) for section in report.sections] == [
        (5.0, "saliency"), (5.0, "gradcam"), (15.0, "saliency"), (15.0, "gradcam")]
    assert [done for step, done in steps if step.startswith("explaining")] == [0.0, 0.25, 0.5, 0.75]
    assert any("explained are those from 5 s, 15 s." in note for note in report.notes)
