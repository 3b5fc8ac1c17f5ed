"""Random projection of embeddings: enough dimensions to detect drift, too few to identify a speaker."""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np
from numpy.typing import NDArray

PROJECTIONS = 8
"""int: number of dimensions of the projection."""


def project(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Project embeddings onto random directions, which are fixed for each embedding size.

    Random directions approximately preserve distances (Johnson and Lindenstrauss, 1984; with random signs: Achlioptas,
    2003).

    Parameters
    ----------
    embeddings : ndarray of float32, shape (k, d)
        From `EmotionModel.embed`: 0 is the mean of the training corpus, 1 is one standard deviation. Any d.

    Returns
    -------
    ndarray of float32, shape (k, 8)
        On the scale of the embeddings.
    """
    d = embeddings.shape[1]
    return np.asarray(embeddings @ _directions(d) / np.float32(np.sqrt(d)), np.float32)


@cache
def _directions(d: int) -> NDArray[np.float32]:
    """Return random signs, (d, 8), from the bits of SHAKE-256: random generators of libraries may change."""
    bits = np.unpackbits(
        np.frombuffer(hashlib.shake_256(b"callmood projections").digest(d * PROJECTIONS // 8), np.uint8)
    )
    return bits.reshape(d, PROJECTIONS).astype(np.float32) * 2 - 1
