"""Long runs of many tasks: identity checked, resumable after a kill, on one machine or on Ray."""

from typing import Any

from earwitness.core import moved


def __getattr__(name: str) -> Any:
    return moved.attribute(__name__, name)
