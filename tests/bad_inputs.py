"""Two hundred sound files that something is wrong with: the same ones every time."""

import io
import struct

import numpy as np
import soundfile

RATE_HZ = 8000
SECONDS = 0.4
SUBTYPES = {"PCM_16": "WAV", "PCM_24": "WAV", "FLOAT": "WAV", "ULAW": "WAV", "PCM_U8": "WAV", "DOUBLE": "WAVEX"}
COMPRESSED = {"flac": ("FLAC", "PCM_16"), "ogg": ("OGG", "VORBIS"), "mp3": ("MP3", "MPEG_LAYER_III"),
              "aiff": ("AIFF", "PCM_16"), "caf": ("CAF", "PCM_16"), "opus": ("OGG", "OPUS"), "w64": ("W64", "PCM_16")}
ODD_NAMES = ("a'b.wav", 'a"b.wav', "a\nb.wav", "<script>alert(1)</script>".replace("/", "_") + ".wav", "-x.wav",
             "%s%n.wav", "ü\u202ecod.wav", "a;rm.wav", "$(x)`y`.wav", "{{7*7}}[bold]b[_bold].wav", "\x1b[31mred.wav",
             " .wav", "日本語.wav", "a" * 200 + ".wav")


def bad_inputs():
    """Yield (file name, bytes); some can be read after all."""
    rng = np.random.default_rng(0)
    sound = 0.3 * rng.standard_normal(round(RATE_HZ * SECONDS))
    waves = {subtype: encoded(sound, kind, subtype) for subtype, kind in SUBTYPES.items()}
    packed = {suffix: encoded(sound, *kind, rate_hz=48000 if suffix == "opus" else RATE_HZ)
              for suffix, kind in COMPRESSED.items()}
    plain = waves["PCM_16"]
    for k in range(30):  # cut
        data = list(waves.values())[k % len(waves)]
        yield f"cut-{k}.wav", data[: int(rng.integers(0, 60 if k % 2 else len(data)))]
    for suffix, data in packed.items():
        for k in range(4):
            yield f"cut-{k}.{suffix}", data[: int(rng.integers(0, len(data)))]
    for k in range(40):  # bits turned in the header
        data = bytearray(list(waves.values())[k % len(waves)])
        for place in rng.integers(0, 48, 1 + k % 3):
            data[place] ^= 1 << int(rng.integers(0, 8))
        yield f"header-{k}.wav", bytes(data)
    for suffix, data in packed.items():
        for k in range(3):
            turned = bytearray(data)
            turned[int(rng.integers(0, min(400, len(data))))] ^= int(rng.integers(1, 256))
            yield f"header-{k}.{suffix}", bytes(turned)
    for k, size in enumerate((0, 1, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1)):  # declared sizes
        for place, word in ((4, "riff"), (16, "fmt"), (40, "data")):
            yield f"size-{word}-{k}.wav", patched(plain, place, "<I", size)
    for channels in (0, 1, 3, 255, 1024, 65535):
        yield f"channels-{channels}.wav", patched(plain, 22, "<H", channels)
    for rate_hz in (0, 1, 7, 768_000, 10_000_001, 2**31 - 1, 2**32 - 1):
        yield f"rate-{rate_hz}.wav", patched(plain, 24, "<I", rate_hz)
    for width in (0, 1, 7, 20, 24, 31, 33, 64, 65535):  # of a sample, against the size of a frame
        yield f"bits-{width}.wav", patched(plain, 34, "<H", width)
        yield f"bits24-{width}.wav", patched(waves["PCM_24"], 34, "<H", width)
    for align in (0, 1, 5, 65535):
        yield f"align-{align}.wav", patched(waves["PCM_24"], 32, "<H", align)
    for name, value in (("nan", np.nan), ("inf", np.inf), ("huge", 1e38), ("tiny", 1e-310)):
        broken = sound.copy()
        broken[1000] = value
        yield f"{name}.wav", encoded(broken, "WAVEX", "DOUBLE")
    for name, data in (("empty", b""), ("text", b"this is no sound\n" * 99), ("zeros", bytes(999)),
                       ("random", rng.bytes(4000)), ("picture", b"\x89PNG\r\n\x1a\n" + rng.bytes(500)),
                       ("archive", b"PK\x03\x04" + rng.bytes(500)), ("pickle", b"\x80\x04]\x94."),
                       ("silence", encoded(0 * sound, "WAV", "PCM_16")), ("one", encoded(sound[:1], "WAV", "PCM_16")),
                       ("none", encoded(sound[:0], "WAV", "PCM_16")), ("page", b"<html><script>alert(1)</script>")):
        yield f"{name}.wav", data
        if name not in ("silence", "one", "none"):
            yield f"{name}.mp3", data
    for name in ODD_NAMES:
        yield name, plain if name.isascii() else plain[:30]


def encoded(sound, kind, subtype, *, rate_hz=RATE_HZ):
    with io.BytesIO() as file:
        soundfile.write(file, sound, rate_hz, format=kind, subtype=subtype)
        return file.getvalue()


def patched(data, place, form, value):
    changed = bytearray(data)
    struct.pack_into(form, changed, place, value)
    return bytes(changed)
