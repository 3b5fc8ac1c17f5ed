"""Emotional speech corpora, read as their publishers lay them out, with one name for each emotion."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from callmood.features import SAMPLE_RATE
from callmood.recording import EMOTIONS


@dataclass(frozen=True)
class Clip:
    """One labelled utterance."""

    path: Path
    corpus: str
    speaker: str
    emotion: str  # one of EMOTIONS
    split: str  # "train" or "valid"; a corpus without splits of its own is all "valid"


def cremad(folder: Path) -> list[Clip]:
    """CREMA-D: 91 actors, 12 English sentences, six emotions; `clips.csv` has labels and a speaker-disjoint split."""
    return [
        Clip(folder / "audio" / f"{row['clip']}.opus", "cremad", row["speaker"], row["emotion"], row["split"])
        for row in _rows(folder)
    ]


def emodb(folder: Path) -> list[Clip]:
    """Berlin EMO-DB: 10 actors, 10 German sentences; its seventh emotion, boredom, is left out."""
    return [
        Clip(folder / "audio" / f"{row['clip']}.opus", "emodb", row["speaker"], row["emotion"], "valid")
        for row in _rows(folder)
        if row["emotion"] in EMOTIONS
    ]


CORPORA = {"cremad": cremad, "emodb": emodb}
"""dict of str to callable: each corpus's reader, by the name of its folder."""


def load(clip: Clip) -> NDArray[np.float32]:
    """Decode a clip: mono, 16 kHz, shape (n,), in [-1, 1]."""
    samples, rate = soundfile.read(clip.path, dtype="float32", always_2d=True)
    mono = samples.mean(axis=1)
    return mono if rate == SAMPLE_RATE else soxr.resample(mono, rate, SAMPLE_RATE)


def _rows(folder: Path) -> Iterator[dict[str, str]]:
    with (folder / "clips.csv").open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)
