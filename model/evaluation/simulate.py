"""Measure how well the complete analysis detects angry calls, on calls assembled from the clips of a corpus.

A call is a stereo WAV file in memory. The customer is mostly neutral, and angry in a stretch of consecutive utterances
in every other call. The agent is another speaker, who talks in the pauses. `analyze` processes the file like a
recording. The metrics come from the view `calls`: `anger_score`, and the start and the end of the angriest stretch.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from callmood.analysis.analyzer import Analysis, analyze
from callmood.analysis.rows import analysis_rows
from callmood.config import AnalysisConfig
from callmood.emotion.model import EmotionModel
from callmood.types import EMOTIONS, SAMPLE_RATE, CallMetadata, JsonRow, ObjectRef, Recording
from callmood.warehouse.duckdb import DuckDBWarehouse
from model.augmentation.conditions import AcousticCondition, apply_condition
from model.data.corpora import Clip, CorpusError
from model.evaluation.metrics import auc, intervals_over_speakers, recall_at
from model.training.baseline_sampling import NEUTRAL
from model.types import Channel

ANGER = EMOTIONS.index("anger")
FALSE_POSITIVE_RATE = 0.05
CALLS_PER_SPEAKER = 12

_PAUSE_S = (0.5, 2.0)
_AGENT_SHARE = 0.3  # of the pauses contain the agent's speech
_DAY = datetime(2026, 1, 1, tzinfo=UTC)

_CALLS = """
SELECT call_id, anger_score, anger_start_s, anger_end_s, needs_attention FROM calls ORDER BY call_id
"""

METRIC_TITLES = {
    "auc": "detection of angry calls by score, AUC",
    "recall": "recall at 5 % false positives",
    "overlap": "temporal overlap of angry stretches",
    "stretch_recall": "angry calls with a detected stretch",
    "stretch_false_positive_rate": "other calls with a detected stretch",
}

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Scenario:
    """The composition of calls.

    Parameters
    ----------
    utterances : (int, int)
        Minimum and maximum number of the customer's utterances.
    stretch : (int, int)
        Minimum and maximum number of consecutive angry utterances in an angry call.
    neutral : float
        Share of neutral utterances among the others. The rest have any emotion except anger.
    """

    utterances: tuple[int, int]
    stretch: tuple[int, int]
    neutral: float = 0.8


SCENARIOS = {"short": Scenario((40, 40), (2, 2)), "long": Scenario((30, 60), (2, 8))}
"""dict of str to Scenario: `short` is the harder one, with two angry utterances among forty."""


@dataclass(frozen=True)
class SimulatedCall:
    """A call assembled from clips.

    Parameters
    ----------
    speaker : str
        The customer.
    audio : bytes
        A WAV file; channel 0 is the agent, channel 1 the customer.
    angry_s : (float, float), optional
        From the start of the first to the end of the last angry utterance, in seconds.
    """

    speaker: str
    audio: bytes
    angry_s: tuple[float, float] | None


@dataclass(frozen=True)
class GroundTruth:
    """The customer of a call, and when the customer is angry, in seconds."""

    speaker: str
    angry_s: tuple[float, float] | None


def sample_utterances(
    labels: NDArray[np.intp], scenario: Scenario, angry: bool, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Sample one speaker's clips for a call, in order: indices of shape (utterances,).

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
        Emotion of each clip, as an index into `EMOTIONS`.
    scenario : Scenario
    angry : bool
        Whether the call has an angry stretch.
    rng : numpy.random.Generator
    """
    count = int(rng.integers(scenario.utterances[0], scenario.utterances[1] + 1))
    others = [emotion for emotion in np.unique(labels) if emotion not in (ANGER, NEUTRAL)]
    emotions = np.full(count, NEUTRAL)
    if others:
        emotions = np.where(rng.random(count) < scenario.neutral, NEUTRAL, rng.choice(others, count))
    if angry:
        stretch = int(rng.integers(scenario.stretch[0], scenario.stretch[1] + 1))
        first = int(rng.integers(count - stretch + 1))
        emotions[first : first + stretch] = ANGER
    return np.array([rng.choice(np.flatnonzero(labels == emotion)) for emotion in emotions])


def assemble_call(
    speaker: str, customer: Sequence[tuple[Samples, bool]], agent: Sequence[Samples], rng: np.random.Generator
) -> SimulatedCall:
    """Assemble a call from utterances.

    Parameters
    ----------
    speaker : str
        The customer.
    customer : sequence of (ndarray of float32, bool)
        The customer's utterances in order, and whether each is angry.
    agent : sequence of ndarray of float32
        Utterances of the agent to sample from.
    rng : numpy.random.Generator
    """
    parts: list[tuple[int, Samples]] = []  # channel and samples; silence has channel -1
    angry_at: list[tuple[int, int]] = []
    at = 0
    for samples, is_angry in customer:
        turn = [(-1, np.zeros(int(rng.uniform(*_PAUSE_S) * SAMPLE_RATE), np.float32))]
        if agent and rng.random() < _AGENT_SHARE:
            turn = [*turn, (0, agent[int(rng.integers(len(agent)))]), turn[0]]
        at += sum(len(part) for _, part in turn)
        if is_angry:
            angry_at.append((at, at + len(samples)))
        at += len(samples)
        parts += [*turn, (1, samples)]
    stereo = np.zeros((at + SAMPLE_RATE, 2), np.float32)
    at = 0
    for channel, part in parts:
        if channel >= 0:
            stereo[at : at + len(part), channel] = part
        at += len(part)
    wav = io.BytesIO()
    soundfile.write(wav, stereo, SAMPLE_RATE, "PCM_16", format="WAV")
    angry_s = (angry_at[0][0] / SAMPLE_RATE, angry_at[-1][1] / SAMPLE_RATE) if angry_at else None
    return SimulatedCall(speaker, wav.getvalue(), angry_s)


def eligible_speakers(clips: Sequence[Clip]) -> list[str]:
    """Return the speakers with at least two neutral and two angry clips.

    Raises
    ------
    CorpusError
        There is none.
    """
    count = Counter((speaker_of(clip), clip.emotion) for clip in clips)
    names = sorted({speaker_of(clip) for clip in clips})
    eligible = [name for name in names if min(count[name, "anger"], count[name, "neutral"]) >= 2]
    if not eligible:
        raise CorpusError("no speaker has two angry and two neutral clips, which a call requires")
    return eligible


def speaker_of(clip: Clip) -> str:
    """Return the name of a clip's speaker, which is unique over corpora."""
    return f"{clip.corpus}/{clip.speaker}"


def simulate_calls(
    clips: Sequence[Clip],
    speakers: Sequence[str],
    scenario: Scenario,
    channel: Channel,
    calls_per_speaker: int,
    seed: int,
) -> Iterator[SimulatedCall]:
    """Simulate calls of every speaker. Every other call is angry. The agent is another speaker, and neutral."""

    def decode(speaker: str, emotions: Collection[str]) -> tuple[list[Samples], NDArray[np.intp]]:
        own = [clip for clip in clips if speaker_of(clip) == speaker and clip.emotion in emotions]
        return apply_condition(own, AcousticCondition(channel, "speech")), np.array(
            [EMOTIONS.index(clip.emotion) for clip in own]
        )

    agents = [decode(speaker, ["neutral"])[0] for speaker in speakers]
    for number, speaker in enumerate(speakers):
        utterances, labels = decode(speaker, EMOTIONS)
        rng = np.random.default_rng([seed, number])
        for index in range(calls_per_speaker):
            sampled = sample_utterances(labels, scenario, index % 2 == 0, rng)
            others = [*agents[:number], *agents[number + 1 :]]
            yield assemble_call(
                speaker,
                [(utterances[i], bool(labels[i] == ANGER)) for i in sampled],
                others[index % len(others)] if others else [],
                rng,
            )


def analyze_call(call: SimulatedCall, number: int, model: EmotionModel) -> tuple[list[JsonRow], JsonRow]:
    """Analyze a call like a recording, and return its rows."""
    return analysis_rows(analyze_simulated(call, number, model), AnalysisConfig(), _DAY, 0.0)


def analyze_simulated(call: SimulatedCall, number: int, model: EmotionModel) -> Analysis:
    """Analyze a call like a recording."""
    metadata = CallMetadata(call_id=f"{number:06}", started_at=_DAY)
    ref = ObjectRef("simulated", f"{number:06}.wav", 1)
    recording = Recording(ref, call.audio, len(call.audio), f"{number:064}", _DAY, metadata)
    return analyze(recording, model, AnalysisConfig())


def query_calls(analyses: Sequence[tuple[list[JsonRow], JsonRow]]) -> list[JsonRow]:
    """Return the row of the view `calls` for each analyzed call, in order."""
    with TemporaryDirectory() as folder:
        warehouse = DuckDBWarehouse(Path(folder) / "calls.duckdb")
        warehouse.append("segments", [row for segments, _ in analyses for row in segments])
        warehouse.append("recordings", [commit for _, commit in analyses])
        return warehouse.query(_CALLS)


def overlap(detected: tuple[float, float] | None, true: tuple[float, float]) -> float:
    """Compute the intersection over union of two stretches, 0 to 1; 0 without a detected stretch.

    Examples
    --------
    >>> overlap((0.0, 2.0), (1.0, 4.0))
    0.25
    """
    if detected is None:
        return 0.0
    both = max(0.0, min(detected[1], true[1]) - max(detected[0], true[0]))
    return both / (detected[1] - detected[0] + true[1] - true[0] - both)


def score(truth: Sequence[GroundTruth], rows: Sequence[JsonRow]) -> tuple[dict[str, float], dict[str, list[float]]]:
    """Compare rows of the view `calls` with the ground truth.

    Parameters
    ----------
    truth : sequence of GroundTruth
    rows : sequence of dict
        The row of each call.

    Returns
    -------
    (dict of str to float, dict of str to list of float)
        The metrics: `auc` of the score; `recall` of angry calls at 5 % false positives; `overlap`, the mean temporal
        overlap in angry calls; `stretch_recall` and `stretch_false_positive_rate`, the shares of angry and of other
        calls with a detected stretch. And their 95 % bootstrap intervals over speakers; empty for one speaker.
    """
    angry = np.array([true.angry_s is not None for true in truth])
    scores = np.array([row["anger_score"] or 0.0 for row in rows])
    stretches = [None if row["anger_start_s"] is None else (row["anger_start_s"], row["anger_end_s"]) for row in rows]
    detected = np.array([stretch is not None for stretch in stretches])
    overlaps = np.array(
        [
            overlap(stretch, true.angry_s) if true.angry_s else np.nan
            for stretch, true in zip(stretches, truth, strict=True)
        ]
    )

    def metrics(selected: NDArray[np.intp]) -> dict[str, float]:
        is_angry = angry[selected]
        return {
            "auc": auc(scores[selected], is_angry),
            "recall": recall_at(scores[selected], is_angry, FALSE_POSITIVE_RATE),
            "overlap": float(np.mean(overlaps[selected][is_angry])),
            "stretch_recall": float(np.mean(detected[selected][is_angry])),
            "stretch_false_positive_rate": float(np.mean(detected[selected][~is_angry])),
        }

    speakers = [true.speaker for true in truth]
    values, bounds = metrics(np.arange(len(truth))), {}
    if len(set(speakers)) > 1:
        intervals = intervals_over_speakers(speakers, metrics)
        bounds = {name: [round(float(bound), 4) for bound in low_high] for name, low_high in intervals.items()}
    return {name: round(value, 4) for name, value in values.items()}, bounds


def simulate(
    model: EmotionModel,
    clips: Sequence[Clip],
    scenario: str,
    channel: Channel,
    calls_per_speaker: int = CALLS_PER_SPEAKER,
    seed: int = 0,
) -> dict[str, Any]:
    """Simulate calls, analyze them, and score the result.

    Parameters
    ----------
    model : EmotionModel
    clips : sequence of Clip
    scenario : str
        A name in `SCENARIOS`.
    channel : {"clean", "telephone", "random_telephone"}
    calls_per_speaker : int
        At least 2. Every other call is angry.
    seed : int

    Returns
    -------
    dict
        The metrics of `score`, their intervals, and the conditions of the simulation, for a JSON report.

    Raises
    ------
    CorpusError
        No speaker has angry and neutral clips, a clip cannot be decoded, or there are too few calls per speaker.
    """
    if calls_per_speaker < 2:
        raise CorpusError(f"{calls_per_speaker} calls per speaker are too few; use 2 or more, one of them angry")
    truth: list[GroundTruth] = []
    analyses: list[tuple[list[JsonRow], JsonRow]] = []
    speakers = eligible_speakers(clips)
    calls = simulate_calls(clips, speakers, SCENARIOS[scenario], channel, calls_per_speaker, seed)
    for call in track(calls, "analyzing calls", total=calls_per_speaker * len(speakers)):
        analyses.append(analyze_call(call, len(truth), model))
        truth.append(GroundTruth(call.speaker, call.angry_s))
    metrics, bounds = score(truth, query_calls(analyses))
    return {
        "kind": "simulation",
        "model": model.version,
        "corpora": sorted({clip.corpus for clip in clips}),
        "splits": sorted({clip.split for clip in clips}),
        "scenario": scenario,
        "channel": channel,
        "calls": len(truth),
        "angry_calls": sum(true.angry_s is not None for true in truth),
        "speakers": len(speakers),
        "hours": round(sum(commit["duration_s"] for _, commit in analyses) / 3600, 2),
        **metrics,
        "intervals": bounds,
    }


def show(report: dict[str, Any], console: Console) -> None:
    """Print a report."""
    console.print(
        f"Model {report['model']} on {report['calls']} calls ({report['hours']} h), {report['angry_calls']} angry; "
        f"{report['speakers']} speakers of {', '.join(report['corpora'])} ({', '.join(report['splits'])}), "
        f"scenario {report['scenario']}, {report['channel']}",
        highlight=False,
    )
    for name, title in METRIC_TITLES.items():
        bounds = report["intervals"].get(name)
        spread = f" ({bounds[0]:.3f} to {bounds[1]:.3f})" if bounds else ""
        console.print(f"{title:>46}  {report[name]:.3f}{spread}", highlight=False)
