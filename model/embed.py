"""Embeddings of a corpus, made by the serving code and kept on disk: then heads train in seconds."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from callmood.emotion import EmotionModel
from callmood.features import SAMPLE_RATE
from model.corpora import Clip
from model.hearing import Hearing, hear


def embeddings(
    model: EmotionModel, clips: Sequence[Clip], hearing: Hearing, cache: Path
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Embed every clip as heard.

    Parameters
    ----------
    model : EmotionModel
    clips : sequence of Clip
        Of one corpus.
    hearing : Hearing
    cache : Path
        Folder where the result is kept, under a name made of the model's version, the hearing and the clips' paths.

    Returns
    -------
    embedded : ndarray of float32, shape (len(clips), 3072)
    durations_s : ndarray of float32, shape (len(clips),)
    """
    key = hashlib.sha256("\n".join([model.version, repr(hearing), *(str(clip.path) for clip in clips)]).encode())
    file = cache / f"{key.hexdigest()[:16]}.npz"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(file, *_embed(model, clips, hearing))
    with np.load(file) as kept:
        return kept["arr_0"], kept["arr_1"]


def _embed(
    model: EmotionModel, clips: Sequence[Clip], hearing: Hearing
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    embedded = [np.empty(0, np.float32)] * len(clips)
    durations_s = np.empty(len(clips), np.float32)
    speakers = np.array([clip.speaker for clip in clips])
    for speaker in track(np.unique(speakers), f"embedding: {hearing.channel}, {hearing.span}"):
        mine = np.flatnonzero(speakers == speaker)
        for i, samples in zip(mine, hear([clips[i] for i in mine], hearing), strict=True):
            embedded[i] = model.embed(samples)
            durations_s[i] = len(samples) / SAMPLE_RATE
    return np.stack(embedded), durations_s
