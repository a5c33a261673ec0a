"""earwitness shows and plays what a sound model listens to."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from earwitness import audio, frontends, masks, metrics, models, perturb, scores, studies, synthetic, targets
    from earwitness.audio import load
    from earwitness.errors import (
        AudioFileError,
        DataError,
        EarwitnessError,
        MissingExtraError,
        ParameterError,
        WeightsError,
    )
    from earwitness.listening import Heard, listen
    from earwitness.methods.explain import METHODS, explain
    from earwitness.models import AudioModel, load_model
    from earwitness.types import Attribution, Clip, Features

__version__ = "0.1.0"

__all__ = ["METHODS", "Attribution", "AudioFileError", "AudioModel", "Clip", "DataError", "EarwitnessError",
           "Features", "Heard", "MissingExtraError", "ParameterError", "WeightsError", "__version__", "audio",
           "explain", "frontends", "listen", "load", "load_model", "masks", "metrics", "models", "perturb", "scores",
           "studies", "synthetic", "targets"]

# Where the names above live. They are imported when they are first asked for, so that the command line answers at once.
_HOMES = {
    "audio": ("load",), "listening": ("Heard", "listen"), "methods": ("METHODS", "explain"),
    "models": ("AudioModel", "load_model"), "types": ("Attribution", "Clip", "Features"),
    "errors": ("AudioFileError", "DataError", "EarwitnessError", "MissingExtraError", "ParameterError", "WeightsError"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        found = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    elif name in __all__:
        found = importlib.import_module(f"{__name__}.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
