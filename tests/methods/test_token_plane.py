"""Tokens of transformers: their places, Grad-CAM and attention rollout on them."""

import numpy as np
import pytest
import torch

import earwitness as ew
from earwitness.core.errors import ParameterError
from earwitness.methods.attention_rollout import rollout
from earwitness.methods.token_plane import onto_plane
from earwitness.models import TokenMaps
from tests import made_transformers as made
from tests.made_models import FRONT_END


def noise_clip(generator, seconds=1.2):
    return ew.Clip(0.1 * torch.randn(round(seconds * 16000), generator=generator), 16000)


def on_the_plane(values, maps, model, n_frames):
    """Slow twin of onto_plane: np.interp along time, then along frequency. values (rows, columns)."""
    times, rows = model.front_end.times_s(n_frames).numpy(), model.front_end.frequencies_hz.numpy()
    wide = np.stack([np.interp(times, maps.times_s.numpy(), row) for row in values.detach().numpy()])
    if maps.frequencies_hz is None:
        return np.repeat(wide, len(rows), 0)
    return np.stack([np.interp(rows, maps.frequencies_hz.numpy(), column) for column in wide.T], 1)


def first_tokens(name, network, sound):
    """Tokens before any attention has mixed them."""
    inputs = network.extract(sound)
    if name == "ast":
        return network.model.audio_spectrogram_transformer.embeddings(**inputs)
    if name == "whisper":
        encoder = network.model.encoder
        return encoder.conv2(encoder.conv1(inputs["input_features"])).transpose(1, 2)
    if name == "wav2vec2":
        return network.model.wav2vec2.feature_extractor(inputs["input_values"]).transpose(1, 2)
    seen = []
    encoder = network.layout.encoder
    handle = encoder.patch_embed.register_forward_hook(lambda _m, _i, output: seen.append(output))
    network(sound)
    handle.remove()
    return seen[0]


@pytest.mark.parametrize("name", ["ast", "whisper", "wav2vec2", "clap"])
@pytest.mark.parametrize(("at_s", "hz"), [(0.3, 600.0), (0.9, 3500.0), (0.6, 1500.0)])
def test_tokens_lie_where_their_sound_is(name, at_s, hz, generator):
    """A short tone moves the tokens of its time and frequency most."""
    network = made.made(name)[2].network
    length = network.window_samples or 20000
    time = torch.arange(length) / 16000
    hum = 0.01 * torch.randn(length, generator=generator)
    beep = 0.1 * torch.sin(2 * torch.pi * hz * time) * torch.exp(-((time - at_s) / 0.02) ** 2)
    with torch.no_grad():
        without, with_beep = (network.token_maps(first_tokens(name, network, x[None])) for x in (hum, hum + beep))
    moved = (with_beep.values - without.values).square().sum(1)[0]
    row, column = divmod(int(moved.argmax()), moved.shape[1])
    step_s = float(with_beep.times_s[1] - with_beep.times_s[0])
    assert abs(float(with_beep.times_s[column]) - at_s) <= max(0.45 * step_s, 0.03)
    if with_beep.frequencies_hz is None:
        assert moved.shape[0] == 1
    else:
        nearest = (with_beep.frequencies_hz - hz).abs()
        assert nearest[row] <= nearest.sort().values[1], f"{with_beep.frequencies_hz[row]} Hz"


def test_the_published_ast_has_twelve_by_a_hundred_and_one_patches():
    config = made.transformers.ASTConfig(**made.SMALL)
    network = ew.models.adapters.transformers.TransformersNetwork(
        made.transformers.ASTForAudioClassification(config), made.ast_extractor())
    maps = network.token_maps(torch.zeros(1, 1214, 32))
    assert maps.values.shape == (1, 32, 12, 101)
    assert maps.times_s[1] - maps.times_s[0] == pytest.approx(0.1)


@pytest.mark.parametrize("name", ["ast", "whisper", "wav2vec2", "hubert"])
def test_gradcam_is_the_slow_one(name, generator):
    network, extractor, model = made.made(name)
    clip = noise_clip(generator)
    inputs = extractor(clip.waveform.numpy(), sampling_rate=16000, return_tensors="pt")
    output = network(**inputs, output_hidden_states=True)
    blocks = {"ast": "audio_spectrogram_transformer.", "whisper": "encoder.", "wav2vec2": "wav2vec2.encoder.",
              "hubert": "hubert.encoder."}[name]
    hidden = output.hidden_states[1]  # behind the first of two layers
    gradient = torch.autograd.grad(output.logits[0, 1], hidden)[0]
    if name == "ast":
        hidden, gradient = hidden[:, 2:], gradient[:, 2:]
    slow = [sum(float(gradient[0, :, d].mean()) * hidden[0, t, d] for d in range(32)) for t in range(hidden.shape[1])]
    got = ew.explain(model, clip, "gradcam", "car", layer=f"model.{blocks}layers.0")
    maps = model.network.token_maps(output.hidden_states[1].detach())
    rows = 1 if maps.frequencies_hz is None else len(maps.frequencies_hz)
    wanted = on_the_plane(torch.stack(slow).reshape(rows, -1), maps, model, got.values.shape[1])
    scale = float(np.abs(wanted).max())
    np.testing.assert_allclose(got.values, wanted, atol=1e-3 * scale)
    if name == "ast":  # the patches behind its last layer have no say, so the default is the layer before
        assert torch.equal(ew.explain(model, clip, "gradcam", "car").values, got.values)
        with pytest.raises(ParameterError, match=r"unknown layer 'model.*layers\.1'"):
            ew.explain(model, clip, "gradcam", "car", layer=f"model.{blocks}layers.1")


@pytest.mark.parametrize("name", ["ast", "whisper", "wav2vec2"])
def test_rollout_is_the_product_of_whole_matrices(name, generator):
    network, extractor, model = made.made(name)
    clip = noise_clip(generator)
    kind = network.config._attn_implementation
    got = ew.explain(model, clip, "attention_rollout", "car")
    assert network.config._attn_implementation == kind
    assert got.passes == {"forward": 1, "backward": 0}
    network.set_attn_implementation("eager")
    inputs = extractor(clip.waveform.numpy(), sampling_rate=16000, return_tensors="pt")
    with torch.no_grad():
        attentions = network(**inputs, output_attentions=True).attentions
    product = torch.eye(attentions[0].shape[-1])
    for attention in attentions:
        product = (0.5 * attention[0].mean(0) + 0.5 * torch.eye(len(product))) @ product
    torch.testing.assert_close(product.sum(1), torch.ones(len(product)))
    shares = product[:2].mean(0) if name == "ast" else product.mean(0)
    torch.testing.assert_close(rollout(list(attentions), model.network.pooled_tokens(len(product)))[0], shares)
    maps = model.network.token_maps(shares[None, :, None])
    wanted = on_the_plane(maps.values[0, 0], maps, model, got.values.shape[1])
    np.testing.assert_allclose(got.values, wanted, atol=1e-3 * wanted.max())
    assert torch.equal(ew.explain(model, clip, "attention_rollout", "rain").values, got.values)


@pytest.mark.parametrize("name", [*made.CLASSIFIERS, *made.ENCODERS])
@pytest.mark.parametrize("method", ["saliency", "gradcam", "slime", "lime", "attention_rollout"])
def test_methods_explain_transformers(name, method, generator):
    model = made.made(name)[2]
    settings = {"slime": {"n_samples": 8}, "lime": {"n_samples": 8}}.get(method, {})
    settings |= {"target": "car"} if model.labels else {"score": "similarity"}
    clip = noise_clip(generator, 0.5)
    if method == "attention_rollout" and name.startswith("clap"):
        with pytest.raises(ParameterError, match="attention rollout does not fit CLAP"):
            ew.explain(model, clip, method, **settings)
        return
    values = ew.explain(model, clip, method, **settings).values
    assert values.shape == model.features(clip).values.shape[1:]
    assert values.isfinite().all()
    assert model.labels == () or float(values.std()) > 0


def test_long_clips_are_explained_window_by_window(generator):
    model = made.made("ast")[2]
    first = noise_clip(generator, model.window_s)
    both = ew.Clip(first.waveform.repeat(2), 16000)
    for method in ("gradcam", "attention_rollout"):
        once = ew.explain(model, first, method, "car").values
        torch.testing.assert_close(ew.explain(model, both, method, "car").values, torch.cat([once, once], 1))


def test_networks_without_attentions_are_refused(mel_model, scene):
    with pytest.raises(ParameterError, match="network SmallCnn has no attentions; use another method, such as gradcam"):
        ew.explain(mel_model, scene.clip, "attention_rollout")


def test_interpolation_onto_the_plane():
    """A slope in time and in frequency stays a slope, and is flat beyond the outermost tokens."""
    rows, columns = torch.tensor([100.0, 500.0]).double(), torch.tensor([0.1, 0.2, 0.4]).double()
    maps = TokenMaps((rows[:, None] + 1000 * columns)[None, None].float(), rows, columns)
    plane = onto_plane(maps, FRONT_END, 32)[0, 0]
    times, frequencies = FRONT_END.times_s(32), FRONT_END.frequencies_hz.double()
    wanted = frequencies.clamp(100, 500)[:, None] + 1000 * times.clamp(0.1, 0.4)
    torch.testing.assert_close(plane.double(), wanted, rtol=1e-5, atol=1e-3)
    flat = onto_plane(TokenMaps(maps.values[:, :, :1], None, columns), FRONT_END, 32)[0, 0]
    torch.testing.assert_close(flat, plane[frequencies <= 100][:1].expand(33, -1))
