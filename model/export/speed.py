"""Measure the processor time of a model file per segment, relative to a reference file.

The time is the thread's processor time, including the spectrogram. It hardly depends on the load of the machine, except
for the caches. The two files are measured alternately, under the same conditions.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

from callmood.emotion.model import EmotionModel, load_model
from callmood.types import SAMPLE_RATE

SECONDS = 3.0
ROUNDS = 60
WARM_UP_ROUNDS = 3  # with cold caches


def measure(models: list[EmotionModel], rounds: int = ROUNDS) -> list[float]:
    """Measure each model's median time for 3 s of audio, in ms."""
    rng = np.random.default_rng(0)
    samples = (0.1 * rng.standard_normal(int(SECONDS * SAMPLE_RATE))).astype(np.float32)
    measured: list[list[float]] = [[] for _ in models]
    for number in range(rounds + WARM_UP_ROUNDS):
        for model, times in zip(models, measured, strict=True):
            started = time.thread_time()
            embedding = model.embed(samples)[None]
            model.classify(embedding, model.estimate_baseline(embedding, np.array([SECONDS], np.float32)))
            if number >= WARM_UP_ROUNDS:
                times.append(1000 * (time.thread_time() - started))
    return [statistics.median(times) for times in measured]


def report(file: Path, reference_file: Path) -> dict[str, Any]:
    """Measure a model file against a reference file.

    Returns
    -------
    dict
        `milliseconds` and `reference_milliseconds` for 3 s of audio, their `ratio`, and the file's `megabytes`.
    """
    model, reference = load_model(file), load_model(reference_file)
    milliseconds, reference_milliseconds = measure([model, reference])
    return {
        "kind": "speed",
        "model": model.version,
        "reference": reference.version,
        "runtime": model.runtime,
        "seconds": SECONDS,
        "milliseconds": round(milliseconds, 2),
        "reference_milliseconds": round(reference_milliseconds, 2),
        "ratio": round(milliseconds / reference_milliseconds, 3),
        "megabytes": round(file.stat().st_size / 1e6, 2),
    }
