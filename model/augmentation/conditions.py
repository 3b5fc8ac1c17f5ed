"""How a clip of a corpus is heard: clean, through a telephone or some line; whole, or cut as a call's segments are.

Corpora are recorded in studios, sentence by sentence, with half a second of silence around each; calls are not, and
half of their segments last less than two seconds.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

from callmood.speech.segmenter import Segmenter
from callmood.types import SAMPLE_RATE
from model.augmentation.telephone import USUAL, Effect, Line, draw
from model.data.corpora import Clip, load

Samples = NDArray[np.float32]

CALL_LEVELS = (-32.0, -14.0)  # dBFS: speakers' mean levels in calls lie between these
CROP_S = (0.6, 2.0)
TELEPHONE_RATE = 8_000
_PASS_BAND = butter(4, (300, 3400), btype="bandpass", fs=TELEPHONE_RATE, output="sos")


def clean(samples: Samples) -> Samples:
    """Return what was recorded."""
    return samples


def telephone(samples: Samples) -> Samples:
    """Send 16 kHz speech through a telephone (8 kHz, 300 to 3400 Hz, 8-bit mu-law as in G.711) and back to 16 kHz."""
    narrow = soxr.resample(samples, SAMPLE_RATE, TELEPHONE_RATE)
    narrow = sosfiltfilt(_PASS_BAND, narrow, padlen=min(60, len(narrow) - 1)).astype(np.float32)
    return soxr.resample(_mu_law(narrow), TELEPHONE_RATE, SAMPLE_RATE)[: len(samples)]


CHANNELS = ("clean", "telephone", "line")
"""tuple of str: the channels' names."""


@dataclass(frozen=True)
class Hearing:
    """One way to hear clips.

    Parameters
    ----------
    channel : {"clean", "telephone", "line"}
        As it was recorded; through one and the same telephone; or through a line drawn for each speaker.
    span : {"whole", "speech", "crop"}
        The clip as it is; what a call's segmenter would take of it; or 0.6 to 2 s of that at random, as short segments
        are. The latter two at a level that a call's recorder may have set, one for all clips of a speaker.
    take : int
        Each number is another chance: another line, other crops, another level.
    line : Line, optional
        What `line` is drawn from; default: `model.augmentation.telephone.USUAL`.
    """

    channel: Literal["clean", "telephone", "line"]
    span: Literal["whole", "speech", "crop"]
    take: int = 0
    line: Line | None = None

    def __post_init__(self) -> None:
        if self.channel == "line" and self.line is None:  # written out, so that what is cached names it
            object.__setattr__(self, "line", USUAL)


def hear(clips: Sequence[Clip], hearing: Hearing) -> list[Samples]:
    """Decode clips of one speaker as heard: mono, 16 kHz, each of shape (n,)."""

    def rng(name: str) -> np.random.Generator:
        """Chance that is always the same for the same clip or speaker, whatever else is heard."""
        return np.random.default_rng(zlib.crc32(f"{name}{hearing.take or ''}".encode()))

    sounds = [load(clip) for clip in clips]
    if hearing.span != "whole":
        sounds = _at_call_level([_speech(sound) for sound in sounds], rng(clips[0].speaker))
    if hearing.span == "crop":
        sounds = [_crop(sound, rng(clip.path.name)) for clip, sound in zip(clips, sounds, strict=True)]
    channel = _channel(hearing, rng(f"line of {clips[0].speaker}"))
    return [channel(sound, rng(f"line of {clip.path.name}")) for clip, sound in zip(clips, sounds, strict=True)]


def _channel(hearing: Hearing, rng: np.random.Generator) -> Effect:
    """One way for all clips of a speaker, who stands for a caller."""
    if hearing.line is not None:
        return draw(hearing.line, rng)
    channel = telephone if hearing.channel == "telephone" else clean
    return lambda samples, _: channel(samples)


def _speech(samples: Samples) -> Samples:
    """From the first segment's start to the last one's end; everything where there is none."""
    segmenter = Segmenter()
    segments = segmenter.push(samples) + segmenter.flush()
    if not segments:
        return samples
    return samples[round(segments[0].start_s * SAMPLE_RATE) : round(segments[-1].end_s * SAMPLE_RATE)]


def _crop(samples: Samples, rng: np.random.Generator) -> Samples:
    """Take a part of random length, evenly on a logarithmic scale, at a random place; all of what is shorter."""
    n = int(SAMPLE_RATE * np.exp(rng.uniform(*np.log(CROP_S))))
    start = int(rng.integers(max(1, len(samples) - n + 1)))
    return samples[start : start + n]


def _at_call_level(sounds: Sequence[Samples], rng: np.random.Generator) -> list[Samples]:
    """Bring a speaker's mean level to one that is drawn."""
    levels = [10 * np.log10(np.mean(np.square(sound)) + 1e-10) for sound in sounds]
    gain = np.float32(10 ** ((rng.uniform(*CALL_LEVELS) - np.mean(levels)) / 20))
    return [np.clip(gain * sound, -1, 1) for sound in sounds]


def _mu_law(samples: Samples) -> Samples:
    """Round each sample to one of the 255 steps of the continuous mu-law curve (mu = 255) and back."""
    mu = np.float32(255)
    compressed = np.sign(samples) * np.log1p(mu * np.abs(np.clip(samples, -1, 1))) / np.log1p(mu)
    compressed = np.round(compressed * 127) / 127
    return np.sign(compressed) * np.expm1(np.abs(compressed) * np.log1p(mu)) / mu
