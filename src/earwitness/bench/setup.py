"""How much work the benchmark does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Setup:
    """Counts of every row of the benchmark, and where it runs.

    Attributes:
        repeats: how often each contender runs; medians are reported.
        relax_masks: masks of the RELAX row.
        lime_samples: coalitions of the LIME row.
        published_rows: rows measured of the 70,000 that SoundLIME's published way evaluates.
        backgrounds: backgrounds of the DeepSHAP row.
        peer_backgrounds: backgrounds that the peers get, whose memory grows with them; their time is scaled.
        bare_passes: passes that the plain and the prepared network are timed on.
        plain_masks: masks of plain sampling at equal error.
        plain_samples: coalitions of plain sampling at equal error.
        reference_masks: masks of the reference that the error is measured to.
        reference_samples: coalitions of the reference that ranks are compared with.
        clips: recordings at equal error.
        sweep_clips: recordings of the rows of throughput.
        batches: batch sizes among which the floor takes the fastest.
        data: folder in ESC-50's layout with the recordings at equal error; None takes synthetic scenes.
        device: where the networks are.
    """

    repeats: int
    relax_masks: int
    lime_samples: int
    published_rows: int
    backgrounds: int
    peer_backgrounds: int
    bare_passes: int
    plain_masks: int
    plain_samples: int
    reference_masks: int
    reference_samples: int
    clips: int
    sweep_clips: int
    batches: tuple[int, ...] = (8, 16, 32)
    data: Path | None = None
    device: str = "cpu"


SIZES: dict[str, Setup] = {
    "quick": Setup(
        repeats=1, relax_masks=300, lime_samples=48, published_rows=500, backgrounds=4, peer_backgrounds=2,
        bare_passes=32, plain_masks=300, plain_samples=200, reference_masks=2000, reference_samples=1000,
        clips=1, sweep_clips=4),
    "default": Setup(
        repeats=3, relax_masks=500, lime_samples=128, published_rows=2000, backgrounds=16, peer_backgrounds=4,
        bare_passes=64, plain_masks=9000, plain_samples=1000, reference_masks=20000, reference_samples=10000,
        clips=2, sweep_clips=40),
    "full": Setup(
        repeats=3, relax_masks=3000, lime_samples=1000, published_rows=2000, backgrounds=100, peer_backgrounds=8,
        bare_passes=128, plain_masks=9000, plain_samples=1000, reference_masks=100_000, reference_samples=50_000,
        clips=10, sweep_clips=80),
}
