"""What a sweep is asked to do: a plan, written by hand as YAML and checked before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from earwitness import masks
from earwitness.core.errors import ParameterError, unknown_name
from earwitness.methods import spec
from earwitness.metrics import METRICS
from earwitness.studies.pak2025 import best

Name = Annotated[str, Field(pattern=r"^[\w.+-]{1,60}$")]
Folds = Annotated[tuple[int, ...], Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Scenario(_Strict):
    """What the model hears of a clip.

    Attributes:
        name: what the tables call it.
        noise: None for the clip alone, "white" for noise drawn from the seed, or the name of a file in the folder
            of noises; ``*`` and ``?`` stand for any characters, and one file must match.
        snr_db: clip over noise, dB. None mixes as published: both at RMS 1, 0.6 of the clip and 0.4 of the noise.
        front_ends: only models that hear through these ("mel", "stft"); None means all.
    """

    name: Name
    noise: str | None = None
    snr_db: Annotated[float, Field(ge=-60, le=60)] | None = None
    front_ends: tuple[str, ...] | None = None


class MethodEntry(_Strict):
    """One way to explain.

    Attributes:
        name: what the tables call it.
        method: name in ``earwitness.METHODS``; None means ``name``.
        settings: of the method; ``score`` may be among them.
        backgrounds: give the method the plan's backgrounds.
    """

    name: Name
    method: str | None = None
    settings: dict[str, Any] = Field(default_factory=dict)
    backgrounds: bool = False

    @property
    def function(self) -> str:
        """Name in ``earwitness.METHODS``."""
        return self.method or self.name


class Backgrounds(_Strict):
    """Clips that Shapley values compare with: the first ones of every class.

    Attributes:
        folds: where they are taken from.
        count: how many in all; every class gives an equal share, rounded down, at least one.
    """

    folds: Folds
    count: Annotated[int, Field(ge=1, le=10_000)]


class Pak2025Plan(_Strict):
    """Clips × scenarios × methods × masks × metrics.

    Attributes:
        models: names or folders for ``earwitness.load_model``.
        folds: the folds that the data set must have, no more and no fewer.
        test_folds: whose clips are explained.
        backgrounds: for methods that ask for them.
        clip_s: every clip is cut or padded with silence to this, seconds.
        scenarios: what the models hear.
        methods: how they are explained.
        masks: names of ``earwitness.masks.MASKS``; the fourteen published ones if not given.
        metrics: names of ``earwitness.metrics.METRICS``, which are kept; those of audio quality are computed only if
            named.
        seed: of everything random; each clip, scenario and method gets its own.
        shard_size: clips that are finished together; a killed run repeats at most one shard per worker.
        limit: explain only the first clips of the test folds.
        attributions: keep the explanations too, compressed.
    """

    models: Annotated[tuple[str, ...], Field(min_length=1)]
    folds: Folds = (1, 2, 3, 4, 5)
    test_folds: Folds = (5,)
    backgrounds: Backgrounds | None = None
    clip_s: Annotated[float, Field(gt=0, le=600)] = 5.0
    scenarios: Annotated[tuple[Scenario, ...], Field(min_length=1)]
    methods: Annotated[tuple[MethodEntry, ...], Field(min_length=1)]
    masks: Annotated[tuple[str, ...], Field(min_length=1)] = masks.PRESETS
    metrics: Annotated[tuple[str, ...], Field(min_length=1)] = best.METRICS
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    shard_size: Annotated[int, Field(ge=1, le=10_000)] = 4
    limit: Annotated[int, Field(ge=1)] | None = None
    attributions: bool = False

    @model_validator(mode="after")
    def _check(self) -> Pak2025Plan:
        for what in ("models", "scenarios", "methods", "masks", "metrics"):
            names = [getattr(entry, "name", entry) for entry in getattr(self, what)]
            double = sorted({name for name in names if names.count(name) > 1})
            if double:
                raise ParameterError(f"{what}: {double[0]!r} is there twice; expected each name once")
        for preset in self.masks:
            masks.describe(preset)
        for metric in self.metrics:
            if metric not in METRICS:
                raise unknown_name("metric", metric, METRICS)
        for method in self.methods:
            _check_method(method)
            if method.backgrounds and self.backgrounds is None:
                raise ParameterError(f"method {method.name!r} asks for backgrounds; expected the plan to say which")
        needed = {*self.test_folds, *(self.backgrounds.folds if self.backgrounds else ())}
        if not needed <= set(self.folds):
            raise ParameterError(f"folds are {list(self.folds)}; expected also {sorted(needed - set(self.folds))}")
        return self


def read_plan(path: Path, **changes: object) -> Pak2025Plan:
    """Read a plan from YAML.

    Args:
        path: the file.
        changes: entries that replace those of the file; None changes nothing.

    Raises:
        ParameterError: no such file, not YAML, or not a plan.
    """
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise ParameterError(f"{path}: cannot be read as a plan ({reason[:160]}); expected YAML") from error
    if not isinstance(content, dict):
        raise ParameterError(f"{path}: holds a {type(content).__name__}; expected the entries of a plan by name")
    return make_plan(content | {name: value for name, value in changes.items() if value is not None}, source=str(path))


def make_plan(content: dict[str, Any], *, source: str = "plan") -> Pak2025Plan:
    """Check the entries of a plan.

    Raises:
        ParameterError: an entry is missing, unknown or does not fit; the message names it.
    """
    try:
        return Pak2025Plan(**{str(name): value for name, value in content.items()})
    except ValidationError as error:
        problems = [_in_words(problem["loc"], problem["msg"]) for problem in error.errors()[:3]]
        raise ParameterError(f"{source}: {'; '.join(problems)}") from None


def select(entries: Sequence[Any], names: Iterable[str] | None, kind: str) -> tuple[Any, ...]:
    """Keep the entries with some names, in the order of the names; None keeps all.

    Raises:
        ParameterError: no entry has such a name.
    """
    if names is None:
        return tuple(entries)
    by_name = {entry.name: entry for entry in entries}
    unknown = [name for name in names if name not in by_name]
    if unknown:
        raise unknown_name(kind, unknown[0], by_name)
    return tuple(by_name[name] for name in names)


def _in_words(location: tuple[int | str, ...], message: str) -> str:
    where = ".".join(str(step) for step in location)
    message = message.removeprefix("Value error, ")
    return f"{where}: {message}" if where else message


def _check_method(entry: MethodEntry) -> None:
    chosen = spec(entry.function)
    try:
        chosen.check(entry.settings)
    except ParameterError as error:
        raise ParameterError(f"method {entry.name!r}: {error}") from error
    if entry.backgrounds and "backgrounds" not in chosen.settings:
        raise ParameterError(f"method {entry.name!r} takes no backgrounds; expected backgrounds: false")
