"""A telephone line as a list of steps, each with a chance and with ranges: what is drawn once holds for a whole call.

Written in a configuration as tables, done in the order in which they stand:

    [[data.line]]
    kind = "noise"
    probability = 0.5
    snr_db = [10, 30]

    [[data.line]]
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
from model.augmentation.codecs import CODECS, through
from model.data.corpora import CorpusError

Samples = NDArray[np.float32]
Effect = Callable[[Samples, Generator], Samples]

SOUNDS = {".wav", ".flac", ".ogg", ".opus", ".mp3"}
EXCERPT_S = 10.0


def _in_order(ends: tuple[float, float]) -> tuple[float, float]:
    if ends[0] > ends[1]:
        raise ValueError(f"a range goes from low to high, not from {ends[0]} to {ends[1]}")
    return ends


def _known(codec: str) -> str:
    if codec not in CODECS:
        raise ValueError(f"{codec!r} is no codec; these are: {', '.join(CODECS)}")
    return codec


Range = Annotated[tuple[float, float], AfterValidator(_in_order)]
CodecName = Annotated[str, AfterValidator(_known)]


class Step(BaseModel, frozen=True, extra="forbid", validate_default=True):  # so that 6 and 6.0 are one
    """One thing that may happen on the way; its ranges are what `effect` asks for."""

    effect: ClassVar[Callable[..., Samples]]
    probability: float = Field(1.0, ge=0, le=1)

    def draw(self, rng: Generator) -> Effect:
        """Settle what is the same for a whole call: each range's value."""
        ranges = self.model_dump(exclude={"kind", "probability"})
        return partial(type(self).effect, **{name: rng.uniform(*ends) for name, ends in ranges.items()})


class Gain(Step):
    """See `augment.gain`."""

    effect = staticmethod(transforms.gain)
    kind: Literal["gain"] = "gain"
    db: Range = (-12, 6)


class Clip(Step):
    """See `augment.clip`."""

    effect = staticmethod(transforms.clip)
    kind: Literal["clip"] = "clip"
    over_db: Range = (3, 12)


class BandPass(Step):
    """See `augment.band_pass`."""

    effect = staticmethod(transforms.band_pass)
    kind: Literal["band_pass"] = "band_pass"
    low_hz: Range = (200, 350)
    high_hz: Range = (3000, 3600)


class Noise(Step):
    """See `augment.noise`; falling by 6 dB an octave it is a room's, even a line's."""

    effect = staticmethod(transforms.noise)
    kind: Literal["noise"] = "noise"
    snr_db: Range = (10, 40)
    tilt_db: Range = (-6, 0)


class PacketLoss(Step):
    """See `augment.lose_packets`."""

    effect = staticmethod(transforms.lose_packets)
    kind: Literal["packet_loss"] = "packet_loss"
    share: Range = (0.005, 0.1)
    burst: Range = (1, 3)


class Speed(Step):
    """See `augment.speed`."""

    effect = staticmethod(transforms.speed)
    kind: Literal["speed"] = "speed"
    factor: Range = (0.9, 1.1)


class Pitch(Step):
    """See `augment.pitch`."""

    effect = staticmethod(transforms.pitch)
    kind: Literal["pitch"] = "pitch"
    semitones: Range = (-2, 2)


class Hum(Step):
    """See `augment.hum`."""

    kind: Literal["hum"] = "hum"
    snr_db: Range = (15, 40)

    def draw(self, rng: Generator) -> Effect:
        """Choose Europe's mains or America's."""
        return partial(transforms.hum, snr_db=rng.uniform(*self.snr_db), mains_hz=rng.choice([50, 60]))


class Background(Step):
    """See `augment.background`; one of a folder's sounds (hold music, a busy office), else a tune that is made up."""

    kind: Literal["background"] = "background"
    snr_db: Range = (10, 30)
    folder: Path | None = None

    def draw(self, rng: Generator) -> Effect:
        """Choose the sound."""
        sound = transforms.melody(rng) if self.folder is None else _excerpt(self.folder, rng)
        return partial(transforms.background, sound=sound, snr_db=rng.uniform(*self.snr_db))


class Reverberation(Step):
    """See `augment.room_response`."""

    kind: Literal["reverberation"] = "reverberation"
    rt60_s: Range = (0.15, 0.8)
    direct_db: Range = (0, 12)

    def draw(self, rng: Generator) -> Effect:
        """Build the room."""
        room = {"rt60_s": rng.uniform(*self.rt60_s), "direct_db": rng.uniform(*self.direct_db)}
        return partial(transforms.reverberate, response=transforms.room_response(rng, **room))


class Coding(Step):
    """See `codecs.through`."""

    kind: Literal["codec"] = "codec"
    codecs: tuple[CodecName, ...] = Field(tuple(CODECS), min_length=1)

    def draw(self, rng: Generator) -> Effect:
        """Choose the codec."""
        codec = CODECS[self.codecs[rng.integers(len(self.codecs))]]
        return lambda samples, _: through(samples.clip(-1, 1), codec)


Line = tuple[
    Annotated[
        Gain | Clip | BandPass | Noise | Hum | Background | Reverberation | PacketLoss | Speed | Pitch | Coding,
        Field(discriminator="kind"),
    ],
    ...,
]
"""Steps in the order in which they happen; a type that pydantic reads from TOML."""

USUAL: Line = (
    Speed(probability=0.3),
    Reverberation(probability=0.3),
    Noise(probability=0.4, tilt_db=(-6, -3)),
    Background(probability=0.1),
    Gain(probability=0.5),
    Clip(probability=0.1),
    BandPass(probability=0.7),
    Coding(probability=0.8, codecs=tuple(name for name in CODECS if not name.startswith("mp3"))),
    PacketLoss(probability=0.2),
    Noise(probability=0.2, snr_db=(20, 45), tilt_db=(-1, 1)),
    Hum(probability=0.1),
    Coding(probability=0.2, codecs=tuple(name for name in CODECS if name.startswith("mp3"))),
)
"""Line: from the caller's room through the line to the recorder, as calls vary."""


def draw(line: Line, rng: Generator) -> Effect:
    """Draw the steps of one call; what they make of each utterance also varies by its own chance.

    Raises
    ------
    CorpusError
        A folder of sounds is not there, or none of its sounds can be read.
    """
    effects = [step.draw(rng) for step in line if rng.random() < step.probability]

    def heard(samples: Samples, rng: Generator) -> Samples:
        for effect in effects:
            samples = effect(samples, rng)
        return samples.clip(-1, 1)

    return heard


def _excerpt(folder: Path, rng: Generator) -> Samples:
    """Ten seconds of a random sound of a folder, mono at 16 kHz."""
    sounds = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SOUNDS)
    if not sounds:
        raise CorpusError(f"{folder} holds no sound ({', '.join(sorted(SOUNDS))}); name a folder that does")
    path = sounds[rng.integers(len(sounds))]
    try:
        with soundfile.SoundFile(path) as file:
            wanted = int(EXCERPT_S * file.samplerate)
            file.seek(int(rng.integers(max(1, file.frames - wanted + 1))))
            found: NDArray[Any] = file.read(wanted, dtype="float32", always_2d=True)
            if not len(found):
                raise soundfile.SoundFileError("it is empty")
            return soxr.resample(found.mean(axis=1), file.samplerate, SAMPLE_RATE)
    except soundfile.SoundFileError as error:
        raise CorpusError(f"{path} cannot be read: {error}; mend it, or take it out of {folder}") from None
