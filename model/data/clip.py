"""One labeled utterance, and how a corpus says what is wrong with its folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from callmood.errors import CallmoodError
from callmood.types import SAMPLE_RATE

_SIZE_UNKNOWN = 0xFFFFFFFF  # written by programs that cannot seek


class CorpusError(CallmoodError):
    """A corpus's folder or list cannot be used as it is; the message names files or lines, and what to do."""


@dataclass(frozen=True)
class Clip:
    """One labeled utterance.

    Parameters
    ----------
    path : Path
    corpus, speaker : str
        A speaker's name is unique within the corpus.
    emotion : str
        One of `EMOTIONS`. A reader also hands over what its corpus has besides (surprise, boredom, song), which
        `read` leaves out and counts.
    split : str
        "train", "valid" or "test"; a published corpus without splits of its own is all "valid".
    name : str
        Unique within the corpus.
    language : str
        ISO 639-1 code; empty where it is not known.
    sex : {"female", "male"}, optional
    age : int, optional
        Years.
    race : str, optional
        In the publisher's words.
    votes : mapping of str to int, optional
        How many listeners heard each of `EMOTIONS` in the voice alone.
    """

    path: Path
    corpus: str
    speaker: str
    emotion: str
    split: str
    name: str = ""
    language: str = ""
    sex: str | None = None
    age: int | None = None
    race: str | None = None
    votes: Mapping[str, int] | None = None


def load(clip: Clip) -> NDArray[np.float32]:
    """Decode a clip: mono, 16 kHz, shape (n,), in [-1, 1].

    Raises
    ------
    CorpusError
        It cannot be decoded, holds less than a hundredth of a second, or samples that are no numbers.
    """
    try:
        samples, rate = soundfile.read(clip.path, dtype="float32", always_2d=True)
    except soundfile.SoundFileError as error:
        raise CorpusError(f"{clip.path} cannot be decoded: {error}; fetch it anew") from None
    if len(samples) * 100 <= rate:
        raise CorpusError(f"{clip.path} holds no more than {len(samples)} samples; fetch it anew, or leave it out")
    if not np.isfinite(samples).all():
        raise CorpusError(f"{clip.path} has samples that are no numbers; fetch it anew, or leave it out")
    mono = samples.mean(axis=1)
    return mono if rate == SAMPLE_RATE else soxr.resample(mono, rate, SAMPLE_RATE)


def what_ails(path: Path) -> str | None:
    """Say why a clip cannot be read, from its header alone; None where nothing ails it.

    libsndfile reads what there is of a WAV file that was cut off, without a word, so the header's size is held against
    the file's. A few bytes amiss are common and harmless; less than nine tenths of what was promised is a torn copy.
    """
    with path.open("rb") as file:
        begins = file.read(64)
    if begins.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer; run `git lfs pull` in the corpus's clone"
    promised = int.from_bytes(begins[4:8], "little") if begins.startswith(b"RIFF") else 0
    if promised != _SIZE_UNKNOWN and path.stat().st_size < 0.9 * promised:
        return "cut off; fetch it anew"
    try:
        soundfile.info(path)
    except soundfile.SoundFileError:
        return "no audio, or damaged; fetch it anew"
    return None


def some(names: Iterable[object], most: int = 5) -> str:
    """Name the first few of many: one a line, and how many more there are."""
    listed = [str(name) for name in names]
    more = [f"and {len(listed) - most} more"] if len(listed) > most else []
    return "".join(f"\n  {line}" for line in listed[:most] + more)
