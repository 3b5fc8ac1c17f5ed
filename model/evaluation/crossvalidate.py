"""Cross-validate a configuration: train and test it several times, each time on other speakers.

Every speaker is held out once. With `by_corpus`, every corpus is held out once. With `by_text`, every speaker and every
sentence is held out once, as in calls, where nobody says the training sentences. The model file of each fold is tested
through the serving code. Finished folds are kept, so an interrupted run continues with the next fold.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

from callmood.emotion.associated_files import BASELINE
from callmood.emotion.model import load_model
from model.augmentation.conditions import AcousticCondition
from model.config import Config
from model.data import manifest
from model.evaluation.evaluate import DEMOGRAPHICS, predict
from model.evaluation.metrics import Predictions, assess, concatenate
from model.export.export import load_network, run_metadata, write_model
from model.networks.tflite import to_tflite
from model.training import folds, runs
from model.training.folds import Fold
from model.training.train import train
from model.types import Channel

_CHANNELS: tuple[Channel, ...] = ("clean", "telephone")
CONDITIONS = tuple((baseline, channel) for channel in _CHANNELS for baseline in ("none", "neutral:30"))
"""tuple of (str, str): the baselines and channels of the test."""

METRICS = ("accuracy", "uar", "ece", "log_loss")

HoldOut = Literal["speaker", "corpus", "text"]


def crossvalidate(
    conf: Config, rows: Sequence[manifest.Row], by: HoldOut, count: int, run: Path, cache: Path
) -> dict[str, Any]:
    """Cross-validate a configuration on all splits of a manifest.

    Parameters
    ----------
    conf : Config
    rows : sequence of Row
    by : {"speaker", "corpus", "text"}
        What each fold holds out.
    count : int
        Number of folds; ignored with `by="corpus"`.
    run : Path
        Folder with a folder for each fold.
    cache : Path
        Folder of cached features.

    Returns
    -------
    dict
        See `summarize`.

    Raises
    ------
    ConfigError
        The manifest has too few speakers, corpora, or sentences.
    RunError
        The folder contains folds of another configuration or manifest.
    """
    conf = folds.train_split_only(conf)
    if by == "corpus":
        all_folds = folds.by_corpus(rows)
    else:
        all_folds = (folds.by_text if by == "text" else folds.by_speaker)(rows, count)
    predictions = [test(conf, fold, run / fold.name, cache) for fold in all_folds]
    return summarize(conf, by, [fold.name for fold in all_folds], predictions)


def test(conf: Config, fold: Fold, run: Path, cache: Path) -> list[Predictions]:
    """Train without the test speakers of a fold, and predict their clips with the model file.

    Parameters
    ----------
    conf : Config
    fold : Fold
    run : Path
        Folder of this fold. An existing model file is not trained again.
    cache : Path
        Folder of cached features.

    Returns
    -------
    list of Predictions
        One for each of `CONDITIONS`.

    Raises
    ------
    RunError
        The folder contains a fold of another configuration or manifest.
    """
    file = run / "emotion.tflite"
    with TemporaryDirectory() as folder:
        fold_manifest = Path(folder) / "manifest.parquet"
        manifest.write(fold.rows, fold_manifest)
        runs.start(run, conf, fold_manifest, resume=True)
    if not file.with_suffix(".json").exists():
        train(conf, fold.rows, run, cache)
        write_model(file, to_tflite(load_network(run)), run_metadata(run), {BASELINE: (run / BASELINE).read_bytes()})
    model = load_model(file)
    held_out = [row.as_clip() for row in fold.rows if row.split == "test"]
    return [
        predict(model, held_out, baseline, AcousticCondition(channel, "whole"), run / "embeddings")
        for baseline, channel in CONDITIONS
    ]


def summarize(conf: Config, by: HoldOut, names: list[str], predictions: list[list[Predictions]]) -> dict[str, Any]:
    """Assess the folds separately and together.

    Parameters
    ----------
    conf : Config
    by : {"speaker", "corpus", "text"}
    names : list of str, length n
        Names of the folds.
    predictions : list of list of Predictions, length n
        Predictions of each fold.

    Returns
    -------
    dict
        `folds`, each with its name, clips, and speakers. `results`, one for each of `CONDITIONS`: for each metric the
        mean, the standard deviation, and the value of each fold; and `pooled`, the metrics of
        `model.evaluation.metrics.assess` over the predictions of all folds.
    """
    assessed = [[assess(condition) for condition in fold] for fold in predictions]
    return {
        "kind": "crossvalidation",
        "by": by,
        "architecture": conf.architecture.name,
        "config": conf.digest(),
        "folds": [
            {"name": name, "clips": metrics[0]["clips"], "speakers": metrics[0]["speakers"]}
            for name, metrics in zip(names, assessed, strict=True)
        ],
        "results": [
            {
                "baseline": baseline,
                "channel": channel,
                **{metric: _spread([metrics[metric] for metrics in same]) for metric in METRICS},
                "pooled": assess(concatenate(parts)),
            }
            for (baseline, channel), same, parts in zip(
                CONDITIONS, zip(*assessed, strict=True), zip(*predictions, strict=True), strict=True
            )
        ],
    }


def _spread(values: list[float]) -> dict[str, Any]:
    return {"mean": round(statistics.mean(values), 3), "sd": round(statistics.stdev(values), 3), "folds": values}


def show(report: dict[str, Any], console: Console) -> None:
    """Print a summary as a table."""
    table = Table(
        "baseline",
        "channel",
        *METRICS,
        title=f"{len(report['folds'])} folds by {report['by']}, mean ± standard deviation",
    )
    for result in report["results"]:
        cells = (f"{result[metric]['mean']:.1f} ± {result[metric]['sd']:.1f}" for metric in METRICS)
        table.add_row(result["baseline"], result["channel"], *cells)
    console.print(table)
    for result in report["results"]:
        for attribute in DEMOGRAPHICS:
            if gap := result["pooled"]["groups"].get(attribute, {}).get("gaps", {}).get("uar"):
                low, high = gap["interval"]
                console.print(
                    f"{result['baseline']}, {result['channel']}: UAR gap by {attribute} {gap['points']:.1f} points "
                    f"({low:.1f} to {high:.1f}), {gap['best']} over {gap['worst']}",
                    highlight=False,
                )
