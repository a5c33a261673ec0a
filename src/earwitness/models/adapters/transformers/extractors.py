"""The feature extractors of Hugging Face transformers, differentiable.

Each module takes waveforms (batch, time) at its rate and returns the keyword arguments of the model. It pads and cuts
as the extractor does with one clip alone. Logarithms of faint bands need more digits than single precision has, so that
the spectra are worked out in double precision, except where the extractor itself uses single precision.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor, nn

from earwitness.core.errors import ParameterError, require
from earwitness.frontends.front_end import power
from earwitness.frontends.stft import Stft

AST_FRAME, AST_HOP, AST_FFT = 400, 160, 512


class RawWaveform(nn.Module):
    """What Wav2Vec2FeatureExtractor does: zero mean and unit variance, where it is asked to.

    Attributes:
        sample_rate_hz: rate of the waveforms.
        window_samples: None; any length is heard.
    """

    window_samples: int | None = None

    def __init__(self, extractor: Any) -> None:
        super().__init__()
        self.sample_rate_hz = int(extractor.sampling_rate)
        self.do_normalize = bool(extractor.do_normalize)

    def forward(self, waveform: Tensor) -> dict[str, Tensor]:
        """Return ``input_values``, (batch, time)."""
        if not self.do_normalize:
            return {"input_values": waveform}
        precise = waveform.double()
        centred = precise - precise.mean(-1, keepdim=True)
        spread = (precise.var(-1, correction=0, keepdim=True) + 1e-7).sqrt()
        return {"input_values": (centred / spread).to(waveform.dtype)}


class AstFilterBank(nn.Module):
    """What ASTFeatureExtractor does without torchaudio: Kaldi's log mel filter bank on a fixed number of frames.

    25 ms frames every 10 ms without their mean, pre-emphasised by 0.97, under a symmetric Hann window. Missing frames
    are zero before the normalisation, which is not the value of silence.

    Attributes:
        sample_rate_hz: rate of the waveforms.
        window_samples: samples under ``max_length`` frames; what lies behind is cut off.
        row_hz: centre of each mel band in Hz, (bands,).
    """

    filters: Tensor
    window: Tensor

    def __init__(self, extractor: Any) -> None:
        super().__init__()
        utils = require("transformers.audio_utils", extra="hf")
        self.sample_rate_hz = int(extractor.sampling_rate)
        self.max_length = int(extractor.max_length)
        self.window_samples = AST_FRAME + (self.max_length - 1) * AST_HOP
        self.shift = float(extractor.mean) if extractor.do_normalize else 0.0
        self.scale = 2 * float(extractor.std) if extractor.do_normalize else 1.0
        n_mels, nyquist = int(extractor.num_mel_bins), self.sample_rate_hz // 2
        with warnings.catch_warnings():  # the published 128 bands are narrower than a Fourier bin at the low end
            warnings.filterwarnings("ignore", "At least one mel filter has all zero values")
            filters = utils.mel_filter_bank(
                num_frequency_bins=AST_FFT // 2 + 1, num_mel_filters=n_mels, min_frequency=20, max_frequency=nyquist,
                sampling_rate=self.sample_rate_hz, mel_scale="kaldi", triangularize_in_mel_space=True,
            )
        self.register_buffer("filters", torch.from_numpy(filters).T.contiguous(), persistent=False)
        self.register_buffer("window", torch.hann_window(AST_FRAME, periodic=False, dtype=torch.float64),
                             persistent=False)
        self.row_hz = mel_centres(n_mels, 20.0, float(nyquist), "kaldi")

    def forward(self, waveform: Tensor) -> dict[str, Tensor]:
        """Return ``input_values``, (batch, max_length, bands)."""
        missing = max(0, AST_FRAME - waveform.shape[-1])
        sound = nn.functional.pad(waveform[..., : self.window_samples].double(), (0, missing))
        frames = sound.unfold(-1, AST_FRAME, AST_HOP)
        frames = frames - frames.mean(-1, keepdim=True)
        before = torch.cat([frames[..., :1], frames[..., :-1]], -1)
        spectrum = torch.fft.rfft((frames - 0.97 * before) * self.window, n=AST_FFT)
        bands = power(spectrum) @ self.filters.double().T
        logs = bands.clamp(min=torch.finfo(torch.float32).eps).log()
        padded = nn.functional.pad(logs, (0, 0, 0, self.max_length - logs.shape[1]))
        return {"input_values": ((padded - self.shift) / self.scale).to(waveform.dtype)}


class WhisperLogMel(nn.Module):
    """What WhisperFeatureExtractor does: log10 mel of a padded window, at most 8 below its largest value.

    Attributes:
        sample_rate_hz: rate of the waveforms.
        window_samples: samples of the window (30 s); silence fills it, what lies behind is cut off.
    """

    filters: Tensor

    def __init__(self, extractor: Any) -> None:
        super().__init__()
        if getattr(extractor, "dither", 0.0):
            raise ParameterError(f"feature_extractor.dither is {extractor.dither}; expected 0: noise of its own would "
                                 "make every explanation another one")
        self.sample_rate_hz = int(extractor.sampling_rate)
        self.window_samples = int(extractor.n_samples)
        self.stft = Stft(extractor.n_fft, extractor.hop_length, extractor.n_fft)
        filters = torch.from_numpy(extractor.mel_filters).T.contiguous()
        self.register_buffer("filters", filters, persistent=False)

    def forward(self, waveform: Tensor) -> dict[str, Tensor]:
        """Return ``input_features``, (batch, bands, frames)."""
        sound = _filled(waveform[..., : self.window_samples], self.window_samples)
        bands = self.filters.to(waveform) @ power(self.stft.transform(sound)[..., :-1])
        logs = bands.clamp(min=1e-10).log10()
        logs = torch.maximum(logs, logs.amax((1, 2), keepdim=True) - 8.0)
        return {"input_features": (logs + 4.0) / 4.0}


class ClapLogMel(nn.Module):
    """What ClapFeatureExtractor does with clips up to its window: repeat, pad, mel decibels.

    Longer clips are refused, because the extractor would cut them at random places. With fusion, its four spectrograms
    are the same, and a clip alone counts as a long one.

    Attributes:
        sample_rate_hz: rate of the waveforms.
        window_samples: samples of the window (10 s).
        row_hz: centre of each mel band in Hz, (bands,).
    """

    filters: Tensor

    def __init__(self, extractor: Any) -> None:
        super().__init__()
        self.sample_rate_hz = int(extractor.sampling_rate)
        self.window_samples = int(extractor.nb_max_samples)
        self.padding = str(extractor.padding)
        self.fusion = extractor.truncation == "fusion"
        self.stft = Stft(extractor.fft_window_size, extractor.hop_length, extractor.fft_window_size)
        filters = extractor.mel_filters if self.fusion else extractor.mel_filters_slaney
        self.register_buffer("filters", torch.from_numpy(filters).T.contiguous(), persistent=False)
        self.row_hz = mel_centres(int(extractor.feature_size), float(extractor.frequency_min),
                                  float(extractor.frequency_max), "htk" if self.fusion else "slaney")

    def forward(self, waveform: Tensor) -> dict[str, Tensor]:
        """Return ``input_features``, (batch, 1 or 4, frames, bands), and ``is_longer``, (batch, 1)."""
        length = waveform.shape[-1]
        if length > self.window_samples:
            raise ParameterError(f"waveform has {length} samples; expected up to {self.window_samples}: this extractor "
                                 "cuts longer clips at random places, so hear them window by window")
        times = self.window_samples // length
        if self.padding == "repeatpad":
            waveform = waveform.repeat(1, times)
        elif self.padding == "repeat" and length < self.window_samples:
            waveform = waveform.repeat(1, times + 1)[..., : self.window_samples]
        spectrum = self.stft.transform(_filled(waveform, self.window_samples).double())
        bands = power(spectrum).transpose(1, 2) @ self.filters.double().T
        decibels = (10.0 * bands.clamp(min=1e-10).log10()).to(waveform.dtype)[:, None]
        longer = torch.full((len(waveform), 1), self.fusion, dtype=torch.bool, device=waveform.device)
        return {"input_features": decibels.expand(-1, 4 if self.fusion else 1, -1, -1), "is_longer": longer}


Extractor = RawWaveform | AstFilterBank | WhisperLogMel | ClapLogMel
EXTRACTORS: dict[str, type[Extractor]] = {
    "Wav2Vec2FeatureExtractor": RawWaveform, "ASTFeatureExtractor": AstFilterBank,
    "WhisperFeatureExtractor": WhisperLogMel, "ClapFeatureExtractor": ClapLogMel,
}


def differentiable(extractor: Any) -> Extractor:
    """Return the differentiable twin of a transformers feature extractor, or of the one inside a processor.

    Raises:
        ParameterError: an extractor that has no twin.
    """
    extractor = getattr(extractor, "feature_extractor", extractor)
    for kind in type(extractor).__mro__:
        if kind.__name__ in EXTRACTORS:
            return EXTRACTORS[kind.__name__](extractor)
    raise ParameterError(f"feature_extractor is a {type(extractor).__name__}; expected one of {', '.join(EXTRACTORS)}")


def mel_centres(n_mels: int, low_hz: float, high_hz: float, scale: str) -> Tensor:
    """Return centre frequencies of mel bands in Hz, (n_mels,), on one of the scales of transformers."""
    utils = require("transformers.audio_utils", extra="hf")
    low, high = utils.hertz_to_mel(low_hz, mel_scale=scale), utils.hertz_to_mel(high_hz, mel_scale=scale)
    mels = torch.linspace(low, high, n_mels + 2, dtype=torch.float64)[1:-1]
    return torch.from_numpy(utils.mel_to_hertz(mels.numpy(), mel_scale=scale))


def _filled(waveform: Tensor, length: int) -> Tensor:
    return nn.functional.pad(waveform, (0, length - waveform.shape[-1]))
