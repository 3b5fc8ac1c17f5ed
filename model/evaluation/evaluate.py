"""Evaluate a model file through the serving code.

Each speaker represents a caller. A baseline is computed from some of the speaker's clips, and each clip is classified
relative to it. The prior is uniform, because the corpora are nearly balanced. Random baselines are sampled five times.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table

from callmood.emotion.model import EmotionModel
from callmood.types import EMOTIONS
from model.augmentation.conditions import AcousticCondition
from model.data.corpora import Clip
from model.data.selection import ClipSelection
from model.evaluation.metrics import Predictions, assess
from model.export.parity import UNIFORM_PRIOR
from model.features.embedding_cache import embeddings
from model.training.baseline_sampling import NEUTRAL, sample_clip_counts

BASELINE_SAMPLES = 5
DEMOGRAPHICS = ("sex", "age", "race")
AGES = (0, 30, 45, 60)
DURATIONS_S = (0, 1, 2, 4, 8)

BaselineSampler = Callable[[NDArray[np.intp], np.random.Generator], list[NDArray[np.intp]]]
"""(labels of a speaker's clips, rng) -> for each baseline, the indices of its clips."""


def baseline_sampler(name: str) -> BaselineSampler:
    """Return the sampler for a baseline name.

    Parameters
    ----------
    name : str
        `none`; `all` clips of the speaker; or `neutral:K`, K random clips, 70 % of them neutral.

    Raises
    ------
    ValueError
        The name is invalid.
    """
    kind, _, k = name.partition(":")
    if name in ("none", "all"):
        return lambda labels, _: [np.arange(len(labels) if name == "all" else 0)]
    if kind != "neutral" or not k.isdecimal() or not int(k):
        raise ValueError(f"{name!r} is not a baseline; use none, all, or neutral:30")
    mix = np.where(np.arange(len(EMOTIONS)) == NEUTRAL, 0.70, 0.06)[None].repeat(BASELINE_SAMPLES, 0)

    def mostly_neutral(labels: NDArray[np.intp], rng: np.random.Generator) -> list[NDArray[np.intp]]:
        counts = sample_clip_counts(labels, mix, np.full(BASELINE_SAMPLES, int(k)), rng).astype(int)
        return [np.repeat(np.arange(len(labels)), times) for times in counts]

    return mostly_neutral


def classify_by_speaker(
    model: EmotionModel,
    clips: Sequence[Clip],
    embedded: NDArray[np.float32],
    durations_s: NDArray[np.float32],
    sampler: BaselineSampler,
    seed: int = 0,
) -> Predictions:
    """Classify every clip relative to each sampled baseline of its speaker.

    Parameters
    ----------
    model : EmotionModel
    clips : sequence of Clip, length n
    embedded : ndarray of float32, shape (n, d)
    durations_s : ndarray of float32, shape (n,)
    sampler : callable
        From `baseline_sampler`.
    seed : int

    Returns
    -------
    Predictions
        One for each clip and baseline, with sex, age, race, and duration as groups.
    """
    rng = np.random.default_rng(seed)
    labels = np.array([EMOTIONS.index(clip.emotion) for clip in clips])
    speakers = np.array([f"{clip.corpus}/{clip.speaker}" for clip in clips])
    rows, probabilities = [], []
    for speaker in np.unique(speakers):
        own = np.flatnonzero(speakers == speaker)
        samples = sampler(labels[own], rng)
        for sample in samples:
            baseline = model.estimate_baseline(embedded[own[sample]], durations_s[own[sample]])
            rows.append(own)
            probabilities.append(model.classify(embedded[own], baseline, UNIFORM_PRIOR))
    order = np.concatenate(rows)
    groups = {
        "sex": [clip.sex or "" for clip in clips],
        "age": ["" if clip.age is None else _bin_name(clip.age, AGES, 1) for clip in clips],
        "race": [clip.race or "" for clip in clips],
        "duration": [_bin_name(seconds, DURATIONS_S, 0, " s") for seconds in durations_s],
    }
    return Predictions(
        labels=labels[order],
        probabilities=np.concatenate(probabilities),
        speakers=speakers[order],
        groups={attribute: np.array(group)[order] for attribute, group in groups.items() if any(group)},
        weight=1 / len(samples),
    )


def _bin_name(value: float, edges: Sequence[int], step: int, unit: str = "") -> str:
    """Name the bin of a value. The printed upper edge is `step` below the next bin."""
    k = int(np.searchsorted(edges, value, side="right"))
    return f"{edges[-1]}{unit} and over" if k == len(edges) else f"{edges[k - 1]} to {edges[k] - step}{unit}"


def predict(
    model: EmotionModel, clips: Sequence[Clip], baseline: str, condition: AcousticCondition, cache: Path
) -> Predictions:
    """Embed clips, or read their embeddings from the cache, and classify them; see `classify_by_speaker`."""
    embedded, durations_s = embeddings(model, clips, condition, cache)
    return classify_by_speaker(model, clips, embedded, durations_s, baseline_sampler(baseline))


def evaluate(
    model: EmotionModel, source: ClipSelection, baseline: str, condition: AcousticCondition, cache: Path
) -> dict[str, Any]:
    """Evaluate a model on clips.

    Parameters
    ----------
    model : EmotionModel
    source : ClipSelection
    baseline : str
        Name of the baseline; see `baseline_sampler`.
    condition : AcousticCondition
    cache : Path
        Folder of cached embeddings.

    Returns
    -------
    dict
        The conditions of the evaluation, and the metrics of `model.evaluation.metrics.assess`.
    """
    return {
        "kind": "evaluation",
        "model": model.version,
        "corpora": sorted({clip.corpus for clip in source.clips}),
        "splits": list(source.splits),
        "excluded": source.excluded,
        "baseline": baseline,
        "channel": condition.channel,
        "crop": condition.crop,
        **assess(predict(model, source.clips, baseline, condition, cache)),
    }


def show(report: dict[str, Any], console: Console) -> None:
    """Print a report as tables."""
    console.print(
        f"Model {report['model']} on {', '.join(report['corpora'])} ({', '.join(report['splits'])}), {report['crop']} "
        f"clips, {report['channel']}, baseline {report['baseline']}. Percent, with 95 % intervals over speakers.",
        highlight=False,
    )
    groups = _table("", "clips", "speakers", "accuracy", "", "UAR", "", "ECE")
    groups.add_row("all", *_cells(report, "clips", "speakers", "accuracy", "uar", "ece"))
    for attribute, compared in report["groups"].items():
        groups.add_section()
        for name, metrics in compared["groups"].items():
            cells = _cells(metrics, "clips", "speakers", "accuracy", "uar", "ece")
            groups.add_row(f"{attribute}: {name}", *cells)
    console.print(groups)
    for attribute in DEMOGRAPHICS:
        if gap := report["groups"].get(attribute, {}).get("gaps", {}).get("uar"):
            console.print(f"UAR gap by {attribute}: {gap['points']:.1f} points", _range(gap["interval"]), end="")
            console.print(f", {gap['best']} over {gap['worst']}", highlight=False)
    emotions = _table("emotion", "clips", "recall", "", "precision", "F1", *(f"→ {e[:4]}" for e in EMOTIONS))
    for row, emotion in zip(report["confusion"], EMOTIONS, strict=True):
        if metrics := report["emotions"].get(emotion):
            predicted = (f"{100 * n / sum(row):.0f}" for n in row)
            emotions.add_row(emotion, *_cells(metrics, "clips", "recall", "precision", "f1"), *predicted)
    console.print(emotions)
    if report["speakers"] < 5:
        console.print("The intervals are unreliable, because there are fewer than 5 speakers.")
    absent = [emotion for emotion in EMOTIONS if emotion not in report["emotions"]]
    if absent:
        console.print(
            f"Without clips: {', '.join(absent)}. Predictions of these emotions are errors, and UAR excludes them."
        )


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE, header_style="bold", padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(column, justify="left" if column in ("", "emotion") else "right", no_wrap=True)
    return table


def _cells(metrics: dict[str, Any], *names: str) -> list[str]:
    """Format metrics, with an additional cell for the interval of accuracy, UAR, and recall."""
    cells = []
    for name in names:
        value = metrics[name]
        cells.append("" if value is None else str(value) if isinstance(value, int) else f"{value:.1f}")
        if name in ("accuracy", "uar", "recall"):
            cells.append(_range(metrics["intervals"].get(name)))
    return cells


def _range(bounds: list[float | None] | None) -> str:
    return f"{bounds[0]:.1f} to {bounds[1]:.1f}" if bounds and None not in bounds else ""
