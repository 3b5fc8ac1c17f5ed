"""A few numbers in an embedding's place: enough to see that voices have changed, too few to know whose they are."""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np
from numpy.typing import NDArray

PROJECTIONS = 8
"""int: numbers that stand for an embedding."""


def project(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Project embeddings onto a few random directions, always the same for embeddings of one size.

    Random directions keep distances as well as any that know nothing of what will change (Johnson and Lindenstrauss,
    1984; with signs alone: Achlioptas, 2003).

    Parameters
    ----------
    embeddings : ndarray of float32, shape (k, d)
        From `EmotionModel.embed`: 0 is the training corpus's mean, 1 one standard deviation; any d.

    Returns
    -------
    ndarray of float32, shape (k, 8)
        About as large as the embeddings' own entries.
    """
    d = embeddings.shape[1]
    return np.asarray(embeddings @ _directions(d) / np.float32(np.sqrt(d)), np.float32)


@cache
def _directions(d: int) -> NDArray[np.float32]:
    """Signs, (d, 8): SHAKE-256's bits, since no library's random numbers are promised to stay what they are."""
    bits = np.unpackbits(
        np.frombuffer(hashlib.shake_256(b"callmood projections").digest(d * PROJECTIONS // 8), np.uint8)
    )
    return bits.reshape(d, PROJECTIONS).astype(np.float32) * 2 - 1
