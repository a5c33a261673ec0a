"""Plug-ins: modules that add methods, fills, masks, metrics ..., known to every command and worker.

A registry is a dictionary of one process. A module that fills it is therefore imported wherever work is done: by the
command line, which ``load`` serves, and by every worker process and Ray actor, which get the names in ``loaded``.
"""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from collections.abc import Callable, Iterable
from importlib import metadata

from earwitness.core.errors import ParameterError

GROUP = "earwitness.plugins"  # of entry points: a package names its module there
VARIABLE = "EARWITNESS_PLUGINS"  # names of modules with commas between them
_imported: dict[str, None] = {}  # by name, in this order
_installed: set[str] = set()  # entry points that were tried, each once


def load(names: Iterable[str] = (), *, complain: Callable[[str], None] | None = None) -> None:
    """Import plug-ins, each once: those of installed packages, of ``EARWITNESS_PLUGINS``, and those that are named.

    Args:
        names: modules, which may also lie in the working folder.
        complain: told in one sentence about each installed plug-in that is broken, which stops nothing; None warns.

    Raises:
        ParameterError: a named module cannot be imported.
    """
    for entry in metadata.entry_points(group=GROUP):
        if entry.value not in _installed:
            _installed.add(entry.value)
            try:
                _import(entry.value.partition(":")[0])
            except ParameterError as error:
                (complain or _warn)(f"{error}: correct or uninstall {entry.dist.name if entry.dist else entry.name}")
    given = [name.strip() for name in os.environ.get(VARIABLE, "").split(",")]
    for name in (*filter(None, given), *names):
        if name not in _imported:
            _import_from_here(name)
            _imported[name] = None


def loaded() -> tuple[str, ...]:
    """Return the modules that were named, for ``load`` in another process."""
    return tuple(_imported)


def _import_from_here(name: str) -> None:
    if not all(part.isidentifier() for part in name.split(".")):
        raise ParameterError(f"plugin is {name[:80]!r}; expected the name of a module, such as 'mine' for mine.py")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # last, so that no file here hides a package
    _import(name)


def _import(name: str) -> None:
    try:
        importlib.import_module(name)
    except (Exception, SystemExit) as error:
        reason = " ".join(str(error).split())[:200]
        raise ParameterError(f"plugin {name!r} cannot be imported ({type(error).__name__}: {reason})") from error


def _warn(sentence: str) -> None:
    warnings.warn(sentence, UserWarning, stacklevel=3)
