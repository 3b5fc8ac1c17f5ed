"""Measure the detection rate and the false alarm rate of drift monitoring.

On days without drift, calls of some speakers are compared with calls of the others. The speakers are sampled again for
each day. On days with drift, calls through another codec, with noise, or of another corpus (such as another language)
are compared with the same reference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from callmood.emotion.model import EmotionModel
from callmood.monitoring.drift import COUNT_METRICS, MEAN_METRICS, Reference, compare
from callmood.types import JsonRow
from model.augmentation.conditions import AcousticCondition
from model.augmentation.telephone import Noise, SpeechCodec
from model.data.corpora import Clip
from model.evaluation.reference import CALLS_PER_SPEAKER, TELEPHONE, analyze_assembled_calls, build_reference

DRIFTS = {
    "GSM instead of G.711": AcousticCondition(
        "random_telephone", "whole", telephone_channel=(SpeechCodec(codecs=("gsm_13",)),)
    ),
    "noise 10 dB below the voice": AcousticCondition(
        "random_telephone",
        "whole",
        telephone_channel=(SpeechCodec(codecs=("mu_law",)), Noise(snr_db=(10, 10), tilt_db=(-1, 1))),
    ),
}
"""dict of str to AcousticCondition: changes of the telephone channel."""

DAY_SHARE = 1 / 3  # of the speakers call on a day, once each; the others are the reference
TESTS = len(MEAN_METRICS) + len(COUNT_METRICS)


def measure(
    model: EmotionModel, clips: Sequence[Clip], others: Mapping[str, Sequence[Clip]], days: int, seed: int
) -> dict[str, Any]:
    """Measure alarms without drift, and with each kind of drift.

    Parameters
    ----------
    model : EmotionModel
    clips : sequence of Clip
        Clips of the speakers without drift.
    others : mapping of str to sequence of Clip
        Clips of other corpora, by name.
    days : int
    seed : int

    Returns
    -------
    dict
        `model_version`, and the result of `simulate_days`.
    """
    rng = np.random.default_rng(seed)
    stable = analyze_assembled_calls(clips, model, TELEPHONE, CALLS_PER_SPEAKER, rng)
    some = set(sorted({clip.speaker for clip in clips})[:: round(1 / DAY_SHARE)])
    drifted = {
        name: analyze_assembled_calls(
            [clip for clip in clips if clip.speaker in some], model, condition, CALLS_PER_SPEAKER, rng
        )
        for name, condition in DRIFTS.items()
    }
    for name, other in others.items():
        drifted[name] = analyze_assembled_calls(other, model, TELEPHONE, 2 * CALLS_PER_SPEAKER, rng)
    return {"model_version": model.version, **simulate_days(stable, drifted, model.version, days, rng)}


def simulate_days(
    stable: Sequence[JsonRow],
    drifted: Mapping[str, Sequence[JsonRow]],
    version: str,
    days: int,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Simulate days of calls, and count the days with an alarm.

    Parameters
    ----------
    stable : sequence of dict
        Rows of `call_features` with their `speaker`, without drift.
    drifted : mapping of str to sequence of dict
        The same with drift, by kind.
    version : str
        The model version.
    days : int
    rng : numpy.random.Generator

    Returns
    -------
    dict
        `speakers`, `calls_per_day`, `days`, and `results`: for `stable` and each kind of drift, the share of days with
        an alarm, and the number of alarms by metric.
    """
    speakers = sorted({row["speaker"] for row in stable})
    calls_per_day = max(1, round(DAY_SHARE * len(speakers)))
    alarms: dict[str, list[list[str]]] = {kind: [] for kind in ("stable", *drifted)}
    for _ in range(days):
        today = set(rng.permutation(speakers)[:calls_per_day])
        reference = Reference(
            build_reference([row for row in stable if row["speaker"] not in today], version, "other speakers")
        )
        for kind, rows in {"stable": [row for row in stable if row["speaker"] in today], **drifted}.items():
            findings = compare(_sample_calls(rows, calls_per_day, rng), reference, TESTS)
            alarms[kind].append([finding.metric for finding in findings if finding.is_drift])
    return {
        "speakers": len(speakers),
        "calls_per_day": calls_per_day,
        "days": days,
        "results": {
            kind: {
                "days_with_alarm": sum(map(bool, per_day)) / days,
                "by_metric": dict(Counter(metric for day in per_day for metric in day).most_common()),
            }
            for kind, per_day in alarms.items()
        },
    }


def _sample_calls(rows: Sequence[JsonRow], count: int, rng: np.random.Generator) -> list[JsonRow]:
    """Sample calls of different speakers; a speaker calls again only after all others have called equally often."""
    shuffled = [rows[i] for i in rng.permutation(len(rows))]
    calls: Counter[str] = Counter()
    previous_calls = []
    for row in shuffled:
        previous_calls.append(calls[row["speaker"]])
        calls[row["speaker"]] += 1
    return [shuffled[i] for i in np.argsort(previous_calls, kind="stable")[:count]]


def show(report: dict[str, Any]) -> None:
    """Print a report."""
    for kind, result in report["results"].items():
        metrics = ", ".join(f"{metric} {n}" for metric, n in list(result["by_metric"].items())[:4])
        print(f"{kind:>28}: alarm on {result['days_with_alarm']:.0%} of {report['days']} days ({metrics or 'none'})")
