"""The study from one command: embeddings, classifier, explanations, checks, tables, figures. Resumable by clip."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from earwitness import audio
from earwitness.core.atomic_files import make_folder, replacing
from earwitness.core.errors import DataError, ParameterError
from earwitness.core.types import Clip
from earwitness.datasets import scenes
from earwitness.models.audio_model import AudioModel
from earwitness.studies.relax2023.checks import Budget, CheckRows, run_checks
from earwitness.studies.relax2023.classifier import EmbeddingClassifier, FittedClassifier, fit_classifier
from earwitness.studies.relax2023.embeddings import embed_clip
from earwitness.studies.relax2023.figures import draw_poster
from earwitness.studies.relax2023.labelled import LabelledClips, read_labelled
from earwitness.studies.relax2023.results import write_accuracy, write_relax2023

BACKGROUNDS = ("rain", "sea_waves", "crackling_fire", "helicopter", "chainsaw")
EVENT_SHARE = 0.3  # of a scene's length
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Relax2023Plan:
    """What the study runs on.

    Attributes:
        n_clips: recordings of the test fold that are explained, the classes in turn.
        n_scenes: scenes with known evidence, made of the test fold's clips.
        backgrounds: classes whose clips lie under the scenes' events; the others are events.
        snr_db: level of the scenes' events.
        n_posters: sounds of each kind whose maps are drawn.
        effort: how much is computed for each.
        seed: of every draw.
    """

    n_clips: int = 20
    n_scenes: int = 0
    backgrounds: tuple[str, ...] = BACKGROUNDS
    snr_db: float = 10.0
    n_posters: int = 2
    effort: Budget = field(default_factory=Budget)
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Subject:
    """One sound to explain.

    Attributes:
        part: "clips" or "scenes".
        name: of its files.
        clip: the sound.
        label: its class.
        evidence: the true mask, or None.
    """

    part: str
    name: str
    clip: Clip
    label: str
    evidence: Tensor | None = None


def run_relax2023(
    data_dir: Path, model: AudioModel, out_dir: Path, plan: Relax2023Plan, *,
    progress: Progress = lambda step, done: None,
) -> dict[str, Any]:
    """Run the study on a folder of labelled sounds and an encoder.

    Args:
        data_dir: the animal-sound set, or a data set in ESC-50's layout.
        model: a model with embeddings.
        out_dir: gets settings, accuracy, embeddings, rows, summary and figures; a stopped run is continued.
        plan: what is explained, and how thoroughly.
        progress: called with a step's name and the share of it that is done.

    Returns:
        Accuracy of both splits and the number of sounds explained.

    Raises:
        DataError: the data have neither layout, or no class to put into scenes.
        ParameterError: the folder holds a study with other settings, or the network has no ``embed``.

    Source: Hammershøi, Salli & Bonvin 2023.
    """
    data = read_labelled(data_dir)
    make_folder(out_dir / "parts")
    make_folder(out_dir / "figures")
    _remember(out_dir / "settings.json", {"data": data.name, "n": len(data.paths), "model": model.name,
                                          "weights": model.card.get("checksum", "unknown"), **asdict(plan)})
    embeddings = _embeddings(out_dir / "embeddings.pt", data, model, progress)
    accuracy, heads = {}, {}
    for split in ("fair", "leaky"):
        progress(f"fitting the classifier, {split} split", 0.0)
        accuracy[split], heads[split] = write_accuracy(out_dir, data, embeddings, split)
    asked = replace(model, network=EmbeddingClassifier(model.network, heads["fair"]), labels=data.labels,
                    activation="softmax")
    shuffled = replace(asked, network=EmbeddingClassifier(model.network, _fit_shuffled(data, embeddings, heads["fair"],
                                                                                      seed=plan.seed)))
    explained = 0
    for part in (_clips(data, plan), _scenes(data, plan, out_dir, model)):
        for k, subject in enumerate(part):
            progress("explaining and checking", explained / (plan.n_clips + plan.n_scenes))
            _explain_one(out_dir, asked, shuffled, subject, plan, poster=k < plan.n_posters)
            explained += 1
    write_relax2023(out_dir, title=f"{model.name} on {data.name}", seed=plan.seed)
    progress("done", 1.0)
    return {"accuracy": {split: (found.share, *found.interval) for split, found in accuracy.items()},
            "explained": explained}


def _remember(path: Path, settings: dict[str, Any]) -> None:
    """Write the settings, or refuse to go on with others; only the numbers of sounds may change.

    The first sounds are the same whatever their number, so a study can be widened.
    """
    text = json.dumps(settings, indent=1) + "\n"
    if path.exists() and _fixed(json.loads(path.read_text("utf-8"))) != _fixed(json.loads(text)):
        raise ParameterError(f"{path.parent}: holds a study with other settings; use another folder, or delete it")
    with replacing(path) as temporary:
        temporary.write_text(text, "utf-8")


def _fixed(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in ("n_clips", "n_scenes")}


def _embeddings(path: Path, data: LabelledClips, model: AudioModel, progress: Progress) -> Tensor:
    """Embeddings of all recordings, (n, dim); kept for the next run."""
    if path.exists():
        kept: Tensor = torch.load(path, weights_only=True)
        return kept
    found = []
    for k, sound in enumerate(data.paths):
        progress("embedding", k / len(data.paths))
        found.append(embed_clip(model, audio.load(sound)))
    with replacing(path) as temporary:
        torch.save(torch.stack(found), temporary)
    return torch.stack(found)


def _fit_shuffled(data: LabelledClips, embeddings: Tensor, fitted: FittedClassifier, *, seed: int) -> FittedClassifier:
    """The same classifier with the training labels shuffled."""
    places = data.part(data.fair, test=False)
    order = torch.randperm(len(places), generator=torch.Generator().manual_seed(seed)).tolist()
    return fit_classifier(embeddings[places], [data.targets[places[k]] for k in order],
                          [data.groups[place] for place in places], strengths=(fitted.strength,))


def _in_turn(data: LabelledClips, wanted: Sequence[str], n: int, seed: int) -> list[int]:
    """Places of ``n`` recordings of the test fold, one class after the other, in random order within a class."""
    generator = torch.Generator().manual_seed(seed)
    places = data.part(data.fair, test=True)
    piles = []
    for label in wanted:
        own = [place for place in places if data.labels[data.targets[place]] == label]
        piles.append([own[k] for k in torch.randperm(len(own), generator=generator).tolist()])
    rounds = [pile[k] for k in range(max(map(len, piles), default=0)) for pile in piles if k < len(pile)]
    return rounds[:n]


def _clips(data: LabelledClips, plan: Relax2023Plan) -> Iterator[Subject]:
    for place in _in_turn(data, data.labels, plan.n_clips, plan.seed):
        path = data.paths[place]
        yield Subject("clips", f"{place:05d}-{path.stem}", audio.load(path), data.labels[data.targets[place]])


def _scenes(data: LabelledClips, plan: Relax2023Plan, out_dir: Path, model: AudioModel) -> Iterator[Subject]:
    if not plan.n_scenes:
        return
    events = [label for label in data.labels if label not in plan.backgrounds]
    under = [label for label in data.labels if label in plan.backgrounds]
    if not events or not under:
        raise DataError(f"scenes need classes of events and of backgrounds; backgrounds are {list(plan.backgrounds)} "
                        f"and the classes {list(data.labels)}: name other backgrounds")
    folder = out_dir / "scenes"
    chosen = _in_turn(data, events, plan.n_scenes, plan.seed)
    there = (folder / scenes.TABLE).exists()
    if there and len(scenes.read_scenes(folder)) < len(chosen):
        shutil.rmtree(folder)
        there = False
    if not there:
        below = _in_turn(data, under, len(data.paths), plan.seed)
        duration_s = model.window_s or scenes.Recipe.duration_s
        scenes.write_scenes(folder, [(data.paths[place], data.labels[data.targets[place]]) for place in chosen],
                     [data.paths[place] for place in below], recipe=scenes.Recipe(
                         duration_s=duration_s, event_s=EVENT_SHARE * duration_s, snr_db=plan.snr_db, seed=plan.seed))
    for scene in scenes.read_scenes(folder)[: plan.n_scenes]:
        yield Subject("scenes", scene.name, scene.clip, scene.label, scene.evidence(model.front_end))


def _explain_one(
    out_dir: Path, model: AudioModel, shuffled: AudioModel, subject: Subject, plan: Relax2023Plan, *, poster: bool
) -> None:
    """Answer all questions about one sound, unless they are answered already."""
    path = out_dir / "parts" / f"{subject.part}-{subject.name}.json"
    if path.exists():
        return
    item = model.features(subject.clip)[0:1]
    chances = model.probabilities(item)[0]
    target = model.class_index(subject.label) if subject.evidence is not None else int(chances.argmax())
    evidence = None if subject.evidence is None else subject.evidence[:, : item.values.shape[2]]
    asked = run_checks(model, item, target, effort=plan.effort, seed=plan.seed, evidence=evidence,
                       other_labels=shuffled)
    if poster:
        draw_poster(out_dir / "figures" / f"{subject.part}-{subject.name}.png", item.values[0], asked.maps,
                    model.front_end, f"{subject.name}: {subject.label}, heard as {model.class_name(target)}")
    about = {"part": subject.part, "clip": subject.name, "label": subject.label, "target": model.class_name(target),
             "p": float(chances[target])}
    _write_answers(path, about, asked)


def _write_answers(path: Path, about: dict[str, Any], asked: CheckRows) -> None:
    content = {"rows": [about | row for row in asked.rows], "curves": asked.curves}
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content), "utf-8")
