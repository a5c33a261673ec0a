"""The windows of a clip: heard one at a time, and joined again along time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from earwitness import audio
from earwitness.errors import ParameterError
from earwitness.types import Clip, Features

if TYPE_CHECKING:
    from earwitness.models.audio_model import AudioModel


@dataclass(frozen=True)
class Layout:
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
        joiner = Joiner(crossfade=self.overlaps)
        found = [joiner.add(plane, self.first_column(k)) for k, plane in enumerate(planes)]
        return torch.cat([*found, joiner.rest()], 1)

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


class Windows:
    """The features of a clip's windows, made one at a time, so that memory holds one.

    Args:
        model: gives the front end and the windows.
        clip: the recording.
    """

    def __init__(self, model: AudioModel, clip: Clip) -> None:
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
    def layout(self) -> Layout:
        """How they lie along time."""
        window = self.pieces.shape[1]
        hop = window if len(self) == 1 else self.model.window_and_hop_samples(window)[1]
        stft = self.model.front_end.stft
        return Layout(len(self), window, hop, self[0].values.shape[2], stft.hop_samples, self.model.sample_rate_hz,
                      0.0 if stft.centred else stft.win_samples / 2)


class Joiner:
    """Joins pieces that come in order of time; gives back what no later piece can change.

    Args:
        crossfade: where pieces overlap, take their mean, weighted by a triangle over each; otherwise each lasts until
            the next begins.
    """

    def __init__(self, *, crossfade: bool) -> None:
        self.crossfade = crossfade
        self.start = 0
        self.dtype = torch.float32
        self.total: Tensor | None = None
        self.weight = torch.zeros(0, dtype=torch.float64)

    def add(self, piece: Tensor, start: int) -> Tensor:
        """Add a piece (rows, n) that begins at column ``start``, no earlier than the one before it.

        Returns:
            The columns before ``start`` that had not been given back yet, (rows, m).
        """
        if self.total is None:
            self.total = piece[:, :0].double() if self.crossfade else piece[:, :0]
            self.weight, self.dtype = self.weight.to(piece.device), piece.dtype
        done = self._columns(start - self.start)
        self.total, self.weight = self.total[:, start - self.start :], self.weight[start - self.start :]
        self.start, n = start, piece.shape[1]
        if not self.crossfade:
            self.total = piece
            return done
        spare = max(0, n - self.total.shape[1])
        self.total = torch.nn.functional.pad(self.total, (0, spare))
        self.weight = torch.nn.functional.pad(self.weight, (0, spare))
        places = torch.arange(n, device=piece.device)
        triangle = torch.minimum(places + 1, n - places).double()
        self.total[:, :n] += triangle * piece
        self.weight[:n] += triangle
        return done

    def rest(self) -> Tensor:
        """Return what is left, (rows, m)."""
        if self.total is None:
            return torch.zeros(0, 0)
        return self._columns(self.total.shape[1])

    def _columns(self, count: int) -> Tensor:
        """The first columns; silence where pieces left a gap."""
        assert self.total is not None
        found = self.total[:, :count]
        if self.crossfade:
            found = found / self.weight[:count].clamp(min=1e-300)
        return audio.fit_length(found, count).to(self.dtype)
