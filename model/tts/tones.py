"""A corpus of synthetic tones, to try the pipeline without a corpus: each emotion is a pitch and a level.

A model trained on it recognizes these tones and no human emotions.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from callmood.types import EMOTIONS, SAMPLE_RATE


def voice(seconds: float, seed: int = 0, pitch_hz: float = 120.0) -> NDArray[np.float32]:
    """Return a buzz with varying pitch and a little noise: mono, 16 kHz."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    phase = 2 * np.pi * np.cumsum(pitch_hz + 30 * np.sin(3 * t)) / SAMPLE_RATE
    buzz = np.sum([np.sin(k * phase) / k for k in range(1, 20)], axis=0) * (0.3 + 0.2 * np.sin(8 * t))
    return np.asarray(0.2 * buzz + 0.003 * rng.normal(size=len(t)), np.float32)


def write_corpus(folder: Path, speakers: int = 4, takes: int = 3) -> Path:
    """Write `takes` clips of 3 s for each speaker and emotion; the last speaker is the split "valid".

    The folder's layout is that of `--corpus csv` and of a prepared published corpus.
    """
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    rows = []
    for speaker in range(speakers):
        for number, emotion in enumerate(EMOTIONS):
            for take in range(takes):
                name = f"{1001 + speaker}_{take}_{emotion}"
                samples = voice(3.0, seed=100 * speaker + take, pitch_hz=90 + 40 * number + 3 * speaker)
                loudness = np.float32(0.4 + 0.1 * number)
                soundfile.write(folder / f"audio/{name}.opus", loudness * samples, SAMPLE_RATE, "OPUS", format="OGG")
                row = {"clip": name, "path": f"audio/{name}.opus", "speaker": 1001 + speaker, "emotion": emotion}
                rows.append(row | {"split": "valid" if speaker == speakers - 1 else "train"})
    with (folder / "clips.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return folder
