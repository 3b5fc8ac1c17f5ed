"""Fit the distribution of speakers' baselines on training speakers and telephone lines."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from callmood.emotion.baseline import BaselineParameters
from callmood.types import EMOTIONS
from model.training.baseline_sampling import NEUTRAL

DIRECTIONS = 150
"""int: maximum number of principal directions; they contain most of the variance between voices."""

# Mean share of each emotion in the baselines that the head is trained with (`baseline_sampling.sample_emotion_mixes`).
_TYPICAL_SHARE = (1 / 3) / (len(EMOTIONS) - 1)

_SAMPLED_ROWS = 8000  # for the principal directions


def fit_baseline(
    embedded: NDArray[np.float32], labels: NDArray[np.intp], groups: NDArray[np.intp]
) -> BaselineParameters:
    """Fit the parameters of `callmood.emotion.baseline.BaselineEstimator`.

    Parameters
    ----------
    embedded : ndarray of float32, shape (m, d)
        Embeddings of clips.
    labels : ndarray of int, shape (m,)
        Emotion of each clip.
    groups : ndarray of int, shape (m,)
        Clips with the same number share a speaker and a telephone line.

    Returns
    -------
    BaselineParameters
        Emotions without clips have the offset of neutral.

    Raises
    ------
    ValueError
        No group has neutral clips.
    """
    with_neutral = np.unique(groups[labels == NEUTRAL])
    if not len(with_neutral):
        raise ValueError("no speaker has neutral clips, which the speaker baseline requires")
    kept = np.isin(groups, with_neutral)
    embedded, labels, groups = embedded[kept], labels[kept], groups[kept]
    sampled = embedded[:: max(1, len(embedded) // _SAMPLED_ROWS)].astype(np.float64)
    _, _, components = np.linalg.svd(sampled - sampled.mean(axis=0), full_matrices=False)
    directions = components[:DIRECTIONS].T.astype(np.float16).astype(np.float32)  # (d, k); stored in half precision
    projected = (embedded @ directions).astype(np.float64)  # (m, k)
    baselines = {g: projected[(groups == g) & (labels == NEUTRAL)].mean(axis=0) for g in with_neutral}
    residuals = projected - np.stack([baselines[g] for g in groups])
    present = [e for e in range(len(EMOTIONS)) if e != NEUTRAL and (labels == e).any()]
    offsets = np.zeros((len(EMOTIONS), directions.shape[1]))
    for e in present:
        offsets[e] = residuals[labels == e].mean(axis=0)
    own = [
        residuals[selected].mean(axis=0) - offsets[e]
        for g in with_neutral
        for e in present
        if (selected := (groups == g) & (labels == e)).sum() > 1
    ]
    counted = [e for e in present if EMOTIONS[e] != "anger"]
    centers = np.stack(list(baselines.values()))
    return BaselineParameters(
        directions=directions,
        offsets=offsets,
        between=centers.T @ centers / len(centers),
        expression=_second_moment(own, directions.shape[1]),
        within=_second_moment(residuals - offsets[labels], directions.shape[1]),
        typical=_TYPICAL_SHARE * offsets[counted].sum(axis=0),
        neutral=NEUTRAL,
    )


def _second_moment(rows: list[NDArray[np.float64]] | NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """Return the mean outer product of rows (n, k), with a small ridge so that it can be inverted."""
    stacked = np.reshape(rows, (-1, k))
    moment = stacked.T @ stacked / max(1, len(stacked))
    return np.asarray(moment + 1e-6 * (1 + np.trace(moment) / k) * np.eye(k))
