"""Random calls: rows of the view `call_features`, references of such rows, and analyzed calls in a warehouse."""

import json

import numpy as np
from table_rows import commit_row, segment_row

from callmood.monitoring.drift import COUNT_METRICS, MEAN_METRICS, Reference
from callmood.types import EMOTIONS

EMOTION_SHARES = (0.1, 0.03, 0.02, 0.1, 0.55, 0.1, 0.1)
METRICS = len(MEAN_METRICS) + len(COUNT_METRICS)


def feature_rows(n, rng, queue=None, shift=0.0, emotions=EMOTION_SHARES, only=MEAN_METRICS, version="1"):
    """Return rows of n calls with the spread of corpora; `shift` moves the metrics in `only` by standard deviations.

    Segments of a call are similar: its shares are drawn around the shares of all calls.
    """
    rows = []
    for _ in range(n):
        segments = int(rng.integers(5, 60))
        row = {"queue": queue, "model_version": version, "segments": segments}
        row |= {name: float(rng.normal() + shift * (name in only)) for name in MEAN_METRICS}
        for name, columns in COUNT_METRICS.items():
            concentration = 8 * np.array(emotions) if name == "emotions" else np.full(len(columns), 3.0)
            row |= zip(columns, rng.multinomial(segments, rng.dirichlet(concentration)).tolist(), strict=True)
        rows.append(row)
    return rows


def reference_content(rows, version="1", speakers=None):
    """Return the content of a reference file; by default each call has its own speaker."""
    columns = {name: [row[name] for row in rows] for name in MEAN_METRICS}
    columns |= {name: [[row[column] for column in kinds] for row in rows] for name, kinds in COUNT_METRICS.items()}
    speaker = list(range(len(rows))) if speakers is None else [i % speakers for i in range(len(rows))]
    return json.dumps({"model_version": version, "source": "random calls", "speaker": speaker, **columns}).encode()


def random_reference(rng, n=150, **changes):
    return Reference(reference_content(feature_rows(n, rng), **changes))


def append_calls(warehouse, day, rng, calls=40, shift=0.0, queue="billing", version="1", role="customer"):
    """Append analyzed calls of one day with six segments each. Embeddings differ by call; `shift` moves them."""
    segments, commits = [], []
    for number in range(calls):
        name = f"{day}/{queue}/{version}/{number}/{shift}"
        shared = {"analysis_id": name, "recording_id": name, "call_date": day, "queue": queue, "model_version": version}
        embedding = rng.normal(size=8) + shift
        level = rng.normal(-24, 3)
        for i in range(6):
            p = rng.dirichlet([1, 1, 1, 1, 12, 1])
            end_s = 5.0 * i + rng.uniform(0.8, 5)
            segments.append(
                segment_row(
                    i,
                    **shared,
                    segment_id=f"{name}/{i}",
                    role=role,
                    end_s=end_s,
                    emotion=EMOTIONS[p.argmax()],
                    confidence=float(p.max()),
                    **{f"p_{e}": float(share) for e, share in zip(EMOTIONS, p, strict=True)},
                    level_dbfs=level + rng.normal(),
                    noise_dbfs=level - 30 + rng.normal(),
                    **{f"embedding_proj_{k}": float(v) for k, v in enumerate(embedding + rng.normal(size=8) / 3, 1)},
                )
            )
        commits.append(commit_row(**shared, uri=f"gs://calls/{name}", content_sha256=name, call_id=name))
    warehouse.append("segments", segments)
    warehouse.append("recordings", commits)
