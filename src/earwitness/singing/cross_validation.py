"""From a folder of annotated songs to a singing voice detector with a card: weights, threshold, figures."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from earwitness import frontends
from earwitness.core.atomic_files import make_folder, replacing
from earwitness.core.errors import DataError, ParameterError
from earwitness.datasets import jamendo
from earwitness.datasets.jamendo import Song
from earwitness.frontends.singing_log_mel import SingingVoiceLogMel
from earwitness.models.networks.singing_voice import N_FRAMES
from earwitness.singing.decisions import MEDIAN_FRAMES, best_threshold, figures, smoothed, song_threshold
from earwitness.singing.excerpts import SongSpectrum, band_statistics, song_spectrum
from earwitness.singing.network_training import VoiceSettings, fit_voice, song_curve
from earwitness.training.classifier import checksum, write_card, write_weights

LABEL = "vocal"
FRONT_END = SingingVoiceLogMel()
WINDOW_SAMPLES = FRONT_END.n_fft + (N_FRAMES - 1) * FRONT_END.hop_samples
Announce = Callable[[str], None]  # called with a line for people


def train_detector(
    data_dir: Path, out_dir: Path, settings: VoiceSettings, *, folds: int = 5, only: Sequence[int] | None = None,
    weights_dtype: torch.dtype = torch.float32, announce: Announce = lambda text: None,
) -> dict[str, Any]:
    """Train a detector and measure it on songs it has not heard; a run that was stopped is continued.

    A data set with parts is used as published: "train" trains, "valid" chooses the threshold, "test" measures.
    Otherwise every song is held out once: ``folds`` networks train on the other songs and lie in ``fold-1``,
    ``fold-2`` ...; the threshold for a fold is chosen on the curves of the songs of all other folds, made by
    networks that had not heard those songs either; then one network trains on all songs, with a threshold
    chosen on all of those curves.

    Args:
        data_dir: see ``datasets.jamendo.read``.
        out_dir: gets ``model.safetensors``, ``card.json``, and the folders of the folds.
        settings: the recipe.
        folds: number of groups of songs that are held out together.
        only: folds to train, from 1, for runs in pieces; 0 is the network of all songs; None does all.
        weights_dtype: of the files; figures are measured after the cast.
        announce: called with a line after every epoch.

    Returns:
        The card as plain values, ``load_model(out_dir)`` reads it; its figures are of the folds that are done. Empty
        until the network of all songs and two folds are; the folds have their cards as soon as two are done.

    Raises:
        DataError: the data set is not as documented.

    Source: Schlüter & Grill 2015; Mishra et al. 2020, table I. Differs: cross-validation.
    """
    songs = jamendo.read_songs(data_dir)
    make_folder(out_dir)
    spectra = [song_spectrum(song, FRONT_END) for song in songs]
    if any(song.part for song in songs):
        return _as_published(songs, spectra, out_dir, settings, weights_dtype, announce)
    if not 2 <= folds <= len(songs):
        raise ParameterError(f"folds is {folds}; expected 2 to {len(songs)}, the number of songs")
    chosen_folds = range(folds + 1) if only is None else only
    for fold in range(1, folds + 1):
        held_out = range(fold - 1, len(songs), folds)
        if fold in chosen_folds:
            _train(spectra, held_out, out_dir / f"fold-{fold}", settings, weights_dtype, announce)
    if 0 in chosen_folds:
        _train(spectra, (), out_dir / "all", settings, weights_dtype, announce)
    done = [fold for fold in range(1, folds + 1) if _is_done(out_dir / f"fold-{fold}")]
    if len(done) < 2:
        return {}
    groups = {fold: list(range(fold - 1, len(songs), folds)) for fold in done}
    measured, threshold = _cross_validated(spectra, out_dir, groups)
    for fold, row in zip(done, measured["folds"], strict=True):
        _write_card(out_dir / f"fold-{fold}", settings, {"held_out": row["songs"], "threshold": row["threshold"]}, row)
    if not _is_done(out_dir / "all"):
        return {}
    for name in ("model.safetensors", "front_end.json"):
        with replacing(out_dir / name) as path:
            shutil.copyfile(out_dir / "all" / name, path)
    return _write_card(out_dir, settings, {"held_out": [], "threshold": threshold}, measured)


def _train(
    spectra: Sequence[SongSpectrum], held_out: Sequence[int], folder: Path, settings: VoiceSettings,
    dtype: torch.dtype, announce: Announce, also: Sequence[int] = (),
) -> None:
    """Train on all songs but some and write weights, front end and the curves of those left out."""
    if _is_done(folder):
        return
    make_folder(folder)
    used = [song for k, song in enumerate(spectra) if k not in held_out and k not in also]
    front_end = band_statistics(used, FRONT_END)
    network = fit_voice(used, front_end, settings, checkpoint=folder / "checkpoint.pt",
                        on_epoch=lambda epoch, loss: announce(f"{folder.name}: epoch {epoch}, loss {loss:.4f}"))
    write_weights(folder / "model.safetensors", network, dtype)
    write_card(folder / "front_end.json", frontends.describe_front_end(front_end))
    curves = {spectra[k].name: song_curve(network, spectra[k], front_end) for k in (*held_out, *also)}
    with replacing(folder / "curves.safetensors") as path:
        save_file(curves or {"none": torch.zeros(1)}, path)


def _cross_validated(
    spectra: Sequence[SongSpectrum], out_dir: Path, groups: dict[int, list[int]]
) -> tuple[dict[str, Any], float]:
    """Figures over the held-out songs, every threshold chosen without its fold; and the threshold of all of them.

    Args:
        spectra: all songs.
        out_dir: holds ``fold-1`` ... with curves.
        groups: numbers of the held-out songs of each fold that is done.
    """
    curves = {name: smoothed(curve) for fold in groups for name, curve in
              load_file(out_dir / f"fold-{fold}" / "curves.safetensors").items()}
    songs = [spectra[k] for group in groups.values() for k in group]
    rows, decisions = [], []
    for group in groups.values():
        held_out_songs = [spectra[k] for k in group]
        others = [song for song in songs if song not in held_out_songs]
        threshold = best_threshold([curves[s.name] for s in others], [s.vocal for s in others])
        fold_decisions = [curves[s.name] > threshold for s in held_out_songs]
        rows.append({"songs": [s.name for s in held_out_songs], "threshold": threshold,
                     **figures(fold_decisions, [s.vocal for s in held_out_songs]).as_dict()})
        decisions += fold_decisions
    truths = [song.vocal for song in songs]
    always = figures([torch.ones_like(t) for t in truths], truths)
    measured = {
        **figures(decisions, truths).as_dict(),
        "error_at_half": figures([curves[s.name] > 0.5 for s in songs], truths).as_dict()["error"],
        "error_at_song_threshold": figures([curves[s.name] > song_threshold(curves[s.name]) for s in songs],
                                           truths).as_dict()["error"],
        "error_if_always_vocal": round(always.error, 4), "n_frames": sum(len(t) for t in truths),
        "n_songs": len(songs),
        "error_per_song": {s.name: figures([d], [s.vocal]).as_dict()["error"]
                           for s, d in sorted(zip(songs, decisions, strict=True), key=lambda pair: pair[0].name)},
        "folds": rows,
    }
    return measured, best_threshold([curves[s.name] for s in songs], truths)


def _as_published(
    songs: Sequence[Song], spectra: Sequence[SongSpectrum], out_dir: Path, settings: VoiceSettings,
    dtype: torch.dtype, announce: Announce,
) -> dict[str, Any]:
    parts = {part: [k for k, song in enumerate(songs) if song.part == part] for part in jamendo.PARTS}
    empty = [part for part, numbers in parts.items() if not numbers]
    if empty:
        raise DataError(f"filelists/{empty[0]} names no song; expected at least one in each of train, valid and test")
    _train(spectra, parts["test"], out_dir, settings, dtype, announce, also=parts["valid"])
    curves = {name: smoothed(curve) for name, curve in load_file(out_dir / "curves.safetensors").items()}
    valid, test = ([spectra[k] for k in parts[part]] for part in ("valid", "test"))
    threshold = best_threshold([curves[s.name] for s in valid], [s.vocal for s in valid])
    measured = figures([curves[s.name] > threshold for s in test], [s.vocal for s in test]).as_dict()
    return _write_card(out_dir, settings, {"held_out": [s.name for s in (*valid, *test)], "threshold": threshold},
                       measured)


def _write_card(
    folder: Path, settings: VoiceSettings, training: dict[str, Any], measured: dict[str, Any]
) -> dict[str, Any]:
    described = json.loads((folder / "front_end.json").read_text(encoding="utf-8"))
    card = {
        "name": folder.resolve().name, "arch": "svdnet", "arch_settings": {},
        "summary": "singing voice detection, 1.7 s around the moment that is judged",
        "origin": "trained with earwitness", "licence": "that of its training data",
        "credits": "the songs it was trained on and their makers",
        "front_end": described, "window_s": WINDOW_SAMPLES / FRONT_END.sample_rate_hz, "labels": [LABEL],
        "activation": "sigmoid", "weights": "model.safetensors", "checksum": checksum(folder / "model.safetensors"),
        "training": {**asdict(settings), **training, "median_frames": MEDIAN_FRAMES}, "measured": measured,
    }
    write_card(folder / "card.json", card)
    return card


def _is_done(folder: Path) -> bool:
    return (folder / "curves.safetensors").is_file()
