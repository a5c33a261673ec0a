import os
import struct
import warnings

import numpy as np
import pytest
import soundfile
import torch

from earwitness import audio
from earwitness.core.errors import AudioFileError, ParameterError
from earwitness.core.types import Clip

RATE = 22050


def tone(rate=RATE, seconds=1.0, hz=440.0):
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(rate * seconds)) / rate)).astype(np.float32)


def snr_db(wanted, got):
    return float(10 * np.log10(np.sum(wanted**2) / (np.sum((wanted - got) ** 2) + 1e-30)))


@pytest.mark.parametrize(("suffix", "subtype", "least_db"), [
    (".wav", "PCM_U8", 30), (".wav", "PCM_16", 80), (".wav", "PCM_24", 120), (".wav", "PCM_32", 120),
    (".wav", "FLOAT", 140), (".wav", "DOUBLE", 140), (".flac", "PCM_16", 80), (".flac", "PCM_24", 120),
    (".ogg", "VORBIS", 15), (".mp3", "MPEG_LAYER_III", 15),
])
def test_formats_load_as_float_at_their_own_rate(tmp_path, suffix, subtype, least_db):
    wanted = tone()
    path = tmp_path / f"tone{suffix}"
    soundfile.write(path, wanted, RATE, subtype)
    clip = audio.load(path)
    assert (clip.sample_rate_hz, clip.name) == (RATE, path.name)
    assert clip.waveform.dtype == torch.float32
    n = min(len(wanted), clip.waveform.numel())
    assert abs(clip.waveform.numel() - len(wanted)) < RATE * 0.1
    assert snr_db(wanted[:n], clip.waveform.numpy()[:n]) > least_db


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_channels_are_averaged(tmp_path, channels):
    sound = np.stack([tone() * (k + 1) / channels for k in range(channels)], 1)
    soundfile.write(tmp_path / "x.wav", sound, RATE, "FLOAT")
    np.testing.assert_allclose(audio.load(tmp_path / "x.wav").waveform, sound.mean(1), atol=1e-6)


def test_a_part_is_the_part(tmp_path):
    soundfile.write(tmp_path / "x.wav", tone(), RATE, "FLOAT")
    part = audio.load(tmp_path / "x.wav", start_s=0.25, duration_s=0.5).waveform
    first = round(0.25 * RATE)
    np.testing.assert_array_equal(part, tone()[first : first + round(0.5 * RATE)])


def _wav_header(data_bytes, rate=16000, channels=1, bits=16):
    align = channels * bits // 8
    return (b"RIFF" + struct.pack("<I", 36 + data_bytes) + b"WAVEfmt " +
            struct.pack("<IHHIIHH", 16, 1, channels, rate, rate * align, align, bits) +
            b"data" + struct.pack("<I", data_bytes))


BAD_FILES = {
    "empty.wav": (b"", "empty"),
    "text.wav": (b"this is not sound\n" * 50, "not a sound file"),
    "junk.mp3": (bytes(range(256)) * 8, "not a sound file"),
    "header-only.wav": (_wav_header(0), "no samples"),
    "cut-short.wav": (_wav_header(64000) + b"\x01\x00" * 500, "cut short"),
    "one-hertz.wav": (_wav_header(8, rate=1) + b"\0" * 8, "sample rate is 1 Hz"),
    "fast.wav": (_wav_header(8, rate=3_000_000) + b"\0" * 8, "sample rate is 3000000 Hz"),
    "many-channels.wav": (_wav_header(2000, channels=1000) + b"\0" * 2000, "1000 channels"),
    "zero-channels.wav": (_wav_header(8, channels=0) + b"\0" * 8, "not a sound file"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_give_one_line_that_names_them(tmp_path, name):
    content, reason = BAD_FILES[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(AudioFileError) as caught:
        audio.load(tmp_path / name)
    message = str(caught.value)
    assert name in message
    assert reason in message
    assert "\n" not in message


@pytest.mark.parametrize("suffix", [".flac", ".ogg", ".mp3"])
def test_truncated_compressed_files_are_refused_or_read_as_far_as_they_go(tmp_path, suffix):
    path = tmp_path / f"whole{suffix}"
    soundfile.write(path, np.random.default_rng(0).standard_normal(5 * RATE).astype(np.float32) * 0.1, RATE)
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    if suffix in (".flac", ".mp3"):
        with pytest.raises(AudioFileError, match="cut"):
            audio.load(cut)
    else:  # a stream without a promised length ends where it ends
        assert 1 < audio.load(cut).duration_s < 4


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_name_the_sample(tmp_path, bad):
    sound = tone()
    sound[1234] = bad
    soundfile.write(tmp_path / "bad.wav", sound, RATE, "FLOAT")
    with pytest.raises(AudioFileError, match=r"bad\.wav: sample 1234 is NaN or infinite"):
        audio.load(tmp_path / "bad.wav")


def test_absurd_levels_are_refused(tmp_path):
    soundfile.write(tmp_path / "loud.wav", tone() * np.float32(1e20), RATE, "FLOAT")
    with pytest.raises(AudioFileError, match=r"loud\.wav: peak is .*e\+19; expected full scale 1"):
        audio.load(tmp_path / "loud.wav")
    soundfile.write(tmp_path / "integers.wav", tone() * 32768, RATE, "FLOAT")
    assert audio.load(tmp_path / "integers.wav").waveform.max() > 10000


def test_missing_and_folder(tmp_path):
    with pytest.raises(AudioFileError, match="no such file"):
        audio.load(tmp_path / "missing.wav")
    with pytest.raises(AudioFileError, match="not a regular file"):
        audio.load(tmp_path)


def test_long_files_are_refused_whole_and_read_in_windows(tmp_path):
    path = tmp_path / "long.wav"
    with soundfile.SoundFile(path, "w", 8000, 1, "PCM_16") as file:
        for _ in range(60):
            file.write(np.random.default_rng(0).standard_normal(8000 * 12) * 0.1)
    with pytest.raises(AudioFileError, match="720 s of sound; expected at most 600 s"):
        audio.load(path)
    starts = [start for start, clip in audio.windows(path, sample_rate_hz=8000, window_s=10.0)]
    assert starts == [10.0 * k for k in range(72)]


@pytest.mark.parametrize("rate", [RATE, 16000, 48000])
@pytest.mark.parametrize("seconds", [0.4, 1.0, 2.3])
def test_windows_are_the_resampled_recording(tmp_path, rate, seconds):
    soundfile.write(tmp_path / "x.wav", tone(seconds=seconds), RATE, "FLOAT")
    whole = audio.resample(audio.load(tmp_path / "x.wav"), rate).waveform
    pieces = [clip.waveform for _, clip in audio.windows(tmp_path / "x.wav", sample_rate_hz=rate, window_s=0.5)]
    joined = torch.cat(pieces)
    assert abs(joined.numel() - whole.numel()) <= 1
    n = min(joined.numel(), whole.numel()) - 200  # the recording's own end rings differently
    assert snr_db(whole[200:n].numpy(), joined[200:n].numpy()) > 60


@pytest.mark.parametrize("suffix", [".mp3", ".ogg", ".flac"])
def test_windows_of_compressed_files_hold_the_right_samples(tmp_path, suffix):
    """A decoder that starts in the middle of an MP3 needs the frames before."""
    sound = 0.2 * np.random.default_rng(1).standard_normal(20 * 44100).astype(np.float32)
    soundfile.write(tmp_path / f"x{suffix}", np.cumsum(sound) / 40 % 1 - 0.5, 44100)
    whole = audio.load(tmp_path / f"x{suffix}").waveform
    for start_s, clip in audio.windows(tmp_path / f"x{suffix}", sample_rate_hz=44100, window_s=2.0):
        first = round(start_s * 44100)
        wanted = whole[first : first + clip.waveform.numel()]
        assert torch.allclose(clip.waveform[: wanted.numel()], wanted, atol=1e-4), start_s


def test_names_that_are_no_text_are_read(tmp_path):
    path = tmp_path / os.fsdecode(b"odd\xff.wav")
    soundfile.write(os.fsencode(path), tone(), RATE, format="WAV")
    assert audio.load(path).duration_s == pytest.approx(1.0)


def test_comments_do_not_pass_for_headers(tmp_path):
    with soundfile.SoundFile(tmp_path / "x.wav", "w", RATE, 1) as file:
        file.comment = "data : 500 (should be 3)"
        file.write(tone())
    assert audio.load(tmp_path / "x.wav").waveform.numel() == RATE


def test_overlapping_windows_cover_the_end(tmp_path):
    soundfile.write(tmp_path / "x.wav", tone(seconds=1.0), RATE, "FLOAT")
    found = list(audio.windows(tmp_path / "x.wav", sample_rate_hz=RATE, window_s=0.5, hop_s=0.25))
    assert [start for start, _ in found] == [0.0, 0.25, 0.5]
    assert all(clip.duration_s == pytest.approx(0.5, abs=1e-3) for _, clip in found)


def test_resample_keeps_a_tone():
    clip = audio.resample(Clip(torch.from_numpy(tone(44100)), 44100), 16000)
    wanted = tone(16000)
    assert clip.sample_rate_hz == 16000
    assert snr_db(wanted[500:-500], clip.waveform.numpy()[500:-500]) > 80


def test_ten_samples_survive_resampling():
    assert audio.resample(Clip(torch.ones(10), 768_000), 1000).waveform.numel() >= 1


def test_normalise_known_answers():
    sound = torch.tensor([[0.5, -0.25], [0.0, 0.0]])
    assert torch.equal(audio.normalise(sound, "peak"), torch.tensor([[1.0, -0.5], [0.0, 0.0]]))
    assert torch.allclose(audio.normalise(sound, "rms")[0].square().mean(), torch.tensor(1.0))
    assert audio.normalise(sound, None) is sound
    with pytest.raises(ParameterError, match="unknown level 'loud'"):
        audio.normalise(sound, "loud")


@pytest.mark.parametrize("wanted_db", [-10.0, 0.0, 6.0, 30.0])
def test_mix_has_the_wanted_ratio(generator, wanted_db):
    clip, noise = torch.randn(2, 4000, generator=generator), torch.randn(4000, generator=generator)
    added = audio.mix_at_snr(clip, noise, snr_db=wanted_db) - clip
    got = 10 * torch.log10(clip.square().mean(-1) / added.square().mean(-1))
    assert torch.allclose(got, torch.full((2,), wanted_db), atol=1e-3)


def test_mix_refuses_silence():
    with pytest.raises(ParameterError, match="noise is silent"):
        audio.mix_at_snr(torch.ones(4), torch.zeros(4), snr_db=0)


def test_published_mix_is_3_52_db_and_peaks_at_one(generator):
    clip, noise = torch.randn(8000, generator=generator), 7 * torch.randn(8000, generator=generator)
    slow = 0.6 * clip / clip.square().mean().sqrt() + 0.4 * noise / noise.square().mean().sqrt()
    got = audio.mix_rms(clip, noise)
    assert torch.allclose(got, slow / slow.abs().max(), atol=1e-6)
    assert 20 * np.log10(0.6 / 0.4) == pytest.approx(3.52, abs=0.01)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg"])
def test_saved_sound_comes_back(tmp_path, suffix):
    path = audio.save(tmp_path / f"x{suffix}", Clip(torch.from_numpy(tone()), RATE))
    assert snr_db(tone(), audio.load(path).waveform.numpy()) > 15
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_save_warns_when_it_cuts(tmp_path):
    with pytest.warns(UserWarning, match=r"peak is 2\.00"):
        audio.save(tmp_path / "x.wav", Clip(torch.full((10,), 2.0), RATE))
    assert audio.load(tmp_path / "x.wav").waveform.max() <= 1


def test_save_leaves_nothing_behind_when_it_fails(tmp_path, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(soundfile, "write", full)
    with pytest.raises(AudioFileError, match="No space left"):
        audio.save(tmp_path / "x.wav", Clip(torch.zeros(10), RATE))
    assert not list(tmp_path.iterdir())
    with pytest.raises(AudioFileError, match="suffix"):
        audio.save(tmp_path / "x.txt", Clip(torch.zeros(10), RATE))


def test_clip_refuses_what_is_not_a_waveform():
    for bad in (torch.zeros(2, 10), torch.zeros(0), torch.zeros(10, dtype=torch.int16)):
        with pytest.raises(ParameterError, match="waveform is"):
            Clip(bad, RATE)
    with warnings.catch_warnings(), pytest.raises(ParameterError, match="sample_rate_hz is 0"):
        Clip(torch.zeros(10), 0)
