"""A disk cache of clip embeddings, computed by the serving code."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from callmood.types import SAMPLE_RATE
from model.augmentation.conditions import AcousticCondition, apply_condition
from model.data.corpora import Clip
from model.files import atomic_write

Embedded = tuple[NDArray[np.floating[Any]], NDArray[np.float32]]


class Embedder(Protocol):
    """Computes an array of fixed shape from a clip's samples; `EmotionModel` is one."""

    version: str

    def embed(self, samples: NDArray[np.float32], /) -> NDArray[np.floating[Any]]:
        """Embed one clip: mono, 16 kHz."""
        ...


def embeddings(model: Embedder, clips: Sequence[Clip], condition: AcousticCondition, cache: Path) -> Embedded:
    """Embed every clip under a condition.

    Parameters
    ----------
    model : Embedder
    clips : sequence of Clip
        Of any corpora.
    condition : AcousticCondition
    cache : Path
        Folder with one file for each speaker. Its key contains the model's version, the condition, and the clips'
        names and content. An interrupted run continues after the last speaker.

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
    for speaker in track(np.unique(speakers), f"embedding: {condition.channel}, {condition.crop}"):
        indices = np.flatnonzero(speakers == speaker)
        order.append(indices)
        parts.append(_cached(model, [clips[i] for i in indices], condition, cache))
    back = np.argsort(np.concatenate(order))
    return np.concatenate([e for e, _ in parts])[back], np.concatenate([d for _, d in parts])[back]


def _cached(model: Embedder, clips: Sequence[Clip], condition: AcousticCondition, cache: Path) -> Embedded:
    """Read the embeddings of one speaker's clips from the cache, or compute them."""
    key = hashlib.sha256(f"{model.version} {condition!r} {clips[0].speaker}".encode())
    for clip in clips:
        key.update(clip.path.name.encode())
        key.update(hashlib.sha256(clip.path.read_bytes()).digest())
    file = cache / f"{key.hexdigest()[:20]}.npz"
    if not file.exists():
        sounds = apply_condition(clips, condition)
        embedded = np.stack([model.embed(samples) for samples in sounds])
        durations_s = np.array([len(samples) / SAMPLE_RATE for samples in sounds], np.float32)
        with atomic_write(file) as unfinished, unfinished.open("wb") as opened:
            np.savez(opened, embedded=embedded, durations_s=durations_s)
    with np.load(file) as arrays:
        return arrays["embedded"], arrays["durations_s"]
