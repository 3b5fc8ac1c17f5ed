"""Measure how often the call flags are correct, on calls assembled from the clips of a corpus.

A call has the utterances of one speaker through a telephone channel, mostly neutral. In its first or last third, a
share of them is angry. The flags are those of the view `calls`, which docs/metrics.md defines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
from callmood.emotion.model import EmotionModel
from callmood.types import EMOTIONS, CallMetadata, ObjectRef, Recording
from callmood.warehouse.duckdb import DuckDBWarehouse
from model.augmentation.conditions import AcousticCondition
from model.data.corpora import Clip
from model.features.embedding_cache import embeddings
from model.training.baseline_sampling import NEUTRAL

ANGER = EMOTIONS.index("anger")

SCENARIOS = {"calm": (0, 0), "angry at the start": (0, 1), "angry at the end": (2, 3)}
"""dict of str to (int, int): first angry third of the call, and the third after the last."""

FLAGS = ("negative", "escalated", "recovered")

_PAUSE_S = 1.0


@dataclass(frozen=True)
class CallOptions:
    """The composition of calls.

    Parameters
    ----------
    utterances : int
        Utterances per call.
    neutral : float
        Share of neutral utterances outside the angry thirds.
    calls : int
        Calls per scenario.
    """

    utterances: int = 45
    neutral: float = 0.85
    calls: int = 200


@dataclass(frozen=True)
class FlagRates:
    """The percentage of flagged calls of a scenario, and its share of angry utterances in the angry third."""

    scenario: str
    angry: float
    percent: dict[str, float]


def sample_utterances(
    labels: NDArray[np.intp],
    thirds: tuple[int, int],
    angry: float,
    options: CallOptions,
    rng: np.random.Generator,
) -> NDArray[np.intp]:
    """Sample one speaker's clips for a call, in order.

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
        Emotion of each clip.
    thirds : (int, int)
        First angry third, and the third after the last.
    angry : float
        Share of angry utterances in these thirds.
    options : CallOptions
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of int, shape (options.utterances,)
        Indices of the clips.
    """
    count = options.utterances
    others = [emotion for emotion in np.unique(labels) if emotion != ANGER]
    emotions = np.where(rng.random(count) < options.neutral, NEUTRAL, rng.choice(others, count))
    third = np.arange(count) * 3 // count
    is_angry = (third >= thirds[0]) & (third < thirds[1]) & (rng.random(count) < angry)
    emotions[is_angry] = ANGER
    return np.array([rng.choice(np.flatnonzero(labels == emotion)) for emotion in emotions])


def analysis(
    name: str, model: EmotionModel, embedded: NDArray[np.float32], durations_s: NDArray[np.float32]
) -> Analysis:
    """Return the analysis of a call in which only the customer speaks, with a pause of 1 s between utterances."""
    ends = np.cumsum(durations_s + _PAUSE_S)
    probabilities = model.classify(embedded, model.estimate_baseline(embedded, durations_s))
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
        crosstalk_s=0.0,
        warnings=(),
        model_version=model.version,
    )


def flag_percentages(calls: Sequence[Analysis]) -> dict[str, float]:
    """Return the percentage of calls with each flag in the view `calls`."""
    with TemporaryDirectory() as folder:
        warehouse = DuckDBWarehouse(Path(folder) / "calls.duckdb")
        written = [analysis_rows(call, AnalysisConfig(), datetime(2026, 1, 2, tzinfo=UTC), 0.0) for call in calls]
        warehouse.append("segments", [row for segments, _ in written for row in segments])
        warehouse.append("recordings", [commit for _, commit in written])
        [counts] = warehouse.query(
            "SELECT COUNTIF(is_negative_call) AS negative, COUNTIF(escalated) AS escalated,"
            " COUNTIF(recovered) AS recovered FROM calls"
        )
    return {flag: 100 * count / len(calls) for flag, count in counts.items()}


def measure(
    model: EmotionModel, clips: Sequence[Clip], angry_shares: Sequence[float], options: CallOptions, cache: Path
) -> list[FlagRates]:
    """Measure the flags of every scenario and share of angry utterances.

    Parameters
    ----------
    model : EmotionModel
    clips : sequence of Clip
    angry_shares : sequence of float
        Shares of angry utterances in the angry third.
    options : CallOptions
    cache : Path
        Folder of cached embeddings.
    """
    embedded, durations_s = embeddings(model, clips, AcousticCondition("telephone", "speech"), cache)
    labels = np.array([EMOTIONS.index(clip.emotion) for clip in clips])
    speakers = np.array([f"{clip.corpus}/{clip.speaker}" for clip in clips])
    by_speaker = [np.flatnonzero(speakers == speaker) for speaker in np.unique(speakers)]
    rates = []
    for scenario, thirds in SCENARIOS.items():
        for angry in angry_shares if thirds[1] else [0.0]:
            rng = np.random.default_rng(options.calls)
            calls = []
            for number in range(options.calls):
                own = by_speaker[number % len(by_speaker)]
                sampled = own[sample_utterances(labels[own], thirds, angry, options, rng)]
                calls.append(analysis(f"{number:064d}", model, embedded[sampled], durations_s[sampled]))
            rates.append(FlagRates(scenario, angry, flag_percentages(calls)))
    return rates


def show(rates: Sequence[FlagRates]) -> None:
    """Print flag rates as a table."""
    print(f"{'call':>20} {'angry %':>7} " + " ".join(f"{flag + ' %':>11}" for flag in FLAGS))
    for row in rates:
        cells = " ".join(f"{row.percent[flag]:11.0f}" for flag in FLAGS)
        print(f"{row.scenario:>20} {100 * row.angry:7.0f} {cells}")
