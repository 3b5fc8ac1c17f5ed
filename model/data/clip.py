"""Labeled clips, their decoding, and errors of corpora."""

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
    """A corpus is unusable; the message names the files or lines and the fix."""


@dataclass(frozen=True)
class Clip:
    """One labeled utterance.

    Parameters
    ----------
    path : Path
    corpus, speaker : str
        A speaker's name is unique within the corpus.
    emotion : str
        One of `EMOTIONS`. Readers also return other kinds (surprise, boredom, song), which `read` excludes and counts.
    split : str
        "train", "valid", or "test"; all "valid" in a published corpus without splits.
    name : str
        Unique within the corpus.
    language : str
        ISO 639-1 code; empty if unknown.
    sex : {"female", "male"}, optional
    age : int, optional
        Years.
    race : str, optional
        In the publisher's words.
    votes : mapping of str to int, optional
        Number of listeners who chose each of `EMOTIONS` for the audio.
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
    """Decode a clip; return mono samples at 16 kHz, shape (n,), in [-1, 1].

    Raises
    ------
    CorpusError
        The clip cannot be decoded, is shorter than 10 ms, or contains NaN or infinite samples.
    """
    try:
        samples, rate = soundfile.read(clip.path, dtype="float32", always_2d=True)
    except soundfile.SoundFileError as error:
        raise CorpusError(f"{clip.path} cannot be decoded: {error}; download it again") from None
    if len(samples) * 100 <= rate:
        raise CorpusError(f"{clip.path} has only {len(samples)} samples; download it again, or remove it")
    if not np.isfinite(samples).all():
        raise CorpusError(f"{clip.path} contains NaN or infinite samples; download it again, or remove it")
    mono = samples.mean(axis=1)
    return mono if rate == SAMPLE_RATE else np.asarray(soxr.resample(mono, rate, SAMPLE_RATE), np.float32)


def find_defect(path: Path) -> str | None:
    """Return why a clip cannot be read, from its header alone; None if it can.

    libsndfile reads truncated WAV files without an error, so this function compares the size in the header with the
    file's. A difference of a few bytes is common and harmless; less than 90 % of the size is a truncated copy.
    """
    with path.open("rb") as file:
        header = file.read(64)
    if header.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer; run `git lfs pull` in the clone of the corpus"
    expected = int.from_bytes(header[4:8], "little") if header.startswith(b"RIFF") else 0
    if expected != _SIZE_UNKNOWN and path.stat().st_size < 0.9 * expected:
        return "truncated; download it again"
    try:
        soundfile.info(path)
    except soundfile.SoundFileError:
        return "not audio, or damaged; download it again"
    return None


def itemized(items: Iterable[object], limit: int = 5) -> str:
    """Format the first items, one per line, and the number of others."""
    listed = [str(item) for item in items]
    more = [f"and {len(listed) - limit} more"] if len(listed) > limit else []
    return "".join(f"\n  {line}" for line in listed[:limit] + more)
