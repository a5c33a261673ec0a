"""Reads the animal-sound set in its published layout, and splits it so that no recording is on both sides."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from earwitness import audio
from earwitness.core import moved
from earwitness.core.errors import AudioFileError, DataError, ParameterError

FOLDERS = {
    "Aslan": "lion", "Esek": "donkey", "Inek": "cow", "Kedi": "cat", "Kopek": "dog", "Koyun": "sheep",
    "Kurbaga": "frog", "Kus": "bird", "Maymun": "monkey", "Tavuk": "chicken",
}
PART = "-Part"


@dataclass(frozen=True)
class AnimalRecording:
    """One labelled clip.

    Attributes:
        path: the sound file.
        label: the animal, in English.
        target: position of the label in the data set's label list, from 0.
        group: number shared by recordings whose decoded samples are identical, from 0.
    """

    path: Path
    label: str
    target: int
    group: int


@dataclass(frozen=True)
class Animals:
    """The animal-sound set.

    Attributes:
        recordings: all clips, sorted by folder and name.
        labels: the animals, in alphabetical order.
    """

    recordings: tuple[AnimalRecording, ...]
    labels: tuple[str, ...]

    @property
    def repeated(self) -> tuple[tuple[AnimalRecording, ...], ...]:
        """The groups of two or more identical recordings."""
        groups: dict[int, list[AnimalRecording]] = defaultdict(list)
        for recording in self.recordings:
            groups[recording.group].append(recording)
        return tuple(tuple(group) for group in groups.values() if len(group) > 1)

    @property
    def surplus(self) -> int:
        """How many recordings repeat another one."""
        return sum(len(group) - 1 for group in self.repeated)


def read_animals(folder: str | Path) -> Animals:
    """Read the clips of the animal-sound set and find those that are the same recording.

    Args:
        folder: holds the published Turkish folders (see ``FOLDERS``), some of them in parts such as ``Kedi-Part1``;
            sound files of any format and rate inside. Hidden files and files of other kinds are passed over.

    Raises:
        DataError: no such folder, a folder of sounds with another name, fewer than two animals, or the same
            recording under two labels.
        AudioFileError: a sound file cannot be read.

    Source: Şaşmaz & Tek 2018. Differs: identical recordings are found by their decoded samples, so another
    container or file header hides nothing.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; expected one that holds {', '.join(sorted(FOLDERS))}")
    labelled_sounds = [(path, _animal(part)) for part in sorted(folder.iterdir())
                       if part.is_dir() and part.name[0] not in "._" for path in _sounds(part)]
    labels = tuple(sorted({label for _, label in labelled_sounds}))
    if len(labels) < 2:
        raise DataError(f"{folder}: sounds of {len(labels)} animals; expected folders such as "
                        f"{', '.join(sorted(FOLDERS))} with sound files inside")
    groups: dict[str, int] = {}
    first: dict[int, tuple[Path, str]] = {}
    recordings = []
    for path, label in labelled_sounds:
        group = groups.setdefault(_digest_of(path), len(groups))
        other, other_label = first.setdefault(group, (path, label))
        if other_label != label:
            raise DataError(f"{path} ({label}) is the same recording as {other} ({other_label}); "
                            "expected one animal for each recording: remove one of them")
        recordings.append(AnimalRecording(path, label, labels.index(label), group))
    return Animals(tuple(recordings), labels)


def grouped_folds(targets: Sequence[int], groups: Sequence[int], *, n_folds: int = 5, seed: int = 0) -> list[int]:
    """Deal recordings into folds of equal share of every class; a group never lies in two folds.

    Args:
        targets: class of each recording.
        groups: group of each recording.
        n_folds: number of folds, at least 2.
        seed: of the order in which groups are dealt.

    Returns:
        Fold of each recording, 1..n_folds.

    >>> grouped_folds([0, 0, 0, 1], [7, 7, 8, 9], n_folds=2)
    [1, 1, 2, 1]
    """
    if n_folds < 2 or len(targets) != len(groups):
        raise ParameterError(f"n_folds={n_folds}, {len(targets)} targets, {len(groups)} groups; expected at least "
                             "2 folds and a group for each target")
    members: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, key in enumerate(zip(targets, groups, strict=True)):
        members[key].append(number)
    generator = torch.Generator().manual_seed(seed)
    folds = [0] * len(targets)
    for target in sorted(set(targets)):
        groups_of_class = [numbers for (label, _), numbers in members.items() if label == target]
        filled = [0] * n_folds
        order = [groups_of_class[k] for k in torch.randperm(len(groups_of_class), generator=generator).tolist()]
        for group_members in sorted(order, key=len, reverse=True):  # large groups first; sorting keeps the random order
            fold = filled.index(min(filled))
            filled[fold] += len(group_members)
            for number in group_members:
                folds[number] = fold + 1
    return folds


def random_folds(targets: Sequence[int], *, n_folds: int = 5, seed: int = 0) -> list[int]:
    """Deal recordings into folds of equal share of every class, whether or not they repeat each other.

    Identical recordings then lie on both sides of a split, which flatters the figures: use it only to compare.

    Args:
        targets: class of each recording.
        n_folds: number of folds, at least 2.
        seed: of the order in which recordings are dealt.
    """
    return grouped_folds(targets, range(len(targets)), n_folds=n_folds, seed=seed)


def _animal(folder: Path) -> str:
    name = folder.name.split(PART)[0]
    if name not in FOLDERS:
        if not _sounds(folder):
            return ""
        raise DataError(f"{folder}: unknown animal; expected one of {', '.join(sorted(FOLDERS))}, "
                        "perhaps in parts such as Kedi-Part1")
    return FOLDERS[name]


def _sounds(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir()
                  if path.is_file() and path.suffix.lower() in audio.SUFFIXES and path.name[0] != ".")


def _digest_of(path: Path) -> str:
    """Digest of the decoded samples and their rate."""
    try:
        clip = audio.load(path)
    except AudioFileError as error:
        raise AudioFileError(f"{error}; or remove the file from the data set") from error
    digest = hashlib.sha256(str(clip.sample_rate_hz).encode())
    digest.update(clip.waveform.numpy().tobytes())
    return digest.hexdigest()


def __getattr__(name: str) -> Any:
    return moved.attribute(__name__, name)
