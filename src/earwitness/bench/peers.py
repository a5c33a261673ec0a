"""The packages people use today, imported when a row needs them."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from earwitness.core.errors import MissingExtraError, require

EXTRA = "peers"


def peer(module: str) -> ModuleType:
    """Import a peer quietly.

    Raises:
        MissingExtraError: it is not installed.
    """
    with quiet():
        return require(module, extra=EXTRA)


def relax_xai() -> ModuleType:
    """Import relax-xai without its helper for photographs, which needs torchvision.

    Raises:
        MissingExtraError: it is not installed.
    """
    spec = importlib.util.find_spec("relax_xai")
    if spec is None or spec.submodule_search_locations is None:
        raise MissingExtraError(f"relax_xai is not installed; install it with: pip install 'earwitness[{EXTRA}]'")
    package, helper = ModuleType("relax_xai"), ModuleType("relax_xai.utils")
    package.__path__ = list(spec.submodule_search_locations)
    helper.imagenet_image_transforms = None  # type: ignore[attr-defined]
    stand_ins = {package.__name__: package, helper.__name__: helper}
    before = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "relax_xai"}
    for name in before:
        del sys.modules[name]
    try:
        sys.modules.update(stand_ins)
        return importlib.import_module("relax_xai.relax")
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "relax_xai"]:
            del sys.modules[name]
        sys.modules.update(before)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the warnings of somebody else's code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
