"""What an encoder makes of recordings: one embedding per window, or one per recording."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from earwitness import audio
from earwitness.core.atomic_files import make_folder, replacing
from earwitness.core.errors import ParameterError
from earwitness.core.types import Clip
from earwitness.models.audio_model import AudioModel
from earwitness.models.eval_mode import eval_mode

if TYPE_CHECKING:
    import pandas as pd

BATCH = 64


def embed_windows(model: AudioModel, clip: Clip) -> tuple[Tensor, Tensor]:
    """Return the embedding of every window of a clip, and which share of the window is sound, not padding.

    Returns:
        (embeddings (windows, dim), shares (windows,) in 0..1).

    Raises:
        ParameterError: the network has no ``embed``.
    """
    with eval_mode(model.network), torch.no_grad():
        features = model.features(clip)
        parts = [model.embed(features[first : first + BATCH]) for first in range(0, len(features), BATCH)]
    embeddings = torch.cat(parts).float().cpu()
    length = audio.resample(clip, model.sample_rate_hz).waveform.numel()
    window, hop = model.window_and_hop_samples(length)
    left = length - hop * torch.arange(len(embeddings))
    return embeddings, (left / window).clamp(0, 1)


def embed_clip(model: AudioModel, clip: Clip) -> Tensor:
    """Return one embedding for a clip, (dim,): the mean over its windows, each weighing as much as it holds sound."""
    embeddings, shares = embed_windows(model, clip)
    return (shares @ embeddings) / shares.sum()


def embed_files(
    model: AudioModel, paths: Sequence[Path], *, pooled: bool = True,
    progress: Callable[[int, int], None] = lambda done, n: None,
) -> pd.DataFrame:
    """Return a table of embeddings.

    Args:
        model: a model with embeddings.
        paths: sound files.
        pooled: one row per file (True) or one per window.
        progress: called with the number of files done and of all.

    Returns:
        Columns file, start_s, duration_s, sound (share that is no padding) and e0, e1, ...; one row per file or
        window.

    Raises:
        ParameterError: no files, or the network has no ``embed``.
        AudioFileError: a file cannot be read.
    """
    import pandas as pd

    if not paths:
        raise ParameterError("no files to embed; expected at least one")
    rows, vectors = [], []
    for done, path in enumerate(paths, 1):
        clip = audio.load(path)
        embeddings, shares = embed_windows(model, clip)
        if pooled:
            rows.append((str(path), 0.0, clip.duration_s, float(shares.sum() / len(shares))))
            vectors.append(((shares @ embeddings) / shares.sum())[None])
        else:
            window, hop = model.window_and_hop_samples(round(clip.duration_s * model.sample_rate_hz))
            rows += [(str(path), k * hop / model.sample_rate_hz, window / model.sample_rate_hz, float(share))
                     for k, share in enumerate(shares)]
            vectors.append(embeddings)
        progress(done, len(paths))
    stacked = torch.cat(vectors)
    columns = pd.DataFrame(stacked.numpy(), columns=[f"e{k}" for k in range(stacked.shape[1])])
    return pd.concat([pd.DataFrame(rows, columns=["file", "start_s", "duration_s", "sound"]), columns], axis=1)


def check_parquet(path: Path) -> None:
    """Refuse a name that does not say Parquet, before anything long is computed.

    Raises:
        ParameterError: another suffix than .parquet.
    """
    if path.suffix != ".parquet" or path.is_dir():
        raise ParameterError(f"{path}: expected the name of a file that ends in .parquet")


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as Parquet, whole or not at all; see ``check_parquet``."""
    check_parquet(path)
    make_folder(path.parent)
    with replacing(path) as temporary:
        table.to_parquet(temporary, index=False)
