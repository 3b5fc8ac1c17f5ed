"""A random telephone channel: a sequence of transforms, each with a probability and parameter ranges.

One sample of the channel applies to a whole call. A configuration lists the transforms in their order of application:

    [[data.telephone_channel]]
    kind = "noise"
    probability = 0.5
    snr_db = [10, 30]

    [[data.telephone_channel]]
    kind = "codec"
    codecs = ["gsm_13", "amr_12"]
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import soundfile
import soxr
from numpy.random import Generator
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, Field

from callmood.types import SAMPLE_RATE
from model.augmentation import transforms
from model.augmentation.codecs import CODECS, transcode
from model.data.corpora import CorpusError

Samples = NDArray[np.float32]
Effect = Callable[[Samples, Generator], Samples]

SOUND_SUFFIXES = {".wav", ".flac", ".ogg", ".opus", ".mp3"}
EXCERPT_S = 10.0


def _in_order(ends: tuple[float, float]) -> tuple[float, float]:
    if ends[0] > ends[1]:
        raise ValueError(f"a range needs low <= high, got {ends[0]} and {ends[1]}")
    return ends


def _known(codec: str) -> str:
    if codec not in CODECS:
        raise ValueError(f"unknown codec {codec!r}; use one of: {', '.join(CODECS)}")
    return codec


Range = Annotated[tuple[float, float], AfterValidator(_in_order)]
CodecName = Annotated[str, AfterValidator(_known)]


class Transform(BaseModel, frozen=True, extra="forbid", validate_default=True):  # validated, so that 6 equals 6.0
    """A transform of a channel; its ranges are the parameters of `effect`."""

    effect: ClassVar[Callable[..., Samples]]
    probability: float = Field(1.0, ge=0, le=1)

    def sample(self, rng: Generator) -> Effect:
        """Sample the parameters for a whole call."""
        ranges = self.model_dump(exclude={"kind", "probability"})
        return partial(type(self).effect, **{name: rng.uniform(*ends) for name, ends in ranges.items()})


class Gain(Transform):
    """See `transforms.gain`."""

    effect = staticmethod(transforms.gain)
    kind: Literal["gain"] = "gain"
    db: Range = (-12, 6)


class Clip(Transform):
    """See `transforms.clip`."""

    effect = staticmethod(transforms.clip)
    kind: Literal["clip"] = "clip"
    over_db: Range = (3, 12)


class BandPass(Transform):
    """See `transforms.band_pass`."""

    effect = staticmethod(transforms.band_pass)
    kind: Literal["band_pass"] = "band_pass"
    low_hz: Range = (200, 350)
    high_hz: Range = (3000, 3600)


class Noise(Transform):
    """See `transforms.noise`; room noise falls by 6 dB per octave, line noise is flat."""

    effect = staticmethod(transforms.noise)
    kind: Literal["noise"] = "noise"
    snr_db: Range = (10, 40)
    tilt_db: Range = (-6, 0)


class PacketLoss(Transform):
    """See `transforms.lose_packets`."""

    effect = staticmethod(transforms.lose_packets)
    kind: Literal["packet_loss"] = "packet_loss"
    loss_rate: Range = (0.005, 0.1)
    burst_length: Range = (1, 3)


class Speed(Transform):
    """See `transforms.speed`."""

    effect = staticmethod(transforms.speed)
    kind: Literal["speed"] = "speed"
    factor: Range = (0.9, 1.1)


class Pitch(Transform):
    """See `transforms.pitch`."""

    effect = staticmethod(transforms.pitch)
    kind: Literal["pitch"] = "pitch"
    semitones: Range = (-2, 2)


class Hum(Transform):
    """See `transforms.hum`."""

    kind: Literal["hum"] = "hum"
    snr_db: Range = (15, 40)

    def sample(self, rng: Generator) -> Effect:
        """Choose a mains frequency of 50 or 60 Hz."""
        return partial(transforms.hum, snr_db=rng.uniform(*self.snr_db), mains_hz=rng.choice([50, 60]))


class Background(Transform):
    """See `transforms.background`; a sound of the folder (hold music, an office), or else synthetic hold music."""

    kind: Literal["background"] = "background"
    snr_db: Range = (10, 30)
    folder: Path | None = None

    def sample(self, rng: Generator) -> Effect:
        """Choose the sound."""
        sound = transforms.hold_music(rng) if self.folder is None else _excerpt(self.folder, rng)
        return partial(transforms.background, sound=sound, snr_db=rng.uniform(*self.snr_db))


class Reverberation(Transform):
    """See `transforms.room_response`."""

    kind: Literal["reverberation"] = "reverberation"
    rt60_s: Range = (0.15, 0.8)
    direct_db: Range = (0, 12)

    def sample(self, rng: Generator) -> Effect:
        """Sample the room's impulse response."""
        room = {"rt60_s": rng.uniform(*self.rt60_s), "direct_db": rng.uniform(*self.direct_db)}
        return partial(transforms.reverberate, response=transforms.room_response(rng, **room))


class SpeechCodec(Transform):
    """See `codecs.transcode`."""

    kind: Literal["codec"] = "codec"
    codecs: tuple[CodecName, ...] = Field(tuple(CODECS), min_length=1)

    def sample(self, rng: Generator) -> Effect:
        """Choose the codec."""
        codec = CODECS[self.codecs[rng.integers(len(self.codecs))]]
        return lambda samples, _: transcode(samples.clip(-1, 1), codec)


TelephoneChannel = tuple[
    Annotated[
        Gain | Clip | BandPass | Noise | Hum | Background | Reverberation | PacketLoss | Speed | Pitch | SpeechCodec,
        Field(discriminator="kind"),
    ],
    ...,
]
"""Transforms in their order of application; pydantic reads the type from TOML."""

DEFAULT_CHANNEL: TelephoneChannel = (
    Speed(probability=0.3),
    Reverberation(probability=0.3),
    Noise(probability=0.4, tilt_db=(-6, -3)),
    Background(probability=0.1),
    Gain(probability=0.5),
    Clip(probability=0.1),
    BandPass(probability=0.7),
    SpeechCodec(probability=0.8, codecs=tuple(name for name in CODECS if not name.startswith("mp3"))),
    PacketLoss(probability=0.2),
    Noise(probability=0.2, snr_db=(20, 45), tilt_db=(-1, 1)),
    Hum(probability=0.1),
    SpeechCodec(probability=0.2, codecs=tuple(name for name in CODECS if name.startswith("mp3"))),
)
"""TelephoneChannel: from the caller's room through the telephone network to the recorder."""


def sample_channel(channel: TelephoneChannel, rng: Generator) -> Effect:
    """Sample the channel of one call; noise and packet loss also vary with the generator of each utterance.

    Raises
    ------
    CorpusError
        A folder of sounds does not exist, or its sounds cannot be read.
    """
    effects = [transform.sample(rng) for transform in channel if rng.random() < transform.probability]

    def applied(samples: Samples, rng: Generator) -> Samples:
        for effect in effects:
            samples = effect(samples, rng)
        return samples.clip(-1, 1)

    return applied


def _excerpt(folder: Path, rng: Generator) -> Samples:
    """Return 10 s of a random sound in a folder, mono at 16 kHz."""
    sounds = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SOUND_SUFFIXES)
    if not sounds:
        raise CorpusError(f"{folder} contains no sound files ({', '.join(sorted(SOUND_SUFFIXES))})")
    path = sounds[rng.integers(len(sounds))]
    try:
        with soundfile.SoundFile(path) as file:
            wanted = int(EXCERPT_S * file.samplerate)
            file.seek(int(rng.integers(max(1, file.frames - wanted + 1))))
            found: NDArray[Any] = file.read(wanted, dtype="float32", always_2d=True)
            if not len(found):
                raise soundfile.SoundFileError("it is empty")
            return np.asarray(soxr.resample(found.mean(axis=1), file.samplerate, SAMPLE_RATE), np.float32)
    except soundfile.SoundFileError as error:
        raise CorpusError(f"{path} cannot be read: {error}; replace it, or remove it from {folder}") from None
