"""The published plan, and what a command line changes in it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from earwitness.studies.pak2025.plan import Pak2025Plan, make_plan, read_plan, select


def published_plan(
    *, path: Path | None = None, scenarios: Sequence[str] | None = None, methods: Sequence[str] | None = None,
    **changes: object,
) -> Pak2025Plan:
    """Return the plan of Pak & Teryokhina 2025, or another file's, with changes.

    Args:
        path: a plan of your own; None takes the published one.
        scenarios: names of those to keep.
        methods: names of those to keep.
        changes: entries that replace the file's; None changes nothing.

    Raises:
        ParameterError: not a plan, or a name that is not in it.

    >>> len(published_plan().masks), published_plan(methods=["lime"]).methods[0].settings
    (14, {'n_samples': 1000, 'sampling': 'independent'})
    """
    plan = read_plan(path or Path(str(files("earwitness.studies.pak2025") / "pak2025.yaml")), **changes)
    kept = {"scenarios": select(plan.scenarios, scenarios, "scenario"),
            "methods": select(plan.methods, methods, "method")}
    return make_plan(plan.model_dump() | {name: [entry.model_dump() for entry in some] for name, some in kept.items()})
