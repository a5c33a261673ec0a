"""The checks of one explained clip, as a table for its report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from earwitness.checks.bound_method import BoundMethod
from earwitness.checks.verdict import check_explanation, rows
from earwitness.core.types import Attribution, Clip, Progress
from earwitness.models.audio_model import AudioModel
from earwitness.targets.resolved import resolve_target

TITLE = "Is it true? The explanation put to the test"


def check_clip(
    model: AudioModel, clip: Clip, attribution: Attribution, settings: Mapping[str, Any], *, like: Clip | None = None,
    progress: Progress = lambda done: None,
) -> list[tuple[str, str]]:
    """Check the explanation of a clip that the model hears at once.

    Args:
        model: the model that was explained.
        clip: no longer than the model's window.
        attribution: its explanation, as ``explain`` gave it.
        settings: of the method, as they were given to ``explain``.
        like: the other recording, where the similarity to one is explained.
        progress: called with the share done.

    Returns:
        Rows of (name, value), the verdict first.
    """
    score, target = attribution.settings["score"], attribution.target if like is None else like
    resolved = resolve_target(model, model.windows(clip), target, score, attribution.settings.get("at_s"))
    method_settings = {name: value for name, value in settings.items() if name != "score"}
    bound = BoundMethod(attribution.method, resolved, attribution.seed, method_settings)
    return rows(check_explanation(model, model.features(clip)[:1], attribution, bound, progress=progress))
