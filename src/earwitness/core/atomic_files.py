"""Files appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from earwitness.core.errors import EarwitnessError


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, unless it is there.

    Raises:
        EarwitnessError: it cannot be made.
    """
    if folder.is_file():
        raise EarwitnessError(f"{folder}: is a file; expected a folder: choose another place with --out")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        raise EarwitnessError(f"{folder}: cannot be written ({error}); choose another place with --out") from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` that takes its place when the block succeeds.

    Args:
        path: the file to write; its folder must exist; an existing file is replaced.

    Yields:
        A path with the same suffix; it is deleted if the block raises.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
