"""Feature extraction equals that of transformers, for any sound, and gradients pass through it."""

import pytest
import torch

from earwitness.core.errors import ParameterError
from tests import made_transformers as made

transformers = made.transformers

from earwitness.models.adapters.transformers import differentiable  # noqa: E402

EXTRACTORS = {
    "ast": lambda: made.ast_extractor(),
    "ast_raw": lambda: made.ast_extractor(do_normalize=False, max_length=100, num_mel_bins=64),
    "wav2vec2": lambda: transformers.Wav2Vec2FeatureExtractor(),
    "wav2vec2_raw": lambda: transformers.Wav2Vec2FeatureExtractor(do_normalize=False),
    "whisper": lambda: transformers.WhisperFeatureExtractor(chunk_length=5),
    "whisper_v3": lambda: transformers.WhisperFeatureExtractor(chunk_length=5, feature_size=128),
    "clap_fused": lambda: transformers.ClapFeatureExtractor(),
    "clap": lambda: transformers.ClapFeatureExtractor(truncation="rand_trunc"),
    "clap_repeat": lambda: transformers.ClapFeatureExtractor(padding="repeat", max_length_s=2),
    "clap_pad": lambda: transformers.ClapFeatureExtractor(padding="pad", max_length_s=2),
}


def sounds(extract, generator):
    rate, window = extract.sample_rate_hz, extract.window_samples
    yield "speech", made.speech_like(1.5, rate, generator)
    yield "noise", torch.randn(rate, generator=generator)
    yield "tone", torch.sin(2 * torch.pi * 440 * torch.arange(rate) / rate)
    yield "faint", 1e-6 * torch.randn(rate, generator=generator)
    yield "silence", torch.zeros(rate)
    yield "short", torch.randn(rate // 20, generator=generator)
    if window is not None:
        yield "whole", 0.1 * torch.randn(window, generator=generator)
        yield "long", 0.1 * torch.randn(window + 4001, generator=generator)


@pytest.mark.parametrize("name", EXTRACTORS)
def test_features_are_those_of_transformers(name, generator):
    theirs = EXTRACTORS[name]()
    ours = differentiable(theirs)
    for kind, sound in sounds(ours, generator):
        if kind == "long" and name.startswith("clap"):
            with pytest.raises(ParameterError, match=r"expected up to \d+: this extractor cuts .* at random"):
                ours(sound[None])
            continue
        wanted = theirs(sound.numpy(), sampling_rate=ours.sample_rate_hz, return_tensors="pt")
        got = ours(sound[None])
        assert set(got) == set(wanted) - {"attention_mask"}
        for key, value in got.items():
            torch.testing.assert_close(value, torch.as_tensor(wanted[key]), atol=1e-4, rtol=0,
                                       msg=lambda text, kind=kind: f"{kind}: {text}")


@pytest.mark.parametrize("name", ["ast_raw", "wav2vec2", "whisper", "clap_pad"])
def test_gradients_reach_the_waveform(name, generator):
    """The slope along a direction is that of finite differences."""
    extract = differentiable(EXTRACTORS[name]())
    sound = 0.1 * torch.randn(1, 9600, generator=generator, dtype=torch.float64)
    weights = torch.randn(next(iter(extract(sound).values())).shape, generator=generator, dtype=torch.float64)

    def total(x):
        return (next(iter(extract(x).values())) * weights).sum()

    x = sound.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(total(x), x)
    way = torch.randn(sound.shape, generator=generator, dtype=torch.float64)
    slope = (total(sound + 1e-6 * way) - total(sound - 1e-6 * way)) / 2e-6
    torch.testing.assert_close((gradient * way).sum(), slope, rtol=1e-4, atol=1e-4)


def test_items_of_a_batch_are_heard_alone(generator):
    extract = differentiable(transformers.ClapFeatureExtractor(max_length_s=2))
    sounds = torch.randn(2, 20000, generator=generator) * torch.tensor([[1.0], [0.01]])
    both = extract(sounds)
    for k in range(2):
        alone = extract(sounds[k : k + 1])
        torch.testing.assert_close(both["input_features"][k], alone["input_features"][0])
        assert both["is_longer"][k] == alone["is_longer"][0]


def test_what_cannot_be_repeated_is_refused():
    with pytest.raises(ParameterError, match=r"dither is 0\.1; expected 0"):
        differentiable(transformers.WhisperFeatureExtractor(dither=0.1))
    with pytest.raises(ParameterError, match="feature_extractor is a str; expected one of Wav2Vec2FeatureExtractor"):
        differentiable("ast")
