"""How well the whole analysis finds angry calls, on calls put together from a corpus's speakers.

    python -m model simulate --corpus cremad --root CREMA-D --channel telephone --json calls.json

A call is a stereo WAV file in memory: a customer, mostly neutral, who in every other call is angry for a stretch of
utterances in a row, and an agent, another speaker, who talks in the pauses. `analyze` hears it as it would hear a
recording; what is judged is what the view `calls` says: `anger_score`, and where the angriest stretch begins and ends.
"""

from __future__ import annotations

import argparse
import io
import sys
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

from callmood.analysis.analyzer import analyze
from callmood.analysis.rows import analysis_rows
from callmood.config import AnalysisConfig
from callmood.emotion.model import EmotionModel, load_model
from callmood.errors import ModelError
from callmood.resources import MODEL
from callmood.types import EMOTIONS, SAMPLE_RATE, CallMetadata, JsonRow, ObjectRef, Recording
from callmood.warehouse.duckdb import DuckDBWarehouse
from model import remote_paths
from model.augmentation.conditions import CHANNELS, AcousticCondition, apply_condition
from model.data.corpora import Clip, CorpusError
from model.data.source import add_source, source
from model.evaluation.metrics import auc, interval, recall_at
from model.files import write_json
from model.training.baseline_sampling import NEUTRAL

ANGER = EMOTIONS.index("anger")
FALSE_ALARMS = 0.05
RESAMPLES = 2000
_PAUSE_S = (0.5, 2.0)
_AGENT_SHARE = 0.3  # of the pauses hold the agent's voice
_DAY = datetime(2026, 1, 1, tzinfo=UTC)
WORDS = {
    "auc": "angry calls told from others by score, AUC",
    "recall": "found at 5 % false alarms",
    "overlap": "overlap in time of angry stretches",
    "stretch_found": "angry calls in which a stretch is found",
    "stretch_false": "other calls in which one is",
}
"""dict of str to str: the figures, in words."""

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Plan:
    """What calls are made of.

    Parameters
    ----------
    utterances : (int, int)
        Fewest and most of the customer's.
    stretch : (int, int)
        Fewest and most angry ones in a row, in a call that has any.
    neutral : float
        Share of neutral ones among the rest; what is not, is any other emotion but anger.
    """

    utterances: tuple[int, int]
    stretch: tuple[int, int]
    neutral: float = 0.8


PLANS = {"short": Plan((40, 40), (2, 2)), "long": Plan((30, 60), (2, 8))}
"""dict of str to Plan: `short` is the hard one, two angry utterances among forty."""

EACH = 12
"""int: how many calls are made of a speaker where nothing else is said."""


@dataclass(frozen=True)
class Call:
    """A made-up call.

    Parameters
    ----------
    speaker : str
        The customer.
    audio : bytes
        A WAV file; channel 0 is the agent, 1 the customer.
    angry_s : (float, float), optional
        From the start of the first angry utterance to the end of the last one, in seconds.
    """

    speaker: str
    audio: bytes
    angry_s: tuple[float, float] | None


@dataclass(frozen=True)
class Truth:
    """What remains of a call when it has been heard: its customer, and when they were angry."""

    speaker: str
    angry_s: tuple[float, float] | None


def script(labels: NDArray[np.intp], plan: Plan, angry: bool, rng: np.random.Generator) -> NDArray[np.intp]:
    """Choose one speaker's clips for a call, in order: their numbers, shape (utterances,).

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
        Emotion of each clip, as an index into `EMOTIONS`.
    plan : Plan
    angry : bool
    rng : numpy.random.Generator
    """
    count = int(rng.integers(plan.utterances[0], plan.utterances[1] + 1))
    calm = [emotion for emotion in np.unique(labels) if emotion not in (ANGER, NEUTRAL)]
    emotions = np.full(count, NEUTRAL)
    if calm:
        emotions = np.where(rng.random(count) < plan.neutral, NEUTRAL, rng.choice(calm, count))
    if angry:
        stretch = int(rng.integers(plan.stretch[0], plan.stretch[1] + 1))
        first = int(rng.integers(count - stretch + 1))
        emotions[first : first + stretch] = ANGER
    return np.array([rng.choice(np.flatnonzero(labels == emotion)) for emotion in emotions])


def record(
    speaker: str, customer: Sequence[tuple[Samples, bool]], agent: Sequence[Samples], rng: np.random.Generator
) -> Call:
    """Put a call together.

    Parameters
    ----------
    speaker : str
    customer : sequence of (ndarray of float32, bool)
        Utterances in order, and whether each is angry.
    agent : sequence of ndarray of float32
        Utterances to choose from.
    rng : numpy.random.Generator
    """
    parts: list[tuple[int, Samples]] = []  # channel and sound; silence is no channel's
    angry_at: list[tuple[int, int]] = []
    at = 0
    for sound, is_angry in customer:
        turn = [(-1, np.zeros(int(rng.uniform(*_PAUSE_S) * SAMPLE_RATE), np.float32))]
        if agent and rng.random() < _AGENT_SHARE:
            turn = [*turn, (0, agent[int(rng.integers(len(agent)))]), turn[0]]
        at += sum(len(part) for _, part in turn)
        if is_angry:
            angry_at.append((at, at + len(sound)))
        at += len(sound)
        parts += [*turn, (1, sound)]
    stereo = np.zeros((at + SAMPLE_RATE, 2), np.float32)
    at = 0
    for channel, part in parts:
        if channel >= 0:
            stereo[at : at + len(part), channel] = part
        at += len(part)
    wav = io.BytesIO()
    soundfile.write(wav, stereo, SAMPLE_RATE, "PCM_16", format="WAV")
    angry_s = (angry_at[0][0] / SAMPLE_RATE, angry_at[-1][1] / SAMPLE_RATE) if angry_at else None
    return Call(speaker, wav.getvalue(), angry_s)


def able(clips: Sequence[Clip]) -> list[str]:
    """Name the speakers of whom calls can be made: those with neutral and angry clips, two of each or more.

    Raises
    ------
    CorpusError
        There is none.
    """
    has = Counter((_speaker(clip), clip.emotion) for clip in clips)
    names = sorted({_speaker(clip) for clip in clips})
    found = [name for name in names if min(has[name, "anger"], has[name, "neutral"]) >= 2]
    if not found:
        raise CorpusError("no speaker has two angry and two neutral clips, so no call can be made of them")
    return found


def _speaker(clip: Clip) -> str:
    return f"{clip.corpus}/{clip.speaker}"


def calls(
    clips: Sequence[Clip], speakers: Sequence[str], plan: Plan, channel: str, each: int, seed: int
) -> Iterator[Call]:
    """Make calls of every speaker, `each` of them, every other one angry; the agent is another one, and neutral."""

    def heard(speaker: str, emotions: Collection[str]) -> tuple[list[Samples], NDArray[np.intp]]:
        mine = [clip for clip in clips if _speaker(clip) == speaker and clip.emotion in emotions]
        return apply_condition(mine, AcousticCondition(channel, "speech")), np.array(
            [EMOTIONS.index(clip.emotion) for clip in mine]
        )

    agents = [heard(speaker, ["neutral"])[0] for speaker in speakers]
    for number, speaker in enumerate(speakers):
        sounds, labels = heard(speaker, EMOTIONS)
        rng = np.random.default_rng([seed, number])
        for take in range(each):
            chosen = script(labels, plan, take % 2 == 0, rng)
            others = [*agents[:number], *agents[number + 1 :]]
            yield record(
                speaker,
                [(sounds[i], bool(labels[i] == ANGER)) for i in chosen],
                others[take % len(others)] if others else [],
                rng,
            )


def rows_of(call: Call, number: int, model: EmotionModel) -> tuple[list[JsonRow], JsonRow]:
    """Hear a call as a recording is heard, and make its rows."""
    settings = AnalysisConfig()
    named = CallMetadata(call_id=f"{number:06}", started_at=_DAY)
    ref = ObjectRef("simulated", f"{number:06}.wav", 1)
    recording = Recording(ref, call.audio, len(call.audio), f"{number:064}", _DAY, named)
    return analysis_rows(analyze(recording, model, settings), settings, _DAY, 0.0)


def said(analyzed: Sequence[tuple[list[JsonRow], JsonRow]]) -> list[JsonRow]:
    """What the view `calls` says of analyzed calls, in order."""
    with TemporaryDirectory() as folder:
        store = DuckDBWarehouse(Path(folder) / "calls.duckdb")
        store.append("segments", [row for segments, _ in analyzed for row in segments])
        store.append("recordings", [commit for _, commit in analyzed])
        return store.query("SELECT call_id, anger_score, anger_start_s, anger_end_s FROM calls ORDER BY call_id")


def overlap(found: tuple[float, float] | None, true: tuple[float, float]) -> float:
    """Time in both stretches over time in either, 0 to 1; 0 where none was found.

    Examples
    --------
    >>> overlap((0.0, 2.0), (1.0, 4.0))
    0.25
    """
    if found is None:
        return 0.0
    both = max(0.0, min(found[1], true[1]) - max(found[0], true[0]))
    return both / (found[1] - found[0] + true[1] - true[0] - both)


def judge(truth: Sequence[Truth], rows: Sequence[JsonRow]) -> tuple[dict[str, float], dict[str, list[float]]]:
    """Hold what the view says against what the calls are made of.

    Parameters
    ----------
    truth : sequence of Truth
    rows : sequence of dict
        Their rows of `calls`.

    Returns
    -------
    (dict of str to float, dict of str to list of float)
        `auc`, of the score; `recall`, of angry calls at 5 % false alarms; `overlap`, in time, mean over the angry
        calls; `stretch_found` and `stretch_false`, the shares of angry and of other calls in which a stretch is said to
        be angry. And their intervals of 95 %, by bootstrap over speakers; none for one speaker.
    """
    angry = np.array([true.angry_s is not None for true in truth])
    scores = np.array([row["anger_score"] or 0.0 for row in rows])
    stretches = [None if row["anger_start_s"] is None else (row["anger_start_s"], row["anger_end_s"]) for row in rows]
    claimed = np.array([stretch is not None for stretch in stretches])
    overlaps = np.array(
        [
            overlap(stretch, true.angry_s) if true.angry_s else np.nan
            for stretch, true in zip(stretches, truth, strict=True)
        ]
    )

    def figures(chosen: NDArray[np.intp]) -> dict[str, float]:
        is_angry = angry[chosen]
        return {
            "auc": auc(scores[chosen], is_angry),
            "recall": recall_at(scores[chosen], is_angry, FALSE_ALARMS),
            "overlap": float(np.mean(overlaps[chosen][is_angry])),
            "stretch_found": float(np.mean(claimed[chosen][is_angry])),
            "stretch_false": float(np.mean(claimed[chosen][~is_angry])),
        }

    names, speakers = np.unique([true.speaker for true in truth], return_inverse=True)
    found = figures(np.arange(len(truth)))
    bounds = {}
    if len(names) > 1:
        mine = [np.flatnonzero(speakers == k) for k in range(len(names))]
        draws = np.random.default_rng(0).integers(len(names), size=(RESAMPLES, len(names)))
        drawn = [figures(np.concatenate([mine[k] for k in draw])) for draw in draws]
        spread = {name: interval(np.array([draw[name] for draw in drawn])) for name in found}
        bounds = {name: [round(float(bound), 4) for bound in low_high] for name, low_high in spread.items()}
    return {name: round(value, 4) for name, value in found.items()}, bounds


def simulate(
    model: EmotionModel, clips: Sequence[Clip], plan: str, channel: str, each: int, seed: int = 0
) -> dict[str, Any]:
    """Make calls, hear them, and judge what is said of them.

    Parameters
    ----------
    model : EmotionModel
    clips : sequence of Clip
    plan : str
        A name in `PLANS`.
    channel : str
        A name in `CHANNELS`.
    each : int
        Calls of each speaker; every other one is angry.
    seed : int

    Returns
    -------
    dict
        The figures of `judge`, their intervals, and how they were come by; ready for JSON.

    Raises
    ------
    CorpusError
        No speaker has both angry and neutral clips, or a clip cannot be decoded.
    """
    truth, analyzed = [], []
    speakers = able(clips)
    made = calls(clips, speakers, PLANS[plan], channel, each, seed)
    for call in track(made, "analyzing calls", total=each * len(speakers)):
        analyzed.append(rows_of(call, len(truth), model))
        truth.append(Truth(call.speaker, call.angry_s))
    figures, bounds = judge(truth, said(analyzed))
    return {
        "kind": "simulation",
        "model": model.version,
        "corpora": sorted({clip.corpus for clip in clips}),
        "splits": sorted({clip.split for clip in clips}),
        "plan": plan,
        "channel": channel,
        "calls": len(truth),
        "angry_calls": sum(true.angry_s is not None for true in truth),
        "speakers": len(speakers),
        "hours": round(sum(commit["duration_s"] for _, commit in analyzed) / 3600, 2),
        **figures,
        "intervals": bounds,
    }


def show(report: dict[str, Any], console: Console) -> None:
    """Print a report."""
    console.print(
        f"Model {report['model']} on {report['calls']} calls ({report['hours']} h), {report['angry_calls']} angry; "
        f"{report['speakers']} speakers of {', '.join(report['corpora'])} ({', '.join(report['splits'])}), "
        f"{report['plan']} plan, {report['channel']}",
        highlight=False,
    )
    for name, words in WORDS.items():
        bounds = report["intervals"].get(name)
        spread = f" ({bounds[0]:.3f} to {bounds[1]:.3f})" if bounds else ""
        console.print(f"{words:>46}  {report[name]:.3f}{spread}", highlight=False)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=remote_paths.source, default=MODEL / "emotion.tflite")
    add_source(parser)
    parser.add_argument("--channel", choices=CHANNELS, default="telephone")
    parser.add_argument(
        "--plan", choices=PLANS, default="short", help="two angry of 40 utterances; or 2 to 8 of 30 to 60"
    )
    parser.add_argument("--calls", type=int, default=EACH, help="of each speaker; default: %(default)s")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=remote_paths.target, help="where the report goes")
    args = parser.parse_args()
    try:
        if args.calls < 2:
            raise CorpusError(f"--calls {args.calls}: a speaker needs 2 calls or more, one of them angry")
        model = load_model(args.model)
        found = source(args.manifest, args.corpus, args.root, args.split)
        report = simulate(model, found.clips, args.plan, args.channel, args.calls, args.seed)
        show(report, Console())
        if args.json:
            write_json(args.json, report)
    except (CorpusError, ModelError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    remote_paths.run(main)
