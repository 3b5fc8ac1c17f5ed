"""Train and test over and over, on other speakers each time: what a recipe is worth, and how much of that is luck.

    python -m model.crossvalidate --config model/configs/shipped.toml --manifest M --run runs/folds --json OUT

Every speaker is held out once (or every corpus, `--by corpus`); each fold's model file is tested through the code that
serves. Folds that are done are kept in RUN: the same command goes on with the next one.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from callmood.emotion import load_model
from model import config, folds, manifest, places, runs
from model.config import Config, ConfigError
from model.corpora import CorpusError
from model.evaluate import Source, evaluate
from model.export import trained, trained_facts, write
from model.features import CACHE
from model.folds import Fold
from model.hearing import Hearing
from model.tflite import to_tflite
from model.train import train

BASELINES = ("none", "neutral:30")
CHANNELS = ("clean", "telephone")
FIGURES = ("accuracy", "uar", "ece", "log_loss")


def test(conf: Config, fold: Fold, run: Path, cache: Path) -> list[dict[str, Any]]:
    """Train without a fold's speakers, and evaluate the model file on them.

    Parameters
    ----------
    conf : Config
    fold : Fold
    run : Path
        Folder of this fold alone; what is done there is not done again.
    cache : Path
        Folder of the features to learn from.

    Returns
    -------
    list of dict
        As `model.evaluate` writes them, one for each baseline and channel.
    """
    done = run / "evaluations.json"
    if not done.exists():
        manifest.write(fold.rows, run / "manifest.parquet")
        runs.begin(run, conf, run / "manifest.parquet", resume=True)
        train(conf, fold.rows, run, cache)
        write(run / "emotion.tflite", to_tflite(trained(run)), trained_facts(run))
        model = load_model(run / "emotion.tflite")
        held_out = Source([row.as_clip() for row in fold.rows if row.split == "test"], ("test",), {})
        found = [
            evaluate(model, held_out, baseline, Hearing(channel, "whole"), run / "embeddings")
            for channel in CHANNELS
            for baseline in BASELINES
        ]
        runs.write_json(done, found)
    return list(json.loads(done.read_text(encoding="utf-8")))


def summary(conf: Config, by: str, names: list[str], found: list[list[dict[str, Any]]]) -> dict[str, Any]:
    """Mean and standard deviation over folds.

    Parameters
    ----------
    conf : Config
    by : {"speaker", "corpus"}
    names : list of str, length n
        The folds'.
    found : list of list of dict, length n
        Each fold's evaluations.

    Returns
    -------
    dict
        `folds`, each with its name, clips and speakers; `results`, one for each baseline and channel, in which every
        figure has its mean, its standard deviation and its value in each fold.
    """
    return {
        "kind": "crossvalidation",
        "by": by,
        "architecture": conf.architecture.name,
        "config": conf.digest(),
        "folds": [
            {"name": name, "clips": evaluations[0]["clips"], "speakers": evaluations[0]["speakers"]}
            for name, evaluations in zip(names, found, strict=True)
        ],
        "results": [
            {
                "baseline": same[0]["baseline"],
                "channel": same[0]["channel"],
                **{figure: _spread([evaluation[figure] for evaluation in same]) for figure in FIGURES},
            }
            for same in zip(*found, strict=True)
        ],
    }


def _spread(values: list[float]) -> dict[str, Any]:
    return {"mean": round(statistics.mean(values), 3), "sd": round(statistics.stdev(values), 3), "folds": values}


def show(report: dict[str, Any], console: Console) -> None:
    """Print a summary as a table."""
    table = Table(
        "baseline", "channel", *FIGURES, title=f"{len(report['folds'])} folds by {report['by']}, mean ± deviation"
    )
    for result in report["results"]:
        cells = (f"{result[figure]['mean']:.1f} ± {result[figure]['sd']:.1f}" for figure in FIGURES)
        table.add_row(result["baseline"], result["channel"], *cells)
    console.print(table)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=places.source, required=True, help="see model/configs")
    parser.add_argument("--manifest", type=places.source, required=True, help="from model.ingest; of all its splits")
    parser.add_argument("--by", choices=["speaker", "corpus"], default="speaker", help="what is held out")
    parser.add_argument("--folds", type=int, default=5, help="with --by speaker")
    parser.add_argument("--run", type=places.kept, required=True, help="a folder with a folder for each fold")
    parser.add_argument("--cache", type=places.kept, default=CACHE, help="where features are kept")
    parser.add_argument("--json", type=places.target, required=True, help="where the summary goes")
    args = parser.parse_args()
    try:
        conf, rows = folds.learning_from_train(config.read(args.config)), manifest.read(args.manifest)
        dealt = folds.by_corpus(rows) if args.by == "corpus" else folds.by_speaker(rows, args.folds)
        found = [test(conf, fold, args.run / fold.name, args.cache) for fold in dealt]
    except (ConfigError, CorpusError, runs.RunError, OSError) as error:
        sys.exit(f"error: {error}")
    report = summary(conf, args.by, [fold.name for fold in dealt], found)
    show(report, Console())
    runs.write_json(args.json, report)


if __name__ == "__main__":
    places.run(main)
