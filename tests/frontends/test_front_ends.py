import math

import librosa
import numpy as np
import pytest
import torch

from earwitness import audio, frontends
from earwitness.core.errors import ParameterError
from earwitness.frontends import MelDb, SingingVoiceLogMel, StftDb, VggishLogMel

FRONT_ENDS = [StftDb(), MelDb(), MelDb(mel_scale="slaney")]


def snr_db(wanted, got):
    return float(10 * torch.log10(wanted.square().sum() / (wanted - got).square().sum()))


@pytest.fixture
def noise(generator):
    return 0.1 * torch.randn(2, 48000, generator=generator, dtype=torch.float64)


def slow_decibels(waveform, front_end):
    """The formula of the paper, frame by frame, in numpy."""
    n, hop = front_end.n_fft, front_end.hop_samples
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)
    padded = np.pad(waveform, n // 2, mode="reflect")
    frames = [padded[k * hop : k * hop + n] * window for k in range(1 + len(waveform) // hop)]
    power = np.abs(np.fft.rfft(frames, axis=1).T) ** 2
    if isinstance(front_end, MelDb):
        slaney = front_end.mel_scale == "slaney"
        power = librosa.filters.mel(sr=front_end.sample_rate_hz, n_fft=n, n_mels=64, fmin=50, fmax=14000,
                                    htk=not slaney, norm="slaney" if slaney else None, dtype=np.float64) @ power
    return 10 * np.log10(np.maximum(power, 1e-10))


@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_values_are_those_of_the_slow_formula(front_end, noise):
    got = front_end(noise).values[1].numpy()
    np.testing.assert_allclose(got, slow_decibels(noise[1].numpy(), front_end), atol=1e-8)


def test_published_shapes():
    assert StftDb()(torch.zeros(3, 80000)).values.shape == (3, 257, 313)
    assert MelDb()(torch.zeros(3, 160000)).values.shape == (3, 64, 501)
    assert VggishLogMel()(torch.zeros(3, 15600)).values.shape == (3, 64, 96)


@pytest.mark.parametrize("front_end", [*FRONT_ENDS, VggishLogMel(), SingingVoiceLogMel()])
def test_silence_has_the_stated_value(front_end):
    values = front_end(torch.zeros(1, 32000)).values
    assert torch.allclose(values, torch.full_like(values, front_end.silence), atol=1e-5)


@pytest.mark.parametrize("front_end", FRONT_ENDS)
@pytest.mark.parametrize(("dtype", "least_db"), [(torch.float64, 100), (torch.float32, 60)])
@pytest.mark.parametrize("masked", [False, True])
def test_inverse_returns_the_waveform(front_end, noise, dtype, least_db, masked):
    waveform = noise.to(dtype)
    features = front_end(waveform)
    mask = torch.ones_like(features.values) if masked else None
    got = front_end.inverse(features, mask)
    assert got.dtype == dtype
    assert snr_db(waveform, got) >= least_db


def test_vggish_inverse_returns_all_that_a_frame_covers(noise):
    got = VggishLogMel().inverse(VggishLogMel()(noise))
    last = (47600 // 160) * 160 + 400 - 400
    assert snr_db(noise[:, 10:last], got[:, 10:last]) > 100


@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_parts_add_up_to_the_whole(front_end, noise, generator):
    features = front_end(noise)
    mask = (torch.rand(features.values.shape, generator=generator) > 0.5).double()
    parts = front_end.inverse(features, mask) + front_end.inverse(features, 1 - mask)
    assert snr_db(noise, parts) > 100


def test_least_squares_inverts_the_stft_and_blurs_the_mel(noise):
    for front_end, low, high in ((StftDb(), 80, 400), (MelDb(), 2, 30)):
        features = front_end(noise)
        got = front_end.inverse(features, inversion="least_squares")
        assert low < snr_db(noise, got) < high


def test_least_squares_reproduces_the_published_figure(shared_data):
    """Least squares + relu gives 7.6 dB on the cat clip with the original phase."""
    cat = audio.resample(audio.load(shared_data / "esc50-samples" / "cat.flac"), 32000).waveform[None]
    features = MelDb()(cat)
    assert snr_db(cat, MelDb().inverse(features, inversion="least_squares")) == pytest.approx(7.6, abs=0.05)
    assert snr_db(cat, MelDb().inverse(features)) > 60


@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_a_tone_lights_its_row_and_a_mask_of_that_row_keeps_it(front_end):
    hz = 3000.0
    t = torch.arange(32000, dtype=torch.float64) / front_end.sample_rate_hz
    tone, other = torch.sin(2 * math.pi * hz * t), torch.sin(2 * math.pi * 700 * t)
    features = front_end((tone + other)[None])
    row = int((front_end.frequencies_hz - hz).abs().argmin())
    above = features.values[0, row - 3 :].mean(1)
    assert abs(int(above.argmax()) - 3) <= 1
    mask = torch.zeros_like(features.values[0])
    mask[row - 4 : row + 5] = 1
    kept = front_end.inverse(features, mask)[0]
    middle = slice(4000, 28000)
    assert snr_db(tone[middle], kept[middle]) > 20


@pytest.mark.parametrize("front_end", [*FRONT_ENDS, VggishLogMel(), SingingVoiceLogMel()])
def test_gradient_with_respect_to_the_waveform(front_end, generator):
    waveform = 0.1 * torch.randn(1, 2100, generator=generator, dtype=torch.float64)
    direction = torch.randn(waveform.shape, generator=generator, dtype=torch.float64)
    weights = torch.randn(front_end(waveform).values.shape, generator=generator, dtype=torch.float64)

    def total(x):
        features = front_end(x)
        return (features.values * weights).sum() + front_end.inverse(features, torch.sigmoid(features.values)).sum()

    x = waveform.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(total(x), x)
    step = 1e-6
    slope = (total(waveform + step * direction) - total(waveform - step * direction)) / (2 * step)
    assert torch.allclose((gradient * direction).sum(), slope, rtol=1e-4)


def test_a_projected_mask_stays_in_range_and_constant_masks_stay_constant(generator):
    front_end = MelDb()
    mask = torch.rand(64, 5, generator=generator)
    projected = front_end.project(mask)
    assert projected.shape == (513, 5)
    assert projected.min() >= mask.min() - 1e-6
    assert projected.max() <= mask.max() + 1e-6
    for constant in (0.0, 1.0):
        assert torch.allclose(front_end.project(torch.full((64, 2), constant)), torch.full((513, 2), constant))


def test_shorter_than_a_frame_and_wrong_shapes_are_refused():
    with pytest.raises(ParameterError, match="at least 257"):
        StftDb()(torch.zeros(1, 100))
    with pytest.raises(ParameterError, match=r"\(batch, time\)"):
        StftDb()(torch.zeros(16000))
    with pytest.raises(ParameterError, match="last two axes must match"):
        StftDb().inverse(StftDb()(torch.zeros(1, 16000)), torch.ones(64, 100))
    with pytest.raises(ParameterError, match="did you mean 'least_squares'"):
        StftDb().inverse(StftDb()(torch.zeros(1, 16000)), inversion="least_square")
    with pytest.raises(ParameterError, match="f_max_hz=20000"):
        MelDb(16000, f_max_hz=20000)(torch.zeros(1, 16000))


@pytest.mark.parametrize("front_end", [*FRONT_ENDS, VggishLogMel(), SingingVoiceLogMel(minimum=-9.0)])
def test_a_description_builds_the_same_front_end(front_end):
    assert frontends.build_front_end(frontends.describe_front_end(front_end)) == front_end
    with pytest.raises(ParameterError, match="unknown front end 'Mel'"):
        frontends.build_front_end({"type": "Mel"})


def test_vggish_examples_are_the_published_ones(shared_data):
    expected = np.load(shared_data / "parity" / "expected_vggish_cat.npz")
    values = VggishLogMel()(torch.from_numpy(expected["waveform"])[None]).values[0]
    patches = values[:, :480].reshape(64, 5, 96).permute(1, 2, 0)
    np.testing.assert_allclose(patches, expected["examples"][:, 0], atol=1e-4)


def test_panns_logmel_is_the_published_one(shared_data):
    expected = np.load(shared_data / "parity" / "expected_cnn14_cat.npz")
    values = MelDb(mel_scale="slaney")(torch.from_numpy(expected["waveform"])[None]).values[0]
    np.testing.assert_allclose(values, expected["logmel"], rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("name", frontends.FRONT_ENDS)
def test_every_registered_front_end_hears_and_gives_back(generator, name):
    """What a front end that is added has to do, whatever it computes."""
    front_end = frontends.FRONT_ENDS[name]()
    waveform = 0.1 * torch.randn(1, front_end.sample_rate_hz, generator=generator)
    features = front_end(waveform)
    assert features.values.shape[:2] == (1, front_end.n_bins)
    assert front_end.times_s(features.values.shape[2]).shape == features.values.shape[2:]
    assert front_end.silent(features.values).isfinite().all()
    whole = front_end.inverse(features, torch.ones_like(features.values[0]))
    assert torch.allclose(whole[:, 2000:-2000], waveform[:, 2000:-2000], atol=1e-3)
    again = frontends.build_front_end(frontends.describe_front_end(front_end))
    assert again == front_end
    assert getattr(frontends, type(front_end).__name__) is type(front_end)


def test_a_short_name_is_one_front_ends():
    assert [frontends.short_name(kind()) for kind in (MelDb, StftDb, VggishLogMel, frontends.WaveformPlane)] == [
        "mel", "stft", "vggish", "WaveformPlane"]
    assert frontends.front_end_named("mel") == MelDb()
    with pytest.raises(ParameterError, match="unknown front end 'mell'; did you mean 'mel'"):
        frontends.front_end_named("mell")
