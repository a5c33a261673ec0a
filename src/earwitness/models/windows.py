"""The windows of a clip: heard one at a time, and joined again along time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from earwitness import audio
from earwitness.core.errors import ParameterError
from earwitness.core.types import Clip, Features
from earwitness.frontends import FrontEnd
from earwitness.models.overlap_add import OverlapAdd


@dataclass(frozen=True)
class WindowLayout:
    """How the windows of a clip lie along time.

    Where the frames of a window end before those of the next begin, the joined plane is one window after the other,
    columns and all (also VGGish's patches, whose samples overlap by 15 ms, but whose frames do not). Otherwise the
    frames overlap: the joined plane has one column per frame of time, and each is the mean of the windows that cover
    it, weighted by a triangle over each window. Frames of different windows that do not fall on the same instant are
    joined to the nearest, half a frame away at most.

    Attributes:
        n_windows: how many.
        window_samples: length of one.
        hop_samples: from the start of one to the start of the next.
        n_frames: columns of the features of one.
        frame_hop_samples: from column to column.
        sample_rate_hz: rate of all samples.
        offset_samples: time of a window's first column.
    """

    n_windows: int
    window_samples: int
    hop_samples: int
    n_frames: int
    frame_hop_samples: int
    sample_rate_hz: int
    offset_samples: float

    @property
    def overlaps(self) -> bool:
        """Whether frames of neighbouring windows overlap."""
        return self.n_windows > 1 and self.hop_samples < (self.n_frames - 1) * self.frame_hop_samples

    @property
    def length(self) -> int:
        """Columns of the joined plane."""
        return self.first_column(self.n_windows - 1) + self.n_frames

    @property
    def times_s(self) -> Tensor:
        """Centre of each column of the joined plane in seconds, (time,); never falling."""
        count = self.length if self.overlaps else self.n_frames
        columns = torch.arange(count, dtype=torch.float64) * self.frame_hop_samples + self.offset_samples
        if self.overlaps:
            return columns / self.sample_rate_hz
        starts = torch.arange(self.n_windows, dtype=torch.float64) * (self.hop_samples / self.sample_rate_hz)
        return (starts[:, None] + columns / self.sample_rate_hz).flatten()

    def start_s(self, k: int) -> float:
        """Return where window k begins, seconds."""
        return k * self.hop_samples / self.sample_rate_hz

    def first_column(self, k: int) -> int:
        """Return the column of the joined plane where window k begins."""
        return round(k * self.hop_samples / self.frame_hop_samples) if self.overlaps else k * self.n_frames

    def join(self, planes: Tensor) -> Tensor:
        """Join planes (windows, freq, frames) to one, (freq, time)."""
        overlap_add = OverlapAdd(crossfade=self.overlaps)
        finished = [overlap_add.add(plane, self.first_column(k)) for k, plane in enumerate(planes)]
        return torch.cat([*finished, overlap_add.flush()], 1)

    def split(self, plane: Tensor) -> Tensor:
        """Cut a joined plane (freq, time) into what each window sees of it, (windows, freq, frames).

        Raises:
            ParameterError: the plane has another length.
        """
        if plane.ndim != 2 or plane.shape[1] != self.length:
            raise ParameterError(f"plane has shape {tuple(plane.shape)}; expected (freq, {self.length}): "
                                 f"{self.n_windows} windows of {self.n_frames} columns, joined")
        return torch.stack([self.part(plane, k) for k in range(self.n_windows)])

    def part(self, plane: Tensor, k: int) -> Tensor:
        """Return what window k sees of a joined plane, (freq, frames)."""
        first = self.first_column(k)
        return plane[:, first : first + self.n_frames]


class WindowSource(Protocol):
    """What windows are cut by: an ``AudioModel``."""

    @property
    def front_end(self) -> FrontEnd:
        """Makes features of a window."""
        ...

    @property
    def sample_rate_hz(self) -> int:
        """Rate of the windows."""
        ...

    @property
    def normalise(self) -> audio.Level | None:
        """Level of each window before the front end."""
        ...

    def waveforms(self, clip: Clip) -> Tensor:
        """Return a clip cut into windows, (windows, time)."""
        ...

    def window_and_hop_samples(self, length_samples: int) -> tuple[int, int]:
        """Return window and hop for a clip of this length, in samples."""
        ...


class Windows:
    """The features of a clip's windows, made one at a time, so that memory holds one.

    Args:
        model: gives the front end and the windows.
        clip: the recording.
    """

    def __init__(self, model: WindowSource, clip: Clip) -> None:
        self.model = model
        self.pieces = model.waveforms(clip)
        self._last: tuple[int, Features] | None = None

    def __len__(self) -> int:
        return len(self.pieces)

    def __iter__(self) -> Iterator[Features]:
        """Go through the windows in order of time."""
        return (self[k] for k in range(len(self)))

    def __getitem__(self, k: int) -> Features:
        """Return the features of window k, a batch of one."""
        if not 0 <= k < len(self):
            raise IndexError(k)
        if self._last is None or self._last[0] != k:
            piece = audio.normalise(self.pieces[k : k + 1], self.model.normalise)
            self._last = k, self.model.front_end(piece)
        return self._last[1]

    @property
    def layout(self) -> WindowLayout:
        """How they lie along time."""
        window = self.pieces.shape[1]
        hop = window if len(self) == 1 else self.model.window_and_hop_samples(window)[1]
        stft = self.model.front_end.stft
        return WindowLayout(len(self), window, hop, self[0].values.shape[2], stft.hop_samples,
                            self.model.sample_rate_hz, 0.0 if stft.centred else stft.win_samples / 2)
