"""earwitness shows and plays what a sound model listens to."""

from typing import Any

import lazy_loader

from earwitness.core import moved

__version__ = "0.2.0"

_listed, __dir__, __all__ = lazy_loader.attach_stub(__name__, f"{__file__}i")
moved.install()


def __getattr__(name: str) -> Any:
    return _listed(name) if name in __all__ else moved.attribute(__name__, name)
