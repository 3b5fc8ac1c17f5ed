"""Calls as the view `call_features` shows them, as many as a test wants, and a reference made of such."""

import json

import numpy as np

from callmood.monitoring.drift import COUNTS, MEANS, Reference

EMOTION_SHARES = (0.1, 0.03, 0.02, 0.1, 0.55, 0.1, 0.1)


def calls(n, rng, queue=None, shift=0.0, emotions=EMOTION_SHARES, only=MEANS, version="1"):
    """Calls whose figures have the spread that corpora's have; `shift` moves those in `only` by standard deviations.

    Segments of a call are alike: its shares are drawn around everybody's.
    """
    rows = []
    for _ in range(n):
        segments = int(rng.integers(5, 60))
        row = {"queue": queue, "model_version": version, "segments": segments}
        row |= {name: float(rng.normal() + shift * (name in only)) for name in MEANS}
        for name, columns in COUNTS.items():
            usual = 8 * np.array(emotions) if name == "emotions" else np.full(len(columns), 3.0)
            row |= zip(columns, rng.multinomial(segments, rng.dirichlet(usual)).tolist(), strict=True)
        rows.append(row)
    return rows


def reference_of(rows, version="1", voices=None):
    columns = {name: [row[name] for row in rows] for name in MEANS}
    columns |= {name: [[row[column] for column in kinds] for row in rows] for name, kinds in COUNTS.items()}
    voice = list(range(len(rows))) if voices is None else [i % voices for i in range(len(rows))]
    facts = {"model_version": version, "made_of": "made-up calls", "voice": voice, **columns}
    return json.dumps(facts).encode()


def made_reference(rng, n=150, **facts):
    return Reference(reference_of(calls(n, rng), **facts))
