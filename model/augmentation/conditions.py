"""Apply acoustic conditions to corpus clips, so that studio recordings resemble segments of calls.

Corpora are recorded in studios, one sentence at a time, with about 0.5 s of silence at each end. Half of the segments
of a call are shorter than 2 s.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

from callmood.speech.segmenter import Segmenter
from callmood.types import SAMPLE_RATE
from model.augmentation.telephone import DEFAULT_CHANNEL, Effect, TelephoneChannel, sample_channel
from model.data.corpora import Clip, load
from model.types import Channel, Crop

Samples = NDArray[np.float32]

CALL_LEVELS = (-32.0, -14.0)  # dBFS: range of speakers' mean levels in calls
CROP_S = (0.6, 2.0)
TELEPHONE_RATE = 8_000
_PASS_BAND = butter(4, (300, 3400), btype="bandpass", fs=TELEPHONE_RATE, output="sos")

CHANNELS: tuple[Channel, ...] = get_args(Channel)
"""tuple of str: names of the channels."""

CROPS: tuple[Crop, ...] = get_args(Crop)
"""tuple of str: names of the crops."""


def clean(samples: Samples) -> Samples:
    """Return the samples unchanged."""
    return samples


def telephone(samples: Samples) -> Samples:
    """Apply a fixed telephone channel to 16 kHz speech: 8 kHz, 300 to 3400 Hz, 8-bit mu-law as in G.711."""
    narrow = soxr.resample(samples, SAMPLE_RATE, TELEPHONE_RATE)
    narrow = sosfiltfilt(_PASS_BAND, narrow, padlen=min(60, len(narrow) - 1)).astype(np.float32)
    return np.asarray(soxr.resample(_mu_law(narrow), TELEPHONE_RATE, SAMPLE_RATE)[: len(samples)], np.float32)


@dataclass(frozen=True)
class AcousticCondition:
    """A channel and a crop of clips.

    Parameters
    ----------
    channel : {"clean", "telephone", "random_telephone"}
        The recording as it is, one fixed telephone channel, or a channel sampled for each speaker.
    crop : {"whole", "speech", "random"}
        The clip as it is; the part that a call's segmenter detects as speech; or 0.6 to 2 s of that part at a random
        position. The last two are set to a level typical of call recorders, the same for all clips of a speaker.
    seed : int
        Another seed samples another channel, crop, and level.
    telephone_channel : TelephoneChannel, optional
        Distribution of `random_telephone`. Default: `model.augmentation.telephone.DEFAULT_CHANNEL`.
    """

    channel: Channel
    crop: Crop
    seed: int = 0
    telephone_channel: TelephoneChannel | None = None

    def __post_init__(self) -> None:
        if self.channel == "random_telephone" and self.telephone_channel is None:
            object.__setattr__(self, "telephone_channel", DEFAULT_CHANNEL)  # so that cache keys contain it


def apply_condition(clips: Sequence[Clip], condition: AcousticCondition) -> list[Samples]:
    """Decode the clips of one speaker and apply a condition.

    Returns
    -------
    list of ndarray of float32, shape (n,)
        Mono, 16 kHz.
    """

    def rng(name: str) -> np.random.Generator:
        """Return a generator that depends on the clip or speaker and the seed only."""
        return np.random.default_rng(zlib.crc32(f"{name}{condition.seed or ''}".encode()))

    sounds = [load(clip) for clip in clips]
    if condition.crop != "whole":
        sounds = _at_call_level([_speech(sound) for sound in sounds], rng(clips[0].speaker))
    if condition.crop == "random":
        sounds = [_random_crop(sound, rng(clip.path.name)) for clip, sound in zip(clips, sounds, strict=True)]
    # The generators' names are part of the shipped model's recipe: other names give other channels.
    channel = _channel(condition, rng(f"line of {clips[0].speaker}"))
    return [channel(sound, rng(f"line of {clip.path.name}")) for clip, sound in zip(clips, sounds, strict=True)]


def _channel(condition: AcousticCondition, rng: np.random.Generator) -> Effect:
    """Return one channel for all clips of a speaker, who represents a caller."""
    if condition.telephone_channel is not None:
        return sample_channel(condition.telephone_channel, rng)
    channel = telephone if condition.channel == "telephone" else clean
    return lambda samples, _: channel(samples)


def _speech(samples: Samples) -> Samples:
    """Return the samples from the first segment's start to the last one's end; all samples without segments."""
    segmenter = Segmenter()
    segments = segmenter.process(samples) + segmenter.finish()
    if not segments:
        return samples
    return samples[round(segments[0].start_s * SAMPLE_RATE) : round(segments[-1].end_s * SAMPLE_RATE)]


def _random_crop(samples: Samples, rng: np.random.Generator) -> Samples:
    """Return a part of log-uniform length at a random position; all samples if they are shorter."""
    n = int(SAMPLE_RATE * np.exp(rng.uniform(*np.log(CROP_S))))
    start = int(rng.integers(max(1, len(samples) - n + 1)))
    return samples[start : start + n]


def _at_call_level(sounds: Sequence[Samples], rng: np.random.Generator) -> list[Samples]:
    """Scale a speaker's clips to a random mean level."""
    levels = [10 * np.log10(np.mean(np.square(sound)) + 1e-10) for sound in sounds]
    gain = np.float32(10 ** ((rng.uniform(*CALL_LEVELS) - np.mean(levels)) / 20))
    return [np.clip(gain * sound, -1, 1) for sound in sounds]


def _mu_law(samples: Samples) -> Samples:
    """Quantize to the 255 steps of the continuous mu-law curve (mu = 255)."""
    mu = np.float32(255)
    compressed = np.sign(samples) * np.log1p(mu * np.abs(np.clip(samples, -1, 1))) / np.log1p(mu)
    compressed = np.round(compressed * 127) / 127
    return np.asarray(np.sign(compressed) * np.expm1(np.abs(compressed) * np.log1p(mu)) / mu, np.float32)
