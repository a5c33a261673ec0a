"""Scenes with known evidence: an event at a known time and band, in a background at a known level.

Layout of a folder of scenes:

    scenes.json             settings, seed, and one entry per scene: name, label, sources, times, band, level
    mixtures/NAME.wav       what a model hears, 24 bit
    events/NAME.wav         the event alone; event + background is the mixture but for the last bit
    backgrounds/NAME.wav    the background alone
    masks/NAME.npz          ideal binary mask (freq, time) on StftDb(sample_rate_hz), frequencies_hz, times_s
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from torch import Tensor

from earwitness import audio
from earwitness.core import moved
from earwitness.core.atomic_files import make_folder, replacing
from earwitness.core.errors import DataError, ParameterError
from earwitness.core.types import Clip
from earwitness.frontends import FrontEnd, StftDb, ideal_binary_mask

TABLE = "scenes.json"
PARTS = ("mixtures", "events", "backgrounds", "masks")
FADE_S = 0.01
LabelledSource = tuple[Path, str]


@dataclass(frozen=True)
class Recipe:
    """How scenes are made.

    Attributes:
        duration_s: length of a scene, seconds.
        event_s: length of the event: the loudest stretch of this length of its clip, seconds.
        snr_db: event power over background power while the event sounds, dB.
        band_hz: lower and upper limit of the event's band; None leaves the event as it is.
        sample_rate_hz: of everything written.
        seed: of the choice of clips and times.
    """

    duration_s: float = 5.0
    event_s: float = 1.5
    snr_db: float = 10.0
    band_hz: tuple[float, float] | None = None
    sample_rate_hz: int = 32000
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < 2 * FADE_S < self.event_s <= self.duration_s:
            raise ParameterError(f"event_s={self.event_s}, duration_s={self.duration_s}; expected an event longer than "
                                 f"{2 * FADE_S} s and no longer than the scene")
        if self.band_hz is not None and not 0 <= self.band_hz[0] < self.band_hz[1] <= self.sample_rate_hz / 2:
            raise ParameterError(f"band_hz is {self.band_hz}; expected two frequencies up to half of "
                                 f"{self.sample_rate_hz} Hz")


@dataclass(frozen=True, eq=False)
class BuiltScene:
    """An event in a background.

    Attributes:
        name: name of its files.
        label: class of the event.
        event: the event alone, (time,).
        background: the rest, (time,).
        sample_rate_hz: of both.
        start_s: where the event begins, seconds.
        end_s: where it ends.
        snr_db: event power over background power while the event sounds, dB.
        band_hz: the event's band, or None.
        sources: names of the event's and the background's clip.
    """

    name: str
    label: str
    event: Tensor
    background: Tensor
    sample_rate_hz: int
    start_s: float
    end_s: float
    snr_db: float
    band_hz: tuple[float, float] | None
    sources: tuple[str, str]

    @property
    def clip(self) -> Clip:
        """The mixture: event + background."""
        return Clip(self.event + self.background, self.sample_rate_hz, self.name)

    def evidence(self, front_end: FrontEnd) -> Tensor:
        """Return where the event is louder than the background, booleans (freq, time) on a front end's plane."""
        return ideal_binary_mask(self.event, self.background, self.sample_rate_hz, front_end)


def build_scene(
    event: Clip, background: Clip, label: str, recipe: Recipe, *, generator: torch.Generator
) -> BuiltScene:
    """Put the loudest stretch of one clip at a random time into another clip.

    Args:
        event: holds the sound of interest.
        background: looped or cut to the length of the scene.
        label: class of the event.
        recipe: lengths, level and band.
        generator: source of the time.

    Returns:
        The scene, named after the event's clip; its mixture has peak 1.

    Raises:
        ParameterError: event or background is silent where the event sounds.
    """
    rate = recipe.sample_rate_hz
    length, count = round(recipe.duration_s * rate), round(recipe.event_s * rate)
    sound = _banded(audio.resample(event, rate).waveform.double(), rate, recipe.band_hz)
    sound = _faded(_loudest(audio.fit_length(sound, max(count, len(sound))), count), rate)
    under = audio.resample(background, rate).waveform.double()
    under = under.repeat(-(-length // len(under)))[:length]
    first = int(torch.randint(length - count + 1, (1,), generator=generator))
    powers = {f"event {event.name}": sound.square().mean(),
              f"background {background.name}": under[first : first + count].square().mean()}
    for name, power in powers.items():
        if not float(power) > 1e-12:
            raise ParameterError(f"{name} is silent; expected sound, or no signal-to-noise ratio exists")
    event_power, background_power = powers.values()
    placed = torch.zeros(length, dtype=torch.float64)
    placed[first : first + count] = sound
    under = under * (event_power / background_power / 10 ** (recipe.snr_db / 10)).sqrt()
    peak = (placed + under).abs().max()
    return BuiltScene(Path(event.name).stem, label, (placed / peak).float(), (under / peak).float(), rate, first / rate,
                      (first + count) / rate, recipe.snr_db, recipe.band_hz, (event.name, background.name))


def write_scenes(
    folder: Path, events: Sequence[LabelledSource], backgrounds: Sequence[Path], *, recipe: Recipe | None = None
) -> None:
    """Build one scene per event and write them in the documented layout; the table is written last.

    Args:
        folder: new, or empty.
        events: (sound file, label) of each event.
        backgrounds: sound files, of which each scene takes one at random.
        recipe: lengths, level, band, seed.

    Raises:
        ParameterError: nothing to build, or the folder is not empty.
        AudioFileError: a file cannot be read.
    """
    recipe = recipe or Recipe()
    if not events or not backgrounds:
        raise ParameterError(f"{len(events)} events, {len(backgrounds)} backgrounds; expected at least one of each")
    if folder.is_dir() and any(folder.iterdir()):
        raise ParameterError(f"{folder}: is not empty; scenes are written once: choose a new folder")
    for part in PARTS:
        make_folder(folder / part)
    generator = torch.Generator().manual_seed(recipe.seed)
    entries = []
    for k, (path, label) in enumerate(events):
        under = backgrounds[int(torch.randint(len(backgrounds), (1,), generator=generator))]
        scene = build_scene(audio.load(path), audio.load(under), label, recipe, generator=generator)
        name = f"{k:04d}-{scene.name}"
        _write_scene(folder, name, scene)
        entries.append({"name": name, "label": label, "event": scene.sources[0], "background": scene.sources[1],
                        "start_s": scene.start_s, "end_s": scene.end_s, "snr_db": scene.snr_db,
                        "band_hz": scene.band_hz})
    with replacing(folder / TABLE) as temporary:
        temporary.write_text(json.dumps({"recipe": asdict(recipe), "scenes": entries}, indent=1) + "\n", "utf-8")


def read_scenes(folder: str | Path) -> list[BuiltScene]:
    """Read the scenes that ``write_scenes`` wrote.

    Raises:
        DataError: no table, a damaged one, or a file that does not fit it.
    """
    folder = Path(folder)
    try:
        table = json.loads((folder / TABLE).read_text("utf-8"))
        rate = int(table["recipe"]["sample_rate_hz"])
        scenes = []
        for entry in table["scenes"]:
            event, background = (audio.load(folder / part / f"{entry['name']}.wav") for part in PARTS[1:3])
            if not event.sample_rate_hz == background.sample_rate_hz == rate:
                raise DataError(f"{folder}: {entry['name']} is not at {rate} Hz as the table says; write them again")
            band = entry["band_hz"]
            scenes.append(BuiltScene(
                entry["name"], entry["label"], event.waveform, background.waveform, rate, float(entry["start_s"]),
                float(entry["end_s"]), float(entry["snr_db"]), None if band is None else (band[0], band[1]),
                (entry["event"], entry["background"])))
    except FileNotFoundError as error:
        raise DataError(f"{folder / TABLE}: no such file; expected a folder of scenes as written here") from error
    except (ValueError, KeyError, TypeError, IndexError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{folder / TABLE}: not a table of scenes ({error!r}); write the scenes again") from error
    return scenes


def _write_scene(folder: Path, name: str, scene: BuiltScene) -> None:
    for part, sound in zip(PARTS, (scene.clip.waveform, scene.event, scene.background), strict=False):
        with replacing(folder / part / f"{name}.wav") as temporary:
            soundfile.write(temporary, sound.numpy(), scene.sample_rate_hz, subtype="PCM_24")
    plane = StftDb(scene.sample_rate_hz)
    mask = scene.evidence(plane)
    with replacing(folder / PARTS[3] / f"{name}.npz") as temporary:
        np.savez_compressed(temporary, mask=mask.numpy(), frequencies_hz=plane.frequencies_hz.numpy(),
                            times_s=plane.times_s(mask.shape[1]).numpy())


def _banded(sound: Tensor, rate: int, band_hz: tuple[float, float] | None) -> Tensor:
    """Keep the Fourier bins of a band only."""
    if band_hz is None:
        return sound
    spectrum = torch.fft.rfft(sound)
    hz = torch.fft.rfftfreq(len(sound), 1 / rate)
    banded: Tensor = torch.fft.irfft(spectrum * ((hz >= band_hz[0]) & (hz <= band_hz[1])), n=len(sound))
    return banded


def _loudest(sound: Tensor, count: int) -> Tensor:
    """The stretch of ``count`` samples with the most power."""
    sums = torch.cat([torch.zeros(1, dtype=sound.dtype), sound.square().cumsum(0)])
    first = int((sums[count:] - sums[:-count]).argmax())
    return sound[first : first + count]


def _faded(sound: Tensor, rate: int) -> Tensor:
    ramp = torch.linspace(0, 1, round(FADE_S * rate), dtype=sound.dtype)
    shape = torch.ones_like(sound)
    shape[: len(ramp)], shape[-len(ramp) :] = ramp, ramp.flip(0)
    return sound * shape


def __getattr__(name: str) -> Any:
    return moved.attribute(__name__, name)
