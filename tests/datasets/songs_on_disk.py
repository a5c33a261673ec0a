"""Made-up songs in the published layouts: tones for the music, a warbling tone where it is sung."""

import numpy as np
import soundfile

RATE_HZ = 22050


def sound(duration_s, sung, *, seed=0):
    t = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    rng = np.random.default_rng(seed)
    music = 0.1 * np.sin(2 * np.pi * 220 * t) + 0.02 * rng.standard_normal(len(t))
    voice = 0.3 * np.sin(2 * np.pi * 900 * t + 8 * np.sin(2 * np.pi * 6 * t))
    where = np.zeros(len(t))
    for start_s, end_s in sung:
        where[round(start_s * RATE_HZ) : round(end_s * RATE_HZ)] = 1
    return music + where * voice


def write_lyrics(folder, songs, *, kind="words"):
    """JamendoLyrics: songs by name -> (duration in seconds, words as (start, end))."""
    (folder / "audio").mkdir(parents=True)
    (folder / "annotations" / kind).mkdir(parents=True)
    header = "word_start,word_end,line_end" if kind == "words" else "start_time,end_time"
    for seed, (name, (duration_s, words)) in enumerate(songs.items()):
        soundfile.write(folder / "audio" / f"{name}.wav", sound(duration_s, words, seed=seed), RATE_HZ)
        rows = [f"{a},{b}" + (",nan" if kind == "words" else "") for a, b in words]
        (folder / "annotations" / kind / f"{name}.csv").write_text("\n".join([header, *rows]) + "\n")
    return folder


def write_marked(folder, songs):
    """Jamendo's detection set: songs by name -> (part, duration in seconds, lines of the label file)."""
    for place in ("audio", "labels", "filelists"):
        (folder / place).mkdir(parents=True)
    parts = {"train": [], "valid": [], "test": []}
    for seed, (name, (part, duration_s, lines)) in enumerate(songs.items()):
        sung = [tuple(map(float, line.split()[:2])) for line in lines if line.endswith(" sing")]
        soundfile.write(folder / "audio" / f"{name}.wav", sound(duration_s, sung, seed=seed), RATE_HZ)
        (folder / "labels" / f"{name}.lab").write_text("\n".join(lines) + "\n")
        parts[part].append(f"{name}.mp3")  # the published lists name files of another format
    for part, names in parts.items():
        (folder / "filelists" / part).write_text("\n".join(names) + "\n")
    return folder
