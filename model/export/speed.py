"""How long a model file takes for a segment, held against another in the same run.

    python -m model speed --model FILE.tflite --reference model/emotion.tflite --json OUT

What counts is the thread's processor time, spectrogram included: it says the same on a busy machine, give or take what
others leave of the caches. Both files take turns, so that both meet the same.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from callmood.emotion.baseline import estimate_baseline
from callmood.emotion.model import EmotionModel, load_model
from callmood.errors import ModelError
from callmood.resources import MODEL
from callmood.types import SAMPLE_RATE
from model import remote_paths
from model.files import write_json

SECONDS = 3.0
TURNS = 60


def milliseconds(models: list[EmotionModel], turns: int = TURNS) -> list[float]:
    """Median time of each model for 3 s of sound, in ms."""
    rng = np.random.default_rng(0)
    sound = (0.1 * rng.standard_normal(int(SECONDS * SAMPLE_RATE))).astype(np.float32)
    took: list[list[float]] = [[] for _ in models]
    for turn in range(turns + 3):  # the first few find cold caches
        for model, times in zip(models, took, strict=True):
            begun = time.thread_time()
            embedding = model.embed(sound)[None]
            model.classify(embedding, estimate_baseline(embedding, np.array([SECONDS], np.float32)))
            if turn >= 3:
                times.append(1000 * (time.thread_time() - begun))
    return [statistics.median(times) for times in took]


def report(file: Path, reference: Path) -> dict[str, Any]:
    """Measure one file against another.

    Returns
    -------
    dict
        `milliseconds` and `reference_milliseconds` for 3 s, `ratio` of the two, `megabytes` of the file.
    """
    model, other = load_model(file), load_model(reference)
    mine, its = milliseconds([model, other])
    return {
        "kind": "speed",
        "model": model.version,
        "reference": other.version,
        "runtime": model.runtime,
        "seconds": SECONDS,
        "milliseconds": round(mine, 2),
        "reference_milliseconds": round(its, 2),
        "ratio": round(mine / its, 3),
        "megabytes": round(file.stat().st_size / 1e6, 2),
    }


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=remote_paths.source, required=True)
    parser.add_argument("--reference", type=remote_paths.source, default=MODEL / "emotion.tflite")
    parser.add_argument("--json", type=remote_paths.target, help="where the report goes")
    args = parser.parse_args()
    try:
        found = report(args.model, args.reference)
        if args.json:
            write_json(args.json, found)
    except (ModelError, OSError) as error:
        sys.exit(f"error: {error}")
    print("{milliseconds} ms for 3 s, {ratio} times the reference's {reference_milliseconds} ms".format(**found))


if __name__ == "__main__":
    remote_paths.run(main)
