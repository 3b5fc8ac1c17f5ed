"""Write calls with audio: each segment has a tone of its own frequency, and its own emotion."""

import numpy as np
import soundfile
from table_rows import commit_row, segment_row

from callmood.sources.folder import content_sha256, file_ref
from callmood.types import EMOTIONS
from callmood.warehouse.duckdb import DuckDBWarehouse

SEGMENTS = 6


def tone_frequency(call, segment):
    return 300 + 100 * call + 20 * segment


def create_tone_calls(folder, calls=4):
    """Write two-channel recordings, with the customer in the second channel, and a store with their segments."""
    store = DuckDBWarehouse(folder / "calls.duckdb")
    segments, commits = [], []
    for call in range(calls):
        path = folder / "calls" / f"{call}.wav"
        path.parent.mkdir(exist_ok=True)
        t = np.arange(5 * SEGMENTS * 8000) / 8000
        customer = np.concatenate(
            [0.3 * np.sin(2 * np.pi * tone_frequency(call, i) * t[: 5 * 8000]) for i in range(SEGMENTS)]
        )  # segment i covers seconds 5 i to 5 i + 3
        soundfile.write(path, np.stack([np.zeros_like(customer), customer], 1), 8000)
        ref = file_ref(path)
        shared = {
            "analysis_id": f"{call:032d}",
            "recording_id": ref.recording_id,
            "call_date": f"2026-11-0{call + 1}",
            "call_id": str(1000 + call),
        }
        customer_id = f"c{call % 3}"  # the first and the fourth call have the same customer
        place = {"uri": ref.uri, "bucket": "", "object": ref.name, "generation": ref.generation}
        commit = commit_row(
            **shared, **place, customer_id=customer_id, content_sha256=content_sha256(path), language="en"
        )
        commits.append(commit)
        segments += [
            segment_row(
                i, **shared, segment_id=f"{call:016d}{i:016d}", **_emotion_columns(EMOTIONS[i], 0.4 + 0.1 * call)
            )
            for i in range(SEGMENTS)
        ]
    store.append("segments", segments)
    store.append("recordings", commits)
    return store


def _emotion_columns(emotion, probability):
    others = (1 - probability) / 5
    p = {f"p_{e}": probability if e == emotion else others for e in EMOTIONS}
    return {"emotion": emotion, "confidence": probability, **p}
