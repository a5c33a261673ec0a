"""Weights from disk or from where they were published: checked, never unpickled."""

from __future__ import annotations

import hashlib
import os
import pickle  # for the name of an error; nothing is unpickled
import warnings
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

import torch
from torch import Tensor, nn

from earwitness.core.errors import WeightsError

FRONT_END_PREFIXES = ("spectrogram_extractor.", "logmel_extractor.")
DOWNLOAD_TIMEOUT_S = 30


def cache_folder() -> Path:
    """Where downloads are kept: ``EARWITNESS_CACHE`` if set, else the user's cache folder."""
    import pooch

    return Path(os.environ.get("EARWITNESS_CACHE") or pooch.os_cache("earwitness"))


def check(path: Path, checksum: str) -> None:
    """Compare a file with its published checksum.

    Args:
        path: the file.
        checksum: ``sha256:HEX`` or ``md5:HEX``; fewer digits than the whole mean the start of it.

    Raises:
        WeightsError: it differs.
    """
    algorithm, _, expected = checksum.partition(":")
    try:
        with open(path, "rb") as file:
            got = hashlib.file_digest(file, algorithm).hexdigest()
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path}: cannot be checked against {checksum[:40]!r} ({error})") from error
    if not expected or not got.startswith(expected.lower()):
        raise WeightsError(
            f"{path}: {algorithm} is {got[: max(8, len(expected))]}; expected {expected}: "
            "the file is damaged or another one, delete it and fetch it again"
        )


def cached(url: str) -> Path:
    """Return where a published file is kept once it is downloaded.

    Raises:
        WeightsError: the address names no file.
    """
    name = Path(unquote(url.rpartition("/")[2].partition("?")[0])).name
    if name in ("", ".", ".."):
        raise WeightsError(f"{url}: names no file; expected the address of a weights file")
    return cache_folder() / name


def fetch(url: str, checksum: str) -> Path:
    """Download a published file into the cache, once, and check it.

    Args:
        url: where it was published.
        checksum: as for ``check``; a file that fails it is not kept.

    Returns:
        Path of the checked file.

    Raises:
        WeightsError: no network, or the checksum differs.
    """
    import pooch

    path = cached(url)
    folder, name = path.parent, path.name
    pooch.get_logger().setLevel("WARNING")
    if not path.exists():
        try:
            pooch.retrieve(url, known_hash=None, fname=name + ".part", path=folder,
                           downloader=pooch.HTTPDownloader(timeout=DOWNLOAD_TIMEOUT_S))
        except (OSError, ValueError) as error:
            raise WeightsError(
                f"{url}: cannot be downloaded ({type(error).__name__}); with no network, fetch it elsewhere and pass "
                f"it with --weights FILE, or put it at {path}"
            ) from error
        part = folder / (name + ".part")
        try:
            check(part, checksum)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    check(path, checksum)
    return path


def read_state_dict(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Read tensors by name from a ``.safetensors`` file or a PyTorch checkpoint.

    A checkpoint may hold the tensors under the key ``model`` or ``state_dict``. Nothing is unpickled:
    a checkpoint that holds anything but tensors and plain values is refused.

    Raises:
        WeightsError: missing, damaged, or not tensors by name.
    """
    path = Path(path)
    if not is_file(path):
        raise WeightsError(f"{path}: no such file; expected weights (.safetensors, .pth or .pt)")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(f"{path}: cannot be read safely as weights: it holds more than tensors and plain values, or "
                           "is damaged; save the state_dict with torch.save or safetensors") from error
    except Exception as error:  # the two readers raise a dozen kinds for damaged files
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise WeightsError(f"{path}: cannot be read safely as weights ({reason[:160]})") from error
    for key in ("model", "state_dict"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not all(isinstance(k, str) and _is_plain(v) for k, v in content.items()):
        raise WeightsError(f"{path}: holds {type(content).__name__}; expected tensors by parameter name")
    return content


def is_file(path: Path) -> bool:
    """Say whether a path is a file; names that cannot exist are not."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _is_plain(value: object) -> bool:
    return isinstance(value, Tensor) and value.layout == torch.strided and not value.is_quantized


def load_into(network: nn.Module, state: Mapping[str, Tensor], *, source: str) -> None:
    """Copy tensors into a network; every parameter must be there, with its shape.

    Entries of a front end (``spectrogram_extractor.*``, ``logmel_extractor.*``) are skipped.

    Args:
        network: changed in place; may be on the meta device; weights are cast to its dtype.
        state: name -> tensor.
        source: named in errors.

    Raises:
        WeightsError: parameters missing, left over or of another shape.
    """
    state = {name: tensor for name, tensor in state.items() if not name.startswith(FRONT_END_PREFIXES)}
    parameters = network.state_dict()
    state = {name: _like(tensor, parameters[name]) if name in parameters else tensor for name, tensor in state.items()}
    missing = [name for name in parameters if name not in state and not name.endswith("num_batches_tracked")]
    extra = [name for name in state if name not in parameters]
    wrong = [f"{name} is {tuple(state[name].shape)}, expected {tuple(parameters[name].shape)}"
             for name in parameters if name in state and state[name].shape != parameters[name].shape]
    problems = [f"{kind}: {', '.join(names[:3])}{' ...' if len(names) > 3 else ''}"
                for kind, names in (("missing", missing), ("left over", extra), ("other shape", wrong)) if names]
    if problems:
        raise WeightsError(f"{source}: does not fit {type(network).__name__} ({'; '.join(problems)})")
    broken = [name for name, tensor in state.items() if not bool(torch.isfinite(tensor).all())]
    if broken:
        raise WeightsError(f"{source}: {broken[0]} has NaN or infinite values; train or fetch it again")
    counters = {name: torch.zeros((), dtype=torch.long) for name in parameters if name not in state}
    network.load_state_dict(state | counters, assign=True)


def _like(tensor: Tensor, parameter: Tensor) -> Tensor:
    """Give a tensor the dtype and the memory format that the network chose for it."""
    tensor = tensor.to(parameter.dtype)
    channels_last = parameter.ndim == 4 and parameter.is_contiguous(memory_format=torch.channels_last)
    if channels_last and not parameter.is_contiguous():
        return tensor.contiguous(memory_format=torch.channels_last)
    return tensor
