"""How often the verdicts on calls are right: `python -m model call-flags --corpus cremad --root CREMA-D`.

A call is utterances of one speaker outside `train` through a telephone, mostly neutral; in its first or its last
third, a share of them is angry. The verdicts are those of the view `calls`, over rows as the pipeline writes them: what
`docs/metrics.md` defines is what is counted here.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from callmood.analysis.analyzer import Analysis
from callmood.analysis.channel import UNCERTAIN, Segment
from callmood.analysis.rows import analysis_rows
from callmood.audio.stream import AudioInfo
from callmood.config import AnalysisConfig
from callmood.emotion.baseline import estimate_baseline
from callmood.emotion.model import EmotionModel, load_model
from callmood.errors import ModelError
from callmood.resources import MODEL
from callmood.types import EMOTIONS, CallMetadata, ObjectRef, Recording
from callmood.warehouse.duckdb import DuckDBWarehouse
from model import remote_paths
from model.augmentation.conditions import AcousticCondition
from model.data.corpora import CorpusError
from model.data.source import add_source, source
from model.features.embedding_cache import embeddings
from model.training.baseline_sampling import NEUTRAL

ANGER = EMOTIONS.index("anger")
STORIES = {"calm": (0, 0), "angry at the start": (0, 1), "angry at the end": (2, 3)}
"""dict of str to (int, int): which thirds of the call are angry."""

VERDICTS = ("hard", "escalated", "recovered")

_PAUSE_S = 1.0


def utterances(
    labels: NDArray[np.intp],
    thirds: tuple[int, int],
    angry: float,
    neutral: float,
    count: int,
    rng: np.random.Generator,
) -> NDArray[np.intp]:
    """Choose one speaker's clips for a call: their numbers, in order.

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
        Emotion of each clip.
    thirds : (int, int)
        The angry thirds: from, to.
    angry, neutral : float
        Share of angry utterances in them, and of neutral ones elsewhere.
    count : int
        Utterances in the call.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of int, shape (count,)
    """
    calm = [emotion for emotion in np.unique(labels) if emotion != ANGER]
    emotions = np.where(rng.random(count) < neutral, NEUTRAL, rng.choice(calm, count))
    third = np.arange(count) * 3 // count
    in_anger = (third >= thirds[0]) & (third < thirds[1]) & (rng.random(count) < angry)
    emotions[in_anger] = ANGER
    return np.array([rng.choice(np.flatnonzero(labels == emotion)) for emotion in emotions])


def analyzed(
    name: str, model: EmotionModel, embedded: NDArray[np.float32], durations_s: NDArray[np.float32]
) -> Analysis:
    """What the pipeline makes of a call in which only the customer speaks, an utterance a second after the other."""
    ends = np.cumsum(durations_s + _PAUSE_S)
    probabilities = model.classify(embedded, estimate_baseline(embedded, durations_s))
    segments = tuple(
        Segment(
            channel=1,
            role="customer",
            start_s=float(end - duration),
            end_s=float(end),
            level_dbfs=-20.0,
            probabilities=tuple(map(float, p)),
            emotion=EMOTIONS[int(p.argmax())] if p.max() >= model.confidence_threshold else UNCERTAIN,
        )
        for end, duration, p in zip(ends, durations_s, probabilities, strict=True)
    )
    talk_s, duration_s = float(durations_s.sum()), float(ends[-1] + _PAUSE_S)
    return Analysis(
        recording=Recording(
            ObjectRef("simulated", name, 1), b"", 0, name, datetime(2026, 1, 1, tzinfo=UTC), CallMetadata(call_id=name)
        ),
        analysis_id=name,
        info=AudioInfo("wav", "mulaw", 8000, 2),
        duration_s=duration_s,
        roles=("agent", "customer"),
        segments=segments,
        talk_s={"agent": 0.0, "customer": talk_s},
        silence_s=duration_s - talk_s,
        overlap_s=0.0,
        warnings=(),
        model_version=model.version,
    )


def verdicts(calls: list[Analysis]) -> dict[str, float]:
    """Percent of the calls that the view `calls` finds hard, escalated and recovered."""
    with TemporaryDirectory() as folder:
        store = DuckDBWarehouse(Path(folder) / "calls.duckdb")
        written = [analysis_rows(call, AnalysisConfig(), datetime(2026, 1, 2, tzinfo=UTC), 0.0) for call in calls]
        store.append("segments", [row for segments, _ in written for row in segments])
        store.append("recordings", [commit for _, commit in written])
        [counts] = store.query(
            "SELECT COUNTIF(is_negative_call) AS hard, COUNTIF(escalated) AS escalated, COUNTIF(recovered) AS recovered"
            " FROM calls"
        )
    return {verdict: 100 * count / len(calls) for verdict, count in counts.items()}


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=remote_paths.source, default=MODEL / "emotion.tflite")
    add_source(parser)
    parser.add_argument("--utterances", type=int, default=45, help="in a call")
    parser.add_argument("--neutral", type=float, default=0.85, help="share of neutral utterances outside anger")
    parser.add_argument("--angry", type=float, nargs="+", default=[0.25, 0.5, 0.8], help="share of angry ones in it")
    parser.add_argument("--calls", type=int, default=200, help="of each kind")
    parser.add_argument("--cache", type=remote_paths.kept, default=Path("runs/evaluate"))
    args = parser.parse_args()
    try:
        model = load_model(args.model)
        clips = source(args.manifest, args.corpus, args.root, args.split).clips
        embedded, durations_s = embeddings(model, clips, AcousticCondition("telephone", "speech"), args.cache)
    except (CorpusError, ModelError, OSError) as error:
        sys.exit(f"error: {error}")
    labels = np.array([EMOTIONS.index(clip.emotion) for clip in clips])
    speakers = np.array([f"{clip.corpus}/{clip.speaker}" for clip in clips])
    by_speaker = [np.flatnonzero(speakers == speaker) for speaker in np.unique(speakers)]

    print(f"{'call':>20} {'angry %':>7} " + " ".join(f"{v + ' %':>11}" for v in VERDICTS))
    for story, thirds in STORIES.items():
        for angry in args.angry if thirds[1] else [0.0]:
            rng = np.random.default_rng(args.calls)
            calls = []
            for number in range(args.calls):
                mine = by_speaker[number % len(by_speaker)]
                chosen = mine[utterances(labels[mine], thirds, angry, args.neutral, args.utterances, rng)]
                calls.append(analyzed(f"{number:064d}", model, embedded[chosen], durations_s[chosen]))
            found = verdicts(calls)
            print(f"{story:>20} {100 * angry:7.0f} " + " ".join(f"{found[v]:11.0f}" for v in VERDICTS))


if __name__ == "__main__":
    remote_paths.run(main)
