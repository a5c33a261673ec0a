import numpy as np
import pytest
import soundfile
import torch

import earwitness as ew
from earwitness.core.errors import ParameterError


def snr_db(wanted, got):
    return float(10 * torch.log10(wanted.square().sum() / (wanted - got).square().sum()))


@pytest.mark.parametrize("name", ["esc10-mel", "esc10-stft"])
@pytest.mark.parametrize("preset", ["bin", "topK_30_pos", "minmax"])
@pytest.mark.parametrize("seconds", [0.3, 5.0, 12.3])
def test_kept_and_removed_add_up_to_the_recording(name, preset, seconds, generator):
    model = ew.load_model(name)
    clip = ew.Clip(0.2 * torch.randn(round(44100 * seconds), generator=generator), 44100)
    values = torch.randn(model.features(clip).values.shape, generator=generator)
    mask = ew.masks.make(values.transpose(0, 1).flatten(1), preset)
    heard = ew.listen(model, clip, mask)
    recording = ew.audio.resample(clip, model.sample_rate_hz).waveform
    assert heard.sample_rate_hz == model.sample_rate_hz
    assert torch.equal(heard.original, recording)
    assert snr_db(recording, heard.kept + heard.removed) > 60


def test_full_and_empty_masks(mel_model, scene):
    shape = mel_model.features(scene.clip).values.shape[1:]
    full = ew.listen(mel_model, scene.clip, torch.ones(shape))
    assert snr_db(full.original, full.kept) > 60
    assert full.removed.abs().max() < 1e-5
    empty = ew.listen(mel_model, scene.clip, torch.zeros(shape))
    assert empty.kept.abs().max() == 0


def test_the_ideal_mask_takes_event_and_background_apart(mel_model, stft_model, scene):
    event = ew.audio.resample(ew.Clip(scene.event, scene.sample_rate_hz), 16000).waveform
    background = ew.audio.resample(ew.Clip(scene.background, scene.sample_rate_hz), 16000).waveform
    heard = ew.listen(stft_model, scene.clip, scene.evidence(stft_model.front_end).float())
    assert snr_db(event, heard.kept) > 8
    assert snr_db(background, heard.removed) > 8


def test_silence_stays_silent(mel_model):
    clip = ew.Clip(torch.zeros(160000), 32000)
    heard = ew.listen(mel_model, clip, torch.ones(64, 501))
    assert not heard.kept.any()
    assert not heard.removed.any()


def test_the_published_route_makes_the_published_sounds(shared_data):
    """Mask × mel power, least squares, original phase: what the published files hold, up to their clipping and gain."""
    folder = shared_data / "pak2025"
    cat = ew.audio.resample(ew.load(shared_data / "esc50-samples" / "cat.flac"), 32000).waveform
    front_end = ew.frontends.MelDb()
    features = front_end(ew.audio.normalise(cat, "peak")[None])
    ratios = {}
    for path in sorted(folder.glob("mel_clean_*_*masked.flac")):
        _, _, method, preset, kind = path.stem.replace("topK_30", "topK30").split("_")
        mask = np.load(folder / f"mel_clean_{method}_masks.npz")[preset.replace("topK30", "topK_30")]
        mask = torch.from_numpy(mask.astype(np.float32))
        made = front_end.inverse(features, 1 - mask if kind == "unmasked" else mask, inversion="least_squares")[0]
        published = torch.from_numpy(soundfile.read(path, dtype="float32")[0])
        whole = (published.abs() < 0.999)
        gain = (published[whole] * made[whole]).sum() / made[whole].square().sum()
        assert float(gain) == pytest.approx(1.005, abs=0.003)
        ratios[path.stem] = snr_db(published[whole], gain * made[whole])
    assert len(ratios) == 16
    assert min(ratios.values()) > 45, ratios


def test_masks_that_do_not_fit_are_refused(mel_model, scene):
    with pytest.raises(ParameterError, match=r"\(64, 100\) but features \(64, 501\)"):
        ew.listen(mel_model, scene.clip, torch.ones(64, 100))
    with pytest.raises(ParameterError, match="expected 0 to 1"):
        ew.listen(mel_model, scene.clip, torch.full((64, 501), 2.0))
