"""Compute the predictions of a model file on one runtime, to compare them with the network's.

`model.export.export` starts one process per runtime, because TensorFlow and tflite-runtime cannot share a process.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from callmood.emotion.baseline import SpeakerBaseline
from callmood.emotion.model import load_model
from callmood.types import EMOTIONS, SAMPLE_RATE
from model.data import manifest
from model.data.corpora import Clip, has_human_speakers, load

CLIPS = 24
UNIFORM_PRIOR = dict.fromkeys(EMOTIONS, 1 / len(EMOTIONS))


def sample_clips(rows: Sequence[manifest.Row]) -> list[Clip]:
    """Select clips of people at equal intervals from a manifest."""
    people = [row for row in rows if has_human_speakers(row.corpus)]
    return [people[i].as_clip() for i in np.unique(np.linspace(0, len(people) - 1, CLIPS).astype(int))]


def durations_s(clips: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the durations of decoded clips, in seconds."""
    return np.array([len(samples) for samples in clips], np.float32) / SAMPLE_RATE


def mean_baseline(embedded: NDArray[np.float32], seconds: NDArray[np.float32]) -> SpeakerBaseline:
    """Return the baseline of all clips. An estimated one would differ where a probability is near a threshold."""
    mean, shares = seconds @ embedded / seconds.sum(), np.zeros(len(EMOTIONS), np.float32)
    return SpeakerBaseline(mean, float(seconds.sum()), shares)


def predict(file: Path, manifest_file: Path, runtime: str) -> NDArray[np.float32]:
    """Predict sample clips of a manifest with a model file on a runtime: probabilities, shape (n, 6)."""
    model = load_model(file, runtime)
    decoded = [load(clip) for clip in sample_clips(manifest.read(manifest_file))]
    embedded = np.stack([model.embed(samples) for samples in decoded])
    return model.classify(embedded, mean_baseline(embedded, durations_s(decoded)), UNIFORM_PRIOR)
