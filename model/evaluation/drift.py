"""Measure what `monitor` finds, and how often it cries wolf: `python -m model drift --corpus NAME --root DIR`.

Calm days: calls of some voices of a corpus, compared with calls of its others, which voices being drawn anew for every
day. Drift: calls through another codec, with noise, or of another corpus's voices (`--other`: of another
language, say), compared with the same reference.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from callmood.emotion.model import load_model
from callmood.errors import CallmoodError
from callmood.monitoring.drift import COUNTS, MEANS, Reference, compare
from callmood.resources import MODEL
from callmood.types import JsonRow
from model import remote_paths
from model.augmentation.conditions import AcousticCondition
from model.augmentation.telephone import Noise, SpeechCodec
from model.data.corpora import CORPORA, CorpusError
from model.data.source import add_source, source
from model.evaluation.reference import CALLS, TELEPHONE, content, rows_of
from model.files import atomic_write

DRIFTS = {
    "GSM in place of G.711": AcousticCondition(
        "random_telephone", "whole", telephone_channel=(SpeechCodec(codecs=("gsm_13",)),)
    ),
    "noise 10 dB below the voice": AcousticCondition(
        "random_telephone",
        "whole",
        telephone_channel=(SpeechCodec(codecs=("mu_law",)), Noise(snr_db=(10, 10), tilt_db=(-1, 1))),
    ),
}
"""dict of str to AcousticCondition: what happens to the line."""

DAY_SHARE = 1 / 3  # of a corpus's voices call on a day, once each; the others are the reference
TESTS = len(MEANS) + len(COUNTS)


def days(
    calm: Sequence[JsonRow],
    drifted: Mapping[str, Sequence[JsonRow]],
    version: str,
    count: int,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Days of calls, and on how many of them something is found.

    Parameters
    ----------
    calm : sequence of dict
        Rows of `call_features` with their `voice`.
    drifted : mapping of str to sequence of dict
        The same, by what happened to them.
    version : str
        The model's.
    count : int
        Days.
    rng : numpy.random.Generator

    Returns
    -------
    dict
        JSON-able: by what happened (`calm` for nothing) the share of days with an alarm, and by which figures.
    """
    voices = sorted({row["voice"] for row in calm})
    calling = max(1, round(DAY_SHARE * len(voices)))
    found: dict[str, list[list[str]]] = {what: [] for what in ("calm", *drifted)}
    for _ in range(count):
        today = set(rng.permutation(voices)[:calling])
        reference = Reference(content([row for row in calm if row["voice"] not in today], version, "the others"))
        for what, rows in {"calm": [row for row in calm if row["voice"] in today], **drifted}.items():
            findings = compare(_one_each(rows, calling, rng), reference, TESTS)
            found[what].append([finding.figure for finding in findings if finding.is_drift])
    return {
        "voices": len(voices),
        "calls_a_day": calling,
        "days": count,
        "found": {
            what: {
                "days_with_alarm": sum(map(bool, alarms)) / count,
                "by_figure": dict(Counter(figure for alarm in alarms for figure in alarm).most_common()),
            }
            for what, alarms in found.items()
        },
    }


def _one_each(rows: Sequence[JsonRow], count: int, rng: np.random.Generator) -> list[JsonRow]:
    """One call of each of so many voices; where there are fewer voices, each calls again before any calls thrice."""
    shuffled = [rows[i] for i in rng.permutation(len(rows))]
    turn: Counter[str] = Counter()
    turns = []
    for row in shuffled:
        turns.append(turn[row["voice"]])
        turn[row["voice"]] += 1
    return [shuffled[i] for i in np.argsort(turns, kind="stable")[:count]]


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=remote_paths.source, default=MODEL / "emotion.tflite")
    add_source(parser)
    parser.set_defaults(split="all")
    parser.add_argument("--other", choices=CORPORA, help="a corpus of other voices, such as another language's")
    parser.add_argument("--other-root", type=remote_paths.source)
    parser.add_argument("--days", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=remote_paths.target, required=True)
    args = parser.parse_args()
    if bool(args.other) != bool(args.other_root):
        parser.error("give --other its --other-root")
    rng = np.random.default_rng(args.seed)
    try:
        model = load_model(args.model)
        clips = source(args.manifest, args.corpus, args.root, args.split).clips
        calm = rows_of(clips, model, TELEPHONE, CALLS, rng)
        some = set(sorted({clip.speaker for clip in clips})[:: round(1 / DAY_SHARE)])
        drifted = {
            what: rows_of([clip for clip in clips if clip.speaker in some], model, condition, CALLS, rng)
            for what, condition in DRIFTS.items()
        }
        if args.other:
            others = source(None, args.other, args.other_root, "all").clips
            drifted[args.other] = rows_of(others, model, TELEPHONE, 2 * CALLS, rng)
    except (CallmoodError, CorpusError, OSError) as error:
        sys.exit(f"error: {error}")
    report = {"model_version": model.version, **days(calm, drifted, model.version, args.days, rng)}
    with atomic_write(args.json) as unfinished:
        unfinished.write_text(json.dumps(report, indent=2) + "\n")
    for what, alarms in report["found"].items():
        by = ", ".join(f"{figure} {n}" for figure, n in list(alarms["by_figure"].items())[:4])
        print(f"{what:>28}: alarm on {alarms['days_with_alarm']:.0%} of {args.days} days ({by or 'by none'})")


if __name__ == "__main__":
    remote_paths.run(main)
