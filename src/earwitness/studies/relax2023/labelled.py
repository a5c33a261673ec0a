"""Labelled sounds from either published layout, with a fair and a leaky split."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from earwitness.core.errors import DataError
from earwitness.datasets import animals, esc50

ESC50_FOLDS = 5
DEALT_FOLDS = 10
TEST_SHARE = 5  # the last fifth of the folds tests
SPLIT_SEED = 0


@dataclass(frozen=True)
class LabelledClips:
    """Recordings, their classes, and two ways of dealing them into folds; the last fifth of them tests.

    Attributes:
        name: of the data set.
        paths: sound files.
        targets: class of each, from 0.
        labels: class names.
        groups: recordings of one group must not be on both sides of a split.
        fair: fold of each recording, from 1; groups are kept together.
        leaky: fold of each recording, from 1; groups are torn apart.
    """

    name: str
    paths: tuple[Path, ...]
    targets: tuple[int, ...]
    labels: tuple[str, ...]
    groups: tuple[int, ...]
    fair: tuple[int, ...]
    leaky: tuple[int, ...]

    def part(self, folds: tuple[int, ...], *, test: bool) -> list[int]:
        """Return the places of the recordings that test, or that train."""
        last = max(folds)
        return [index for index, fold in enumerate(folds) if (fold > last - last // TEST_SHARE) == test]


def read_labelled(folder: str | Path) -> LabelledClips:
    """Read the animal-sound set, or a data set in ESC-50's layout.

    In ESC-50's layout the published folds are the fair split: clips of one source share a fold.

    Raises:
        DataError: neither layout, or not the five folds of ESC-50.
    """
    folder = Path(folder)
    if (folder / esc50.TABLE).exists():
        table = esc50.read_esc50(folder)
        if table.folds != tuple(range(1, ESC50_FOLDS + 1)):
            raise DataError(f"{folder}: folds are {list(table.folds)}; expected 1 to {ESC50_FOLDS}")
        paths, targets = (tuple(getattr(r, name) for r in table.recordings) for name in ("path", "target"))
        fair = groups = tuple(r.fold for r in table.recordings)
        labels = table.labels
    else:
        animals_data = animals.read_animals(folder)
        paths, targets, groups = (tuple(getattr(r, name) for r in animals_data.recordings)
                                  for name in ("path", "target", "group"))
        fair = tuple(animals.grouped_folds(targets, groups, n_folds=DEALT_FOLDS, seed=SPLIT_SEED))
        labels = animals_data.labels
    leaky = tuple(animals.random_folds(targets, n_folds=max(fair), seed=SPLIT_SEED))
    return LabelledClips(folder.resolve().name, paths, targets, labels, groups, fair, leaky)
