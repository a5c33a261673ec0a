"""The errors earwitness raises: name, got, expected, next step."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from types import ModuleType


class EarwitnessError(Exception):
    """Base of every error this package raises on purpose."""


class ParameterError(EarwitnessError, ValueError):
    """An argument has a value, shape or type that cannot work."""


class AudioFileError(EarwitnessError, OSError):
    """A sound file cannot be read or written."""


class WeightsError(EarwitnessError, OSError):
    """Model weights are missing, damaged or do not fit the network."""


class DataError(EarwitnessError, ValueError):
    """A data set on disk does not have the layout its reader documents."""


class MissingExtraError(EarwitnessError, ImportError):
    """An optional package is not installed."""


def require(module: str, *, extra: str) -> ModuleType:
    """Import an optional package, or say how to install it.

    Args:
        module: dotted module name.
        extra: the optional dependency group of earwitness that brings it.

    Returns:
        The imported module.

    Raises:
        MissingExtraError: the package is not installed.

    >>> require("json", extra="plot").__name__
    'json'
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        message = f"{module} is not installed; install it with: pip install 'earwitness[{extra}]'"
        raise MissingExtraError(message) from error


def unknown_name(kind: str, got: object, registered: Iterable[str]) -> ParameterError:
    """Build the error for a name that is not in a registry, with the closest known one.

    >>> str(unknown_name("method", "salincy", ["gradcam", "saliency"]))
    "unknown method 'salincy'; did you mean 'saliency'? known: gradcam, saliency"
    """
    names, shown = sorted(registered), repr(got) if len(repr(got)) <= 80 else f"{repr(got)[:80]}..."
    close = difflib.get_close_matches(str(got)[:80], names, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return ParameterError(f"unknown {kind} {shown}; {hint}known: {', '.join(names[:60])}"
                          f"{' ...' if len(names) > 60 else ''}")
