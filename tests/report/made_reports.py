"""Reports of synthetic sounds, made without a model."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import torch

from earwitness import audio
from earwitness.core.types import Attribution, Clip
from earwitness.frontends import FrontEnd, MelDb, StftDb
from earwitness.listening import SplitSound
from earwitness.metrics import METRICS, Measures, measures_of
from earwitness.report.contents import Answer, FullLengthMap, Prediction, Refusal, Report, Section, WindowPrediction

STFT = StftDb(16000, 512, 256)
MEL = MelDb(16000, 512, 160, 64, 50, 8000)


def tone(frequency_hz: float, *, duration_s: float, sample_rate_hz: int = 16000) -> torch.Tensor:
    """A steady tone over faint noise, (time,)."""
    generator = torch.Generator().manual_seed(0)
    time_s = torch.arange(round(duration_s * sample_rate_hz)) / sample_rate_hz
    noise = torch.randn(time_s.shape, generator=generator)
    return 0.4 * torch.sin(2 * math.pi * frequency_hz * time_s) + 0.003 * noise


def chirps(duration_s: float, sample_rate_hz: int = 16000) -> torch.Tensor:
    """Three short rising calls over noise, (time,)."""
    generator = torch.Generator().manual_seed(1)
    t = torch.arange(round(duration_s * sample_rate_hz)) / sample_rate_hz
    calls = sum(
        torch.exp(-(((t - at) / 0.12) ** 2)) * torch.sin(2 * math.pi * (900 * t + 700 * (t - at) ** 2) * k) / k
        for at in (0.2 * duration_s, 0.5 * duration_s, 0.8 * duration_s) for k in (1, 2, 3)
    )
    return 0.3 * calls + 0.01 * torch.randn(t.shape, generator=generator)


def make_measures(mask: torch.Tensor | Measures | None = None, **changes: float) -> Measures:
    """Measures of a mask (freq, time), or others, with some numbers changed; every metric there is has one."""
    if not isinstance(mask, Measures):
        mask = torch.eye(4) if mask is None else mask
        said = torch.tensor([[0.93, 0.07], [0.815, 0.185], [0.218, 0.782]])
        (mask,) = measures_of(mask[None], said, 0)
    beside = {name: value for name, value in changes.items() if name not in METRICS}
    metrics = {**mask.metrics, **{name: value for name, value in changes.items() if name in METRICS}}
    return replace(mask, metrics=metrics, **beside)


def make_section(
    front_end: FrontEnd = MEL, *, waveform: torch.Tensor | None = None, start_s: float = 0.0,
    target: str | None = "dog",
    signed: bool = True, constant: bool = False, labels: tuple[str, ...] = ("dog", "rooster", "sea waves"),
) -> Section:
    """Explain the loud middle of the spectrum by hand: evidence is level above the median, against it below."""
    waveform = chirps(2.0) if waveform is None else waveform
    features = front_end(waveform[None])
    levels = features.values[0]
    smooth = torch.nn.functional.avg_pool2d(levels[None], 5, stride=1, padding=2, count_include_pad=False)[0]
    evidence = (smooth - smooth.quantile(0.7)) / smooth.std()
    evidence = evidence.sign() * (evidence.abs() - 0.5).clamp(min=0)
    evidence = evidence if signed else evidence.clamp(min=0)
    mask = torch.ones_like(levels) if constant else (evidence > 0.2).to(levels)
    kept = front_end.inverse(features, mask)[0]
    attribution = Attribution(
        evidence, target, "slime", {"components": "temporal"}, seed=7, frequencies_hz=front_end.frequencies_hz,
        times_s=front_end.times_s(levels.shape[1]),
    )
    measures = make_measures(mask)
    predictions = [Prediction(labels[0], 0.93, 0.815, 0.218)]
    predictions += [Prediction(name, 0.05 / k, 0.1 / k, 0.4 / k) for k, name in enumerate(labels[1:], 1)]
    return Section(
        start_s=start_s, duration_s=waveform.numel() / front_end.sample_rate_hz, spectrogram=levels,
        unit=front_end.unit, floor=front_end.silence, attribution=attribution, mask=mask,
        sounds=SplitSound(waveform, kept, waveform - kept, front_end.sample_rate_hz), measures=measures,
        predictions=predictions,
    )


def make_report(*sections: Section, clip_name: str = "yard.wav", **changes: object) -> Report:
    """One recording with these sections, or with one made by hand."""
    contents = {
        "clip_name": clip_name,
        "facts": {"length": "2.0 s", "sample rate": "16000 Hz", "model": "esc10-mel (10 classes)"},
        "sections": sections or (make_section(),),
        "timeline": (),
        "settings": {"method": "slime", "mask": "topK_30_pos", "front_end": {"type": "MelDb", "n_fft": 512}},
        "command": "earwitness explain yard.wav --model esc10-mel --method slime --mask topK_30_pos --seed 7",
    }
    return Report(**{**contents, **changes})


def make_long_report() -> Report:
    """Three sections of a recording of one minute, with a timeline of twelve windows."""
    starts = (5.0, 20.0, 45.0)
    sections = [make_section(start_s=start, waveform=chirps(1.5)) for start in starts]
    names = ("dog", "sea waves", "rooster", "dog", "dog", "rain")
    moments = [WindowPrediction(5.0 * k, names[k % 6], 0.3 + 0.05 * k) for k in range(12)]
    return make_report(*sections, clip_name="night.flac", timeline=moments)


def make_whole_report(folder: Path, *, duration_s: float = 20.0) -> Report:
    """A long recording with every window explained; its sounds lie in ``folder``."""
    waveform = chirps(duration_s)
    levels = MEL(waveform[None]).values[0][:, ::4]
    sounds = {name: audio.save(folder / f"{name}.flac", Clip(gain * waveform, 16000))
              for name, gain in (("original", 1.0), ("kept", 0.6), ("removed", 0.4))}
    tables = {"windows.csv": folder / "windows.csv"}
    tables["windows.csv"].write_text("start_s\n0\n")
    evidence = (levels - levels.median()) / levels.std()
    overview = FullLengthMap(levels, evidence, MEL.frequencies_hz, MEL.unit, MEL.silence, duration_s, 10, sounds,
                             tables)
    return replace(make_long_report(), overview=overview)


def make_compared_report(*, starts: tuple[float, ...] = (0.0,), methods: tuple[str, ...] = ("rise", "slime"),
                         **changes: object) -> Report:
    """Several methods side by side, the first of them with a weaker mask, and one that refused."""
    sections = []
    for start in starts:
        for k, method in enumerate(methods):
            section = make_section(start_s=start)
            attribution = replace(section.attribution, method=method, passes={"forward": 1000 + k, "backward": k})
            measures = make_measures(section.measures, FF=0.2 + 0.1 * k)
            sections.append(replace(section, attribution=attribution, measures=measures, seconds=0.5 + k))
    refusals = [Refusal("gradcam", start, "network Flat has no convolution") for start in starts]
    contents = {"methods": (*methods, "gradcam"), "refusals": refusals, **changes}
    return make_report(*sections, **contents)


def make_heard_section(*, p_kept_as_sound: float = 0.31, label: str = "dog", said: str = "rooster") -> Section:
    """A section whose kept part the model was also asked about as sound."""
    section = make_section(target=label, labels=(label, said, "sea waves"))
    measures = section.measures
    asked = (("original", "features", label, 0.93), ("original", "audio", label, 0.93),
             ("kept", "features", label, 0.815), ("kept", "audio", said, p_kept_as_sound),
             ("removed", "features", said, 0.218), ("removed", "audio", said, 0.18))
    answers = [Answer(part, domain, top, p if top == label else 0.6, label, p) for part, domain, top, p in asked]
    by_domain = {"features": measures, "audio": replace(measures, p_kept=p_kept_as_sound, p_removed=0.18)}
    return replace(section, answers=answers, by_domain=by_domain)


FRONT_ENDS = {"stft": STFT, "mel": MEL}
