"""What people get wrong in Python is said in one sentence that names it."""

import numpy as np
import pytest
import torch
from torch import nn

import earwitness as ew
from earwitness.core.errors import ParameterError

CLIP = ew.Clip(torch.rand(16000, generator=torch.Generator().manual_seed(0)) - 0.5, 16000)
PLANE = torch.rand(64, 501, generator=torch.Generator().manual_seed(0))


class NoGradient(nn.Module):
    @torch.no_grad()
    def forward(self, x):
        return x.mean(2)[:, :2]


class Many(nn.Module):
    def forward(self, x):
        return [x]


def wrap(network, **settings):
    return ew.AudioModel(network, ew.frontends.MelDb(), **settings)


MISTAKES = {
    "array as waveform": (lambda m: ew.Clip(np.zeros(5), 16000), "waveform is a ndarray"),
    "rate is a word": (lambda m: ew.Clip(torch.zeros(5), "16k"), "sample_rate_hz is '16k'"),
    "rate is no number": (lambda m: ew.Clip(torch.zeros(5), float("nan")), "sample_rate_hz is nan"),
    "path as clip": (lambda m: ew.explain(m, "cat.wav"), "clip is a str"),
    "network as model": (lambda m: ew.explain(m.network, CLIP), "model is a SmallCnn"),
    "name as model": (lambda m: ew.explain("esc10-mel", CLIP), "model is a str"),
    "NaN in the sound": (lambda m: ew.explain(m, ew.Clip(torch.full((9,), torch.nan), 16000)), "NaN or infinite"),
    "method is a list": (lambda m: ew.explain(m, CLIP, ["lime"]), "unknown method"),
    "seed is a word": (lambda m: ew.explain(m, CLIP, seed="one"), "seed is 'one'"),
    "array as mask": (lambda m: ew.listen(m, CLIP, np.ones((64, 501))), "mask is a ndarray"),
    "array as attribution": (lambda m: ew.masks.make(np.ones((2, 2)), "bin"), "attribution is a ndarray"),
    "empty attribution": (lambda m: ew.masks.make(torch.zeros(0, 3), "minmax"), "attribution has shape"),
    "mask is no name": (lambda m: ew.masks.make(PLANE, 5), "unknown mask 5"),
    "wrong mask": (lambda m: ew.metrics.measure(m, m.features(CLIP), PLANE[:, :5], 1), "mask is"),
    "no such target": (lambda m: ew.metrics.measure(m, m.features(CLIP), PLANE, 99), "unknown target"),
    "no such output": (lambda m: ew.explain(wrap(m.network), CLIP, target=99), "target is 99; expected 0 to 9"),
    "no gradient": (lambda m: ew.explain(wrap(NoGradient(), labels=["a", "b"]), CLIP), "gives no gradient"),
    "list of outputs": (lambda m: wrap(Many()).probabilities(CLIP), "network returns a list"),
    "labels is a number": (lambda m: wrap(m.network, labels=3), "labels is '3'"),
    "no window": (lambda m: next(ew.audio.windows("x", sample_rate_hz=16000, window_s=1e-9)), "at least one sample"),
    "start is no number": (lambda m: ew.load("x.wav", start_s=float("nan")), "expected seconds"),
    "scene's seed": (lambda m: ew.synthetic.make_scene("dog over hum", seed=-1), "seed is -1"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_named(mel_model, mistake):
    make, message = MISTAKES[mistake]
    with pytest.raises(ParameterError) as caught:
        make(mel_model)
    assert message in str(caught.value)


def test_what_can_be_understood_works(mel_model):
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        assert torch.isfinite(ew.explain(mel_model, ew.Clip(CLIP.waveform.to(dtype), 16000)).values).all()
    for values in (PLANE > 0.5, (PLANE * 100).to(torch.int8), PLANE.bfloat16()):
        for preset in ew.masks.PRESETS:
            mask = ew.masks.make(values, preset)
            assert mask.is_floating_point()
            assert 0 <= mask.min() <= mask.max() <= 1
    evidence = PLANE > 0.9
    many = ew.metrics.relevance_rank(torch.stack([PLANE, -PLANE]), evidence)
    assert many.tolist() == [1.0, 0.0]
