"""A tiny corpus in CREMA-D's layout: each emotion is a pitch, so that a head can learn it."""

import csv

import numpy as np
import soundfile
from voices import voice

from callmood.recording import EMOTIONS


def write_cremad(folder, speakers=3, takes=1):
    """Write 3 s clips of every emotion for each speaker; the last speaker is the split `valid`."""
    (folder / "audio").mkdir(parents=True)
    rows = []
    for speaker in range(speakers):
        for number, emotion in enumerate(EMOTIONS):
            for take in range(takes):
                name = f"{1001 + speaker}_{take}_{emotion}"
                samples = voice(3.0, seed=100 * speaker + take, pitch_hz=90 + 40 * number + 10 * speaker)
                loudness = np.float32(0.4 + 0.1 * number)
                soundfile.write(folder / "audio" / f"{name}.opus", loudness * samples, 16000, "OPUS", format="OGG")
                split = "valid" if speaker == speakers - 1 else "train"
                rows.append({"clip": name, "speaker": 1001 + speaker, "emotion": emotion, "split": split})
    with (folder / "clips.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return folder
