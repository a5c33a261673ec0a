import json

import numpy as np
import pytest
import soundfile
import torch

import earwitness as ew
from earwitness.core.errors import AudioFileError, DataError, ParameterError
from earwitness.datasets import scenes
from earwitness.frontends import MelDb, StftDb

RATE = 8000
RECIPE = scenes.Recipe(duration_s=2.0, event_s=0.5, snr_db=6.0, sample_rate_hz=RATE)


def tone(hz, seconds=2.0):
    return torch.sin(2 * torch.pi * hz * torch.arange(int(seconds * RATE)) / RATE)


def event_clip():
    """A second of quiet, half a second of loud 1 kHz, quiet again."""
    loud = torch.full((2 * RATE,), 0.01)
    loud[RATE : RATE + RATE // 2] = 1.0
    return ew.Clip(tone(1000) * loud, RATE, "beep.wav")


def build(recipe=RECIPE, seed=0):
    noise = torch.randn(3 * RATE, generator=torch.Generator().manual_seed(9))
    return scenes.build_scene(event_clip(), ew.Clip(noise, RATE, "noise.wav"), "beep", recipe,
                        generator=torch.Generator().manual_seed(seed))


def test_the_event_is_where_it_says_and_as_loud_as_it_says():
    scene = build()
    sounding = torch.zeros(2 * RATE, dtype=torch.bool)
    sounding[round(scene.start_s * RATE) : round(scene.end_s * RATE)] = True
    assert scene.end_s - scene.start_s == pytest.approx(0.5)
    assert not scene.event[~sounding].any()
    ratio = scene.event[sounding].square().mean() / scene.background[sounding].square().mean()
    assert 10 * float(ratio.log10()) == pytest.approx(6.0, abs=1e-3)
    assert float(scene.clip.waveform.abs().max()) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("front_end", [StftDb(RATE, 256, 128), MelDb(RATE, 256, 128, 32, 50, 4000)])
def test_the_evidence_is_the_tone(front_end):
    scene = build()
    mask = scene.evidence(front_end)
    times = front_end.times_s(mask.shape[1])
    rows = (front_end.frequencies_hz - 1000).abs().argsort()[:1]
    inside = (times > scene.start_s + 0.05) & (times < scene.end_s - 0.05)
    outside = (times < scene.start_s - 0.05) | (times > scene.end_s + 0.05)
    assert mask[rows][:, inside].all()
    assert not mask[:, outside].any()
    assert 0 < mask.float().mean() < 0.1


def test_a_band_keeps_the_event_inside():
    noisy = ew.Clip(torch.randn(2 * RATE, generator=torch.Generator().manual_seed(1)), RATE, "hiss.wav")
    recipe = scenes.Recipe(duration_s=2.0, event_s=0.5, band_hz=(1000.0, 2000.0), sample_rate_hz=RATE)
    scene = scenes.build_scene(noisy, ew.Clip(tone(300), RATE, "hum.wav"), "hiss", recipe,
                         generator=torch.Generator().manual_seed(0))
    power = torch.fft.rfft(scene.event).abs().square()
    hz = torch.fft.rfftfreq(len(scene.event), 1 / RATE)
    inside = (hz > 950) & (hz < 2050)
    assert float(power[inside].sum() / power.sum()) > 0.999


def test_the_same_seed_makes_the_same_scene():
    assert torch.equal(build(seed=3).clip.waveform, build(seed=3).clip.waveform)
    assert build(seed=3).start_s != build(seed=4).start_s


def test_silence_has_no_level():
    silent = ew.Clip(torch.zeros(RATE), RATE, "nothing.wav")
    generator = torch.Generator()
    with pytest.raises(ParameterError, match=r"background nothing\.wav is silent"):
        scenes.build_scene(event_clip(), silent, "beep", RECIPE, generator=generator)
    with pytest.raises(ParameterError, match=r"event nothing\.wav is silent"):
        scenes.build_scene(silent, event_clip(), "beep", RECIPE, generator=generator)


@pytest.mark.parametrize("fields", [{"event_s": 3.0}, {"event_s": 0.0}, {"band_hz": (900.0, 100.0)},
                                    {"band_hz": (0.0, 9000.0)}])
def test_recipes_need_sense(fields):
    with pytest.raises(ParameterError, match="expected"):
        scenes.Recipe(**{"duration_s": 2.0, "event_s": 0.5, "sample_rate_hz": RATE, **fields})


@pytest.fixture
def files(tmp_path):
    for name, sound in (("beep", event_clip().waveform), ("boop", event_clip().waveform * tone(2)), ("hum", tone(150))):
        soundfile.write(tmp_path / f"{name}.wav", sound.numpy(), RATE)
    return tmp_path


def written(files, name="scenes"):
    events = [(files / "beep.wav", "beep"), (files / "boop.wav", "boop")]
    scenes.write_scenes(files / name, events, [files / "hum.wav"], recipe=RECIPE)
    return files / name


def test_what_is_written_is_read(files):
    folder = written(files)
    found = scenes.read_scenes(folder)
    assert [(s.name, s.label, s.sources) for s in found] == [
        ("0000-beep", "beep", ("beep.wav", "hum.wav")), ("0001-boop", "boop", ("boop.wav", "hum.wav"))]
    for scene in found:
        mixture = ew.load(folder / "mixtures" / f"{scene.name}.wav")
        torch.testing.assert_close(mixture.waveform, scene.clip.waveform, atol=4e-7, rtol=0)
        stored = np.load(folder / "masks" / f"{scene.name}.npz")
        assert (torch.from_numpy(stored["mask"]) == scene.evidence(StftDb(RATE))).float().mean() > 0.999
        assert stored["mask"].shape == (len(stored["frequencies_hz"]), len(stored["times_s"]))


def test_the_same_seed_writes_the_same_bytes(files):
    first, second = written(files), written(files, "again")
    for path in sorted(first.rglob("*.wav")):
        assert path.read_bytes() == (second / path.relative_to(first)).read_bytes()
    assert (first / "scenes.json").read_text() == (second / "scenes.json").read_text()


def test_scenes_are_written_once(files):
    folder = written(files)
    with pytest.raises(ParameterError, match="is not empty"):
        scenes.write_scenes(folder, [(files / "beep.wav", "beep")], [files / "hum.wav"])
    with pytest.raises(ParameterError, match="0 events"):
        scenes.write_scenes(files / "none", [], [files / "hum.wav"])


def test_a_stopped_writing_leaves_no_table(files):
    events = [(files / "beep.wav", "beep"), (files / "gone.wav", "gone")]
    with pytest.raises(AudioFileError, match=r"gone\.wav"):
        scenes.write_scenes(files / "part", events, [files / "hum.wav"], recipe=RECIPE)
    with pytest.raises(DataError, match="no such file"):
        scenes.read_scenes(files / "part")


@pytest.mark.parametrize("change", [lambda t: t.pop("recipe"), lambda t: t["scenes"][0].pop("label"),
                                    lambda t: t["scenes"][0].update(start_s="soon"),
                                    lambda t: t["recipe"].update(sample_rate_hz=4000)])
def test_damaged_tables_are_refused(files, change):
    folder = written(files)
    table = json.loads((folder / "scenes.json").read_text())
    change(table)
    (folder / "scenes.json").write_text(json.dumps(table))
    with pytest.raises(DataError, match="write"):
        scenes.read_scenes(folder)
