"""Measure detection by composition of the call: an emotion that fills none, a tenth, or all of the customer's speech.

A call has twenty utterances of the customer, neutral ones and then those of the emotion, an agent, and pauses. The
complete analysis processes it as a file, as in `model.evaluation.simulate`. With a population, the model is calibrated
on calls of other speakers of the same corpus and channel, one in ten of them wholly angry.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from callmood.analysis.analyzer import Analysis
from callmood.analysis.rows import analysis_rows
from callmood.config import AnalysisConfig
from callmood.emotion.model import EmotionModel
from callmood.emotion.population import MIN_CALLS, Population
from callmood.services.calibrate import calibrate, caller_means
from callmood.types import EMOTIONS, JsonRow
from model.augmentation.conditions import AcousticCondition, apply_condition
from model.data.corpora import Clip, CorpusError
from model.evaluation.metrics import intervals_over_speakers, recall_at
from model.evaluation.simulate import (
    FALSE_POSITIVE_RATE,
    Samples,
    SimulatedCall,
    analyze_simulated,
    assemble_call,
    query_calls,
    speaker_of,
)
from model.training.baseline_sampling import NEUTRAL
from model.types import Channel

SHARES = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
"""tuple of float: shares of the customer's utterances that have the emotion."""

UTTERANCES = 20
CALLS_PER_SHARE = 3

# One call in ten is wholly angry, as robust statistics must tolerate.
_POPULATION_SHARES = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.1, 0.1, 0.5, 1.0)

Emotion = Literal["anger", "sadness"]


@dataclass(frozen=True)
class Speaker:
    """The utterances of a speaker in an acoustic condition, and their emotions as indices into `EMOTIONS`."""

    name: str
    utterances: list[Samples]
    labels: NDArray[np.intp]


@dataclass(frozen=True)
class Detection:
    """The result of one call.

    Parameters
    ----------
    speaker : str
    share : float
        Share of utterances with the emotion.
    needs_attention : bool
    anger_score : float
        As in the view `calls`.
    present_s, detected_s : float
        Seconds of the customer's segments with the emotion, and of those that are labeled with it.
    absent_s, false_s : float
        Seconds of the customer's other segments, and of those that are labeled with the emotion.
    """

    speaker: str
    share: float
    needs_attention: bool
    anger_score: float
    present_s: float
    detected_s: float
    absent_s: float
    false_s: float


def read_speakers(clips: Sequence[Clip], channel: Channel, emotion: Emotion) -> list[Speaker]:
    """Decode the neutral clips and those of an emotion, for each speaker with at least two of both.

    Raises
    ------
    CorpusError
        There are fewer than two such speakers: one for the population, and one to test.
    """
    speakers = []
    wanted = {"neutral", "anger", emotion}
    for name in sorted({speaker_of(clip) for clip in clips}):
        own = [clip for clip in clips if speaker_of(clip) == name and clip.emotion in wanted]
        labels = np.array([EMOTIONS.index(clip.emotion) for clip in own], np.intp)
        if all(np.sum(labels == EMOTIONS.index(each)) >= 2 for each in wanted):
            speakers.append(Speaker(name, apply_condition(own, AcousticCondition(channel, "speech")), labels))
    if len(speakers) < 2:
        raise CorpusError(f"fewer than two speakers have two neutral, two angry, and two clips of {emotion}")
    return speakers


def sample_call(
    speaker: Speaker, agent: Speaker, emotion: int, share: float, rng: np.random.Generator
) -> SimulatedCall:
    """Sample a call whose last utterances have an emotion.

    Parameters
    ----------
    speaker, agent : Speaker
        The customer, and the speaker in the other channel, who is neutral.
    emotion : int
        Index into `EMOTIONS`.
    share : float
        Share of utterances with the emotion.
    rng : numpy.random.Generator
    """
    count = round(UTTERANCES * share)
    own = [np.flatnonzero(speaker.labels == label) for label in (NEUTRAL, emotion)]
    chosen = np.concatenate(
        [
            rng.choice(indices, n, replace=n > len(indices))
            for indices, n in zip(own, (UTTERANCES - count, count), strict=True)
        ]
    )
    customer = [(speaker.utterances[i], bool(speaker.labels[i] == emotion)) for i in chosen.astype(int)]
    others = [agent.utterances[i] for i in np.flatnonzero(agent.labels == NEUTRAL)]
    return assemble_call(speaker.name, customer, others, rng)


def measure_population(model: EmotionModel, speakers: Sequence[Speaker], rng: np.random.Generator) -> Population:
    """Calibrate on simulated calls of speakers."""
    anger = EMOTIONS.index("anger")
    per_speaker = len(_POPULATION_SHARES) * -(-2 * MIN_CALLS // (len(_POPULATION_SHARES) * len(speakers)))

    def means() -> Iterator[Sequence[NDArray[np.float32]]]:
        for number, speaker in enumerate(speakers):
            agent = speakers[number - 1]
            for index in range(per_speaker):
                share = _POPULATION_SHARES[index % len(_POPULATION_SHARES)]
                call = sample_call(speaker, agent, anger, share, rng)
                yield caller_means(analyze_simulated(call, index, model))

    return calibrate(model, means())


def detect(call: SimulatedCall, analysis: Analysis, share: float, row: JsonRow, emotion: str) -> Detection:
    """Compare the customer's segments, and the row of the view `calls`, with the composition of a call."""
    seconds = {"present": 0.0, "detected": 0.0, "absent": 0.0, "false": 0.0}
    start_s, end_s = call.angry_s or (np.inf, np.inf)
    for segment in analysis.segments:
        if segment.role == "agent":
            continue
        inside = max(0.0, min(segment.end_s, end_s) - max(segment.start_s, start_s))
        outside = segment.end_s - segment.start_s - inside
        labeled = segment.emotion == emotion
        seconds["present"] += inside
        seconds["detected"] += inside * labeled
        seconds["absent"] += outside
        seconds["false"] += outside * labeled
    return Detection(
        call.speaker,
        share,
        bool(row["needs_attention"]),
        float(row["anger_score"] or 0.0),
        *(seconds[name] for name in ("present", "detected", "absent", "false")),
    )


def measure(
    model: EmotionModel,
    clips: Sequence[Clip],
    emotion: Emotion,
    channel: Channel,
    with_population: bool,
    calls: int = CALLS_PER_SHARE,
    seed: int = 0,
) -> dict[str, Any]:
    """Simulate calls of every composition, analyze them, and count the detections.

    Parameters
    ----------
    model : EmotionModel
        Its own population, if any, is replaced where `with_population` is true.
    clips : sequence of Clip
    emotion : {"anger", "sadness"}
        The emotion that fills a share of the call.
    channel : {"clean", "telephone", "random_telephone"}
    with_population : bool
        Calibrate on every other speaker and test on the rest, and the reverse.
    calls : int
        Calls per speaker and share.
    seed : int

    Returns
    -------
    dict
        A JSON report: for each share the percentage of calls that need attention, of the emotion's time that is
        detected, and of the other time that is labeled with it, with 95 % bootstrap intervals over speakers.
    """
    speakers = read_speakers(clips, channel, emotion)
    rng = np.random.default_rng(seed)
    halves = (speakers[::2], speakers[1::2])
    models = dict.fromkeys((0, 1), model)
    if with_population:
        models = {k: model.calibrated(measure_population(model, halves[1 - k], rng)) for k in (0, 1)}
    index = EMOTIONS.index(emotion)
    simulated: list[tuple[SimulatedCall, Analysis, float]] = []
    total = len(speakers) * len(SHARES) * calls
    jobs = (
        (speaker, number, share) for number, speaker in enumerate(speakers) for share in SHARES for _ in range(calls)
    )
    for speaker, number, share in track(jobs, "analyzing calls", total=total):
        call = sample_call(speaker, speakers[number - 1], index, share, rng)
        simulated.append((call, analyze_simulated(call, len(simulated), models[number % 2]), share))
    now = simulated[0][1].recording.uploaded_at
    written = [analysis_rows(analysis, AnalysisConfig(), now, 0.0) for _, analysis, _ in simulated]
    rows = query_calls(written)
    detections = [
        detect(call, analysis, share, row, emotion)
        for (call, analysis, share), row in zip(simulated, rows, strict=True)
    ]
    return {
        "kind": "composition",
        "model": model.version,
        "corpora": sorted({clip.corpus for clip in clips}),
        "splits": sorted({clip.split for clip in clips}),
        "emotion": emotion,
        "channel": channel,
        "population": with_population,
        "speakers": len(speakers),
        "calls": len(detections),
        "shares": [summarize([each for each in detections if each.share == share], share) for share in SHARES],
        **_score_metrics(detections),
    }


def summarize(detections: Sequence[Detection], share: float) -> dict[str, Any]:
    """Return the percentages of one share, None without such speech, and their intervals over speakers."""
    values = np.array(
        [(each.needs_attention, each.present_s, each.detected_s, each.absent_s, each.false_s) for each in detections],
        float,
    )

    def metrics(selected: NDArray[np.intp]) -> dict[str, float]:
        flagged, present_s, detected_s, absent_s, false_s = values[selected].T
        with np.errstate(invalid="ignore"):
            return {
                "flagged": 100 * float(flagged.mean()),
                "detected": 100 * float(detected_s.sum() / present_s.sum()) if present_s.sum() else np.nan,
                "false": 100 * float(false_s.sum() / absent_s.sum()) if absent_s.sum() else np.nan,
            }

    found = metrics(np.arange(len(detections)))
    intervals = intervals_over_speakers([each.speaker for each in detections], metrics)
    return {
        "share": share,
        "calls": len(detections),
        **{name: None if np.isnan(value) else round(value, 1) for name, value in found.items()},
        "intervals": {
            name: None if np.isnan(found[name]) else [round(float(bound), 1) for bound in bounds]
            for name, bounds in intervals.items()
        },
    }


def _score_metrics(detections: Sequence[Detection]) -> dict[str, float]:
    """Return the recall of calls with a tenth of the emotion by the anger score, at 5 % false positives."""
    selected = [each for each in detections if each.share in (0.0, 0.1)]
    scores = np.array([each.anger_score for each in selected])
    has_emotion = np.array([each.share > 0 for each in selected])
    return {"score_recall": round(100 * recall_at(scores, has_emotion, FALSE_POSITIVE_RATE), 1)}


def show(report: dict[str, Any], console: Console) -> None:
    """Print a report."""
    console.print(
        f"Model {report['model']} on {report['calls']} calls of {report['speakers']} speakers of "
        f"{', '.join(report['corpora'])} ({', '.join(report['splits'])}), {report['channel']}, "
        f"{'with' if report['population'] else 'without'} a population. Percent, with 95 % intervals over speakers.",
        highlight=False,
    )
    console.print(
        f"{'share of ' + report['emotion']:>17}  needs attention  time detected  false alarms", highlight=False
    )
    for row in report["shares"]:
        cells = " ".join(f"{'–' if row[name] is None else format(row[name], '.0f'):>14}" for name in _CELLS)
        console.print(f"{100 * row['share']:>17.0f} {cells}", highlight=False)
    console.print(
        f"a tenth: recall by anger_score at 5 % false positives {report['score_recall']:.0f}", highlight=False
    )


_CELLS = ("flagged", "detected", "false")
