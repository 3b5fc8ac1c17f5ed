"""Embeddings of a corpus as one array, made by the serving code and kept on disk: then heads train in seconds."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from callmood.emotion import EmotionModel
from model.channels import CHANNELS
from model.corpora import Clip, load


def embeddings(model: EmotionModel, clips: Sequence[Clip], channel: str, cache: Path) -> NDArray[np.float32]:
    """Embed every clip as heard through a channel.

    Parameters
    ----------
    model : EmotionModel
    clips : sequence of Clip
    channel : str
        A name in `model.channels.CHANNELS`.
    cache : Path
        Folder where the result is kept, under a name made of the model's version, the channel and the clips' paths.

    Returns
    -------
    ndarray of float32, shape (len(clips), 3072)
    """
    paths = "\n".join(str(clip.path) for clip in clips)
    file = cache / f"{model.version}-{channel}-{hashlib.sha256(paths.encode()).hexdigest()[:12]}.npy"
    if not file.exists():
        heard = CHANNELS[channel]
        embedded = np.stack([model.embed(heard(load(clip))) for clip in tqdm(clips, f"embedding, {channel}")])
        cache.mkdir(parents=True, exist_ok=True)
        np.save(file, embedded)
    return np.load(file)
