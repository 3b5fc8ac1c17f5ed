"""How well a model file tells emotions apart, through the code that serves it.

    python -m model evaluate --model model/emotion.tflite --corpus ravdess --root RAVDESS --json evaluation.json

Each speaker stands for a caller: a baseline is made of some of the speaker's clips, then every clip is classified
relative to it, with equal priors, since the corpora are about balanced. Baselines that are drawn are drawn five times.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table

from callmood.emotion.baseline import estimate_baseline
from callmood.emotion.model import EmotionModel, load_model
from callmood.errors import ModelError
from callmood.resources import MODEL
from callmood.types import EMOTIONS
from model import remote_paths
from model.augmentation.conditions import CHANNELS, CROPS, AcousticCondition
from model.data.corpora import Clip, CorpusError
from model.data.source import Source, add_source, source
from model.evaluation.metrics import Answers, assess
from model.features.embedding_cache import embeddings
from model.files import write_json
from model.training.baseline_sampling import NEUTRAL, counts

DRAWS = 5
PEOPLE = ("sex", "age", "race")
AGES = (0, 30, 45, 60)
DURATIONS_S = (0, 1, 2, 4, 8)
EVEN = dict.fromkeys(EMOTIONS, 1 / len(EMOTIONS))

# (labels of a speaker's clips, rng) -> clips of each baseline to try, as indices
Baseline = Callable[[NDArray[np.intp], np.random.Generator], list[NDArray[np.intp]]]


def baseline_named(name: str) -> Baseline:
    """Baselines by name: `none`, `all` of a speaker's clips, or `neutral:30`: 30 clips drawn, 70 % of them neutral."""
    kind, _, k = name.partition(":")
    if name in ("none", "all"):
        return lambda labels, _: [np.arange(len(labels) if name == "all" else 0)]
    if kind != "neutral" or not k.isdecimal() or not int(k):
        raise argparse.ArgumentTypeError(f"{name!r} is no baseline; write none, all, or neutral:30")
    mix = np.where(np.arange(len(EMOTIONS)) == NEUTRAL, 0.70, 0.06)[None].repeat(DRAWS, 0)

    def mostly_neutral(labels: NDArray[np.intp], rng: np.random.Generator) -> list[NDArray[np.intp]]:
        drawn = counts(labels, mix, np.full(DRAWS, int(k)), rng).astype(int)
        return [np.repeat(np.arange(len(labels)), times) for times in drawn]

    return mostly_neutral


def listen(
    model: EmotionModel,
    clips: Sequence[Clip],
    embedded: NDArray[np.float32],
    durations_s: NDArray[np.float32],
    baseline: Baseline,
    seed: int = 0,
) -> Answers:
    """Classify every clip against each baseline drawn of its speaker.

    Parameters
    ----------
    model : EmotionModel
    clips : sequence of Clip, length n
    embedded : ndarray of float32, shape (n, d)
    durations_s : ndarray of float32, shape (n,)
    baseline : callable
        From `baseline_named`.
    seed : int

    Returns
    -------
    Answers
        One for each clip and baseline, with the clips' sex, age, race and duration as groups.
    """
    rng = np.random.default_rng(seed)
    labels = np.array([EMOTIONS.index(clip.emotion) for clip in clips])
    speakers = np.array([f"{clip.corpus}/{clip.speaker}" for clip in clips])
    heard, probabilities = [], []
    for speaker in np.unique(speakers):
        mine = np.flatnonzero(speakers == speaker)
        drawn = baseline(labels[mine], rng)
        for chosen in drawn:
            voice = estimate_baseline(embedded[mine[chosen]], durations_s[mine[chosen]])
            heard.append(mine)
            probabilities.append(model.classify(embedded[mine], voice, EVEN))
    order = np.concatenate(heard)
    groups = {
        "sex": [clip.sex or "" for clip in clips],
        "age": ["" if clip.age is None else _band(clip.age, AGES, 1) for clip in clips],
        "race": [clip.race or "" for clip in clips],
        "duration": [_band(seconds, DURATIONS_S, 0, " s") for seconds in durations_s],
    }
    return Answers(
        labels=labels[order],
        probabilities=np.concatenate(probabilities),
        speakers=speakers[order],
        groups={attribute: np.array(group)[order] for attribute, group in groups.items() if any(group)},
        weight=1 / len(drawn),
    )


def _band(value: float, edges: Sequence[int], step: int, unit: str = "") -> str:
    """Name the band that holds the value; it ends a step before the next one begins."""
    k = int(np.searchsorted(edges, value, side="right"))
    return f"{edges[-1]}{unit} and over" if k == len(edges) else f"{edges[k - 1]} to {edges[k] - step}{unit}"


def heard(
    model: EmotionModel,
    clips: Sequence[Clip],
    baseline: str,
    condition: AcousticCondition,
    cache: Path = Path("runs/evaluate"),
) -> Answers:
    """Embed clips, or remember their embeddings, and classify them; see `listen` and `model.features.embedding_cache.embeddings`."""
    embedded, durations_s = embeddings(model, clips, condition, cache)
    return listen(model, clips, embedded, durations_s, baseline_named(baseline))


def evaluate(
    model: EmotionModel, found: Source, baseline: str, condition: AcousticCondition, cache: Path = Path("runs/evaluate")
) -> dict[str, Any]:
    """Evaluate a model on clips.

    Parameters
    ----------
    model : EmotionModel
    found : Source
    baseline : str
        Name of the baseline.
    condition : AcousticCondition
    cache : Path
        Folder for embeddings.

    Returns
    -------
    dict
        What was measured, and how; `model.evaluation.metrics.assess` has the figures.
    """
    return {
        "kind": "evaluation",
        "model": model.version,
        "corpora": sorted({clip.corpus for clip in found.clips}),
        "splits": list(found.splits),
        "left_out": found.left_out,
        "baseline": baseline,
        "channel": condition.channel,
        "crop": condition.crop,
        **assess(heard(model, found.clips, baseline, condition, cache)),
    }


def show(report: dict[str, Any], console: Console) -> None:
    """Print a report as tables."""
    console.print(
        f"Model {report['model']} on {', '.join(report['corpora'])} ({', '.join(report['splits'])}), {report['crop']} "
        f"clips, {report['channel']}, baseline {report['baseline']}; percent, with intervals of 95 % over speakers",
        highlight=False,
    )
    groups = _table("", "clips", "speakers", "accuracy", "", "UAR", "", "ECE")
    groups.add_row("all", *_cells(report, "clips", "speakers", "accuracy", "uar", "ece"))
    for attribute, compared in report["groups"].items():
        groups.add_section()
        for name, figures in compared["groups"].items():
            cells = _cells(figures, "clips", "speakers", "accuracy", "uar", "ece")
            groups.add_row(f"{attribute}: {name}", *cells)
    console.print(groups)
    for attribute in PEOPLE:
        if gap := report["groups"].get(attribute, {}).get("gaps", {}).get("uar"):
            console.print(f"Gap of {attribute}: UAR {gap['points']:.1f} points", _range(gap["interval"]), end="")
            console.print(f", {gap['best']} over {gap['worst']}", highlight=False)
    emotions = _table("emotion", "clips", "recall", "", "precision", "F1", *(f"→ {e[:4]}" for e in EMOTIONS))
    for row, emotion in zip(report["confusion"], EMOTIONS, strict=True):
        if figures := report["emotions"].get(emotion):
            heard = (f"{100 * n / sum(row):.0f}" for n in row)
            emotions.add_row(emotion, *_cells(figures, "clips", "recall", "precision", "f1"), *heard)
    console.print(emotions)
    if report["speakers"] < 5:
        console.print("Few speakers: intervals, which are drawn over speakers, are no more than a hint.")
    absent = [emotion for emotion in EMOTIONS if emotion not in report["emotions"]]
    if absent:
        console.print(f"No clip is {' or '.join(absent)}: to hear it is counted as wrong; UAR is over the others.")


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE, header_style="bold", padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(column, justify="left" if column in ("", "emotion") else "right", no_wrap=True)
    return table


def _cells(figures: dict[str, Any], *names: str) -> list[str]:
    """Write figures, those that have a column for it with their intervals."""
    cells = []
    for name in names:
        value = figures[name]
        cells.append("" if value is None else str(value) if isinstance(value, int) else f"{value:.1f}")
        if name in ("accuracy", "uar", "recall"):
            cells.append(_range(figures["intervals"].get(name)))
    return cells


def _range(bounds: list[float | None] | None) -> str:
    return f"{bounds[0]:.1f} to {bounds[1]:.1f}" if bounds and None not in bounds else ""


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=remote_paths.source, default=MODEL / "emotion.tflite")
    add_source(parser)
    parser.add_argument("--baseline", default="neutral:30", help="none, all, or neutral:K", type=_baseline_name)
    parser.add_argument("--channel", choices=CHANNELS, default="clean")
    parser.add_argument("--crop", choices=CROPS, default="whole", help="part of each clip that is evaluated")
    parser.add_argument(
        "--cache", type=remote_paths.kept, default=Path("runs/evaluate"), help="where embeddings are kept"
    )
    parser.add_argument("--json", type=remote_paths.target, help="where the report goes")
    args = parser.parse_args()
    try:
        model = load_model(args.model)
        found = source(args.manifest, args.corpus, args.root, args.split)
        report = evaluate(model, found, args.baseline, AcousticCondition(args.channel, args.crop), args.cache)
        show(report, Console())
        if args.json:
            write_json(args.json, report)
    except (CorpusError, ModelError, OSError) as error:
        sys.exit(f"error: {error}")


def _baseline_name(name: str) -> str:
    baseline_named(name)
    return name


if __name__ == "__main__":
    remote_paths.run(main)
