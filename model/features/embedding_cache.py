"""Embeddings of a corpus, made by the serving code and kept on disk: then heads train in seconds."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from callmood.types import SAMPLE_RATE
from model.augmentation.conditions import Hearing, hear
from model.data.corpora import Clip
from model.files import replacing

Embedded = tuple[NDArray[np.floating[Any]], NDArray[np.float32]]


class Embedder(Protocol):
    """What makes an array, always of one shape, of a clip's samples: an `EmotionModel`, or a part of one."""

    version: str

    def embed(self, samples: NDArray[np.float32], /) -> NDArray[np.floating[Any]]:
        """Hear one clip: mono, 16 kHz."""
        ...


def embeddings(model: Embedder, clips: Sequence[Clip], hearing: Hearing, cache: Path) -> Embedded:
    """Embed every clip as heard.

    Parameters
    ----------
    model : Embedder
    clips : sequence of Clip
        Of any corpora.
    hearing : Hearing
    cache : Path
        Folder where each speaker's embeddings are kept, under a name made of the model's version, the hearing and the
        clips' names and bytes. What was stopped half way goes on after the last speaker.

    Returns
    -------
    embedded : ndarray of float, shape (len(clips), ...)
    durations_s : ndarray of float32, shape (len(clips),)

    Raises
    ------
    CorpusError
        A clip cannot be decoded.
    """
    speakers = np.array([f"{clip.corpus}/{clip.speaker}" for clip in clips])
    order, parts = [], []
    for speaker in track(np.unique(speakers), f"embedding: {hearing.channel}, {hearing.span}"):
        mine = np.flatnonzero(speakers == speaker)
        order.append(mine)
        parts.append(_kept(model, [clips[i] for i in mine], hearing, cache))
    back = np.argsort(np.concatenate(order))
    return np.concatenate([e for e, _ in parts])[back], np.concatenate([d for _, d in parts])[back]


def _kept(model: Embedder, clips: Sequence[Clip], hearing: Hearing, cache: Path) -> Embedded:
    """Embed clips of one speaker, or remember them."""
    key = hashlib.sha256(f"{model.version} {hearing!r} {clips[0].speaker}".encode())
    for clip in clips:
        key.update(clip.path.name.encode())
        key.update(hashlib.sha256(clip.path.read_bytes()).digest())
    file = cache / f"{key.hexdigest()[:20]}.npz"
    if not file.exists():
        heard = hear(clips, hearing)
        embedded = np.stack([model.embed(samples) for samples in heard])
        durations_s = np.array([len(samples) / SAMPLE_RATE for samples in heard], np.float32)
        with replacing(file) as unfinished, unfinished.open("wb") as opened:
            np.savez(opened, embedded=embedded, durations_s=durations_s)
    with np.load(file) as kept:
        return kept["embedded"], kept["durations_s"]
