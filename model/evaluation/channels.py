"""Measure the analysis of one channel with two speakers, and of echoes, on calls assembled from the clips of a corpus.

The agent speaks first, and then both in turn. In every other call, the second half of the customer's utterances is
angry. Each call is analyzed with a channel for each party, and mixed to one channel. The first call of each speaker is
also analyzed with echoes of the agent in the customer's channel. The analysis of the two channels is the reference.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from callmood.analysis.analyzer import Analysis
from callmood.analysis.rows import analysis_rows
from callmood.config import AnalysisConfig
from callmood.emotion.model import EmotionModel
from callmood.types import SAMPLE_RATE, Role
from model.data.corpora import Clip
from model.evaluation.composition import Speaker, read_speakers
from model.evaluation.metrics import intervals_over_speakers
from model.evaluation.simulate import ANGER, Samples, SimulatedCall, analyze_simulated, query_calls
from model.training.baseline_sampling import NEUTRAL
from model.types import Channel

UTTERANCES = 15
"""int: utterances of each party."""

ECHOES = tuple((gain_db, delay_s) for gain_db in (-20, -30, -40) for delay_s in (0.0, 0.12, 0.25))
"""tuple of (int, float): level relative to the agent's voice in dB, and delay in seconds."""

_PAUSE_S = (0.3, 1.2)
_FRAMES_PER_S = 100


def sample_dialog(customer: Speaker, agent: Speaker, is_angry: bool, rng: np.random.Generator) -> Samples:
    """Sample a call.

    Parameters
    ----------
    customer, agent : Speaker
    is_angry : bool
        Whether the customer becomes angry.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of float32, shape (n, 2)
        The agent, and the customer.
    """
    parts: list[Samples] = []
    for index in range(2 * UTTERANCES):
        channel = index % 2
        speaker = (agent, customer)[channel]
        emotion = ANGER if channel == 1 and is_angry and index >= UTTERANCES else NEUTRAL
        samples = speaker.utterances[rng.choice(np.flatnonzero(speaker.labels == emotion))]
        part = np.zeros((len(samples) + int(rng.uniform(*_PAUSE_S) * SAMPLE_RATE), 2), np.float32)
        part[: len(samples), channel] = samples
        parts.append(part)
    return np.concatenate(parts)


def add_echo(call: Samples, gain_db: float, delay_s: float) -> Samples:
    """Return the call with the agent's voice in the customer's channel, at `gain_db`, `delay_s` later."""
    delay = round(delay_s * SAMPLE_RATE)
    echo = np.zeros_like(call)
    echo[delay:, 1] = np.float32(10 ** (gain_db / 20)) * call[: len(call) - delay, 0]
    return call + echo


def role_seconds(reference: Analysis, analysis: Analysis) -> tuple[float, float, float]:
    """Compare the roles of an analysis with those of the reference, where exactly one party speaks in the reference.

    Returns
    -------
    (float, float, float)
        Seconds with the right role, with the role of the other party, and without either.
    """
    frames = int(max(reference.duration_s, analysis.duration_s) * _FRAMES_PER_S) + 1

    def speech(of: Analysis, role: Role) -> NDArray[np.bool_]:
        is_speech = np.zeros(frames, bool)
        for segment in of.segments:
            if segment.role == role:
                is_speech[round(segment.start_s * _FRAMES_PER_S) : round(segment.end_s * _FRAMES_PER_S)] = True
        return is_speech

    agent, customer = speech(reference, "agent"), speech(reference, "customer")
    found_agent, found_customer = speech(analysis, "agent"), speech(analysis, "customer")
    agent_only, customer_only = agent & ~customer, customer & ~agent
    right = agent_only & found_agent | customer_only & found_customer
    other = (agent_only & found_customer | customer_only & found_agent) & ~right
    neither = (agent_only | customer_only) & ~right & ~other
    right_s, other_s, neither_s = (float(np.count_nonzero(each)) / _FRAMES_PER_S for each in (right, other, neither))
    return right_s, other_s, neither_s


def measure(model: EmotionModel, clips: Sequence[Clip], channel: Channel, calls: int, seed: int) -> dict[str, Any]:
    """Simulate calls, analyze each in two channels, in one, and with echoes, and compare the results.

    Parameters
    ----------
    model : EmotionModel
    clips : sequence of Clip
    channel : {"clean", "telephone", "random_telephone"}
    calls : int
        Calls per speaker.
    seed : int

    Returns
    -------
    dict
        A JSON report: percentages of the speech time by role in one channel, of calls with the same verdict, and the
        mean and highest change of the customer's talk time by an echo, with 95 % bootstrap intervals over speakers.

    Raises
    ------
    CorpusError
        Fewer than two speakers have two neutral and two angry clips.
    """
    speakers = read_speakers(clips, channel, "anger")
    rng = np.random.default_rng(seed)
    names: list[str] = []
    pairs: list[tuple[Analysis, Analysis]] = []
    echo_changes: list[float] = []
    jobs = [(number, index) for number in range(len(speakers)) for index in range(calls)]
    for number, index in track(jobs, "analyzing calls"):
        agent = speakers[(number + 1 + index % (len(speakers) - 1)) % len(speakers)]
        call = sample_dialog(speakers[number], agent, index % 2 == 0, rng)
        both = _analyze(call, 2 * len(pairs), model)
        pairs.append((both, _analyze(call.sum(axis=1), 2 * len(pairs) + 1, model)))
        names.append(speakers[number].name)
        if index == 0:
            talk_s = both.talk_s.get("customer", 0.0)
            changed = [_analyze(add_echo(call, *echo), 0, model).talk_s.get("customer", 0.0) for echo in ECHOES]
            echo_changes += [abs(each - talk_s) / max(talk_s, 1.0) for each in changed]
    now = pairs[0][0].recording.uploaded_at
    rows = query_calls([analysis_rows(each, AnalysisConfig(), now, 0.0) for pair in pairs for each in pair])
    verdicts = [bool(row["needs_attention"]) for row in rows]
    values = np.array(
        [
            (*role_seconds(*pair), verdicts[2 * i] == verdicts[2 * i + 1], verdicts[2 * i])
            for i, pair in enumerate(pairs)
        ],
        float,
    )

    def metrics(selected: NDArray[np.intp]) -> dict[str, float]:
        right, other, neither, is_same, _ = values[selected].sum(axis=0)
        total = max(right + other + neither, 1.0)
        return {
            "right_role": 100 * right / total,
            "other_role": 100 * other / total,
            "no_role": 100 * neither / total,
            "same_verdict": 100 * is_same / len(selected),
        }

    bounds = intervals_over_speakers(names, metrics)
    return {
        "kind": "channels",
        "model": model.version,
        "corpora": sorted({clip.corpus for clip in clips}),
        "splits": sorted({clip.split for clip in clips}),
        "channel": channel,
        "speakers": len(speakers),
        "calls": len(pairs),
        "calls_that_need_attention": int(values[:, 4].sum()),
        **{name: round(value, 1) for name, value in metrics(np.arange(len(pairs))).items()},
        "intervals": {name: [round(float(bound), 1) for bound in each] for name, each in bounds.items()},
        "echo_change": {
            "mean": round(100 * float(np.mean(echo_changes)), 1),
            "highest": round(100 * float(np.max(echo_changes)), 1),
        },
    }


def _analyze(samples: Samples, number: int, model: EmotionModel) -> Analysis:
    wav = io.BytesIO()
    soundfile.write(wav, samples, SAMPLE_RATE, "PCM_16", format="WAV")
    return analyze_simulated(SimulatedCall("", wav.getvalue(), None), number, model)


def show(report: dict[str, Any], console: Console) -> None:
    """Print a report."""
    console.print(
        f"Model {report['model']} on {report['calls']} calls of {report['speakers']} speakers of "
        f"{', '.join(report['corpora'])} ({', '.join(report['splits'])}), {report['channel']}. Percent, with 95 % "
        "intervals over speakers.",
        highlight=False,
    )
    for name, title in _TITLES.items():
        low, high = report["intervals"][name]
        console.print(f"{title:>55} {report[name]:.1f} ({low:.1f} to {high:.1f})", highlight=False)
    change = report["echo_change"]
    console.print(f"{_ECHO_TITLE:>55} {change['mean']:.1f} mean, {change['highest']:.1f} highest", highlight=False)


_TITLES = {
    "right_role": "one channel: speech with the right role",
    "other_role": "with the role of the other party",
    "no_role": "without either role",
    "same_verdict": "calls with the same verdict as in two channels",
}
_ECHO_TITLE = "change of the customer's talk time by an echo"
