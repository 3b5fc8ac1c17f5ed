"""What a model file answers on one runtime: `python -m model parity --model F --manifest M --runtime R`.

`model.export.export` runs this for each runtime, in a process of its own: TensorFlow and tflite-runtime do not share one.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from callmood.emotion.baseline import estimate_baseline
from callmood.emotion.model import RUNTIMES, load_model
from callmood.types import EMOTIONS, SAMPLE_RATE
from model.data import manifest
from model.data.corpora import Clip, has_human_speakers, load

CLIPS = 24
EVEN = dict.fromkeys(EMOTIONS, 1 / len(EMOTIONS))


def some_clips(rows: Sequence[manifest.Row]) -> list[Clip]:
    """Choose some clips of people, evenly from all there are."""
    people = [row for row in rows if has_human_speakers(row.corpus)]
    return [people[i].as_clip() for i in np.unique(np.linspace(0, len(people) - 1, CLIPS).astype(int))]


def durations_s(sounds: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """How long clips last, in seconds."""
    return np.array([len(sound) for sound in sounds], np.float32) / SAMPLE_RATE


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--runtime", choices=RUNTIMES, required=True)
    args = parser.parse_args()
    model = load_model(args.model, args.runtime)
    sounds = [load(clip) for clip in some_clips(manifest.read(args.manifest))]
    embedded = np.stack([model.embed(sound) for sound in sounds])
    answers = model.classify(embedded, estimate_baseline(embedded, durations_s(sounds)), EVEN)
    print(json.dumps(answers.tolist()))


if __name__ == "__main__":
    main()
