"""Train and test over and over, on other speakers each time: what a recipe is worth, and how much of that is luck.

    python -m model crossvalidate --config model/configs/shipped.toml --manifest M --run runs/folds --json OUT

Every speaker is held out once (or every corpus, `--by corpus`; or every speaker and every sentence, `--by text`: what a
call is like, where nobody says what was learned); each fold's model file is tested through the code that
serves. Folds that are done are kept in RUN: the same command goes on with the next one.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from callmood.emotion.model import load_model
from model import config, remote_paths
from model.augmentation.conditions import AcousticCondition
from model.config import Config, ConfigError
from model.data import manifest
from model.data.corpora import CorpusError
from model.evaluation.evaluate import PEOPLE, heard
from model.evaluation.metrics import Answers, assess, together
from model.export.export import trained, trained_facts, write
from model.files import write_json
from model.networks.tflite import to_tflite
from model.training import folds, runs
from model.training.extract import CACHE
from model.training.folds import Fold
from model.training.train import train

WAYS = tuple((baseline, channel) for channel in ("clean", "telephone") for baseline in ("none", "neutral:30"))
"""tuple of (str, str): the baselines and channels that models are tested with."""
FIGURES = ("accuracy", "uar", "ece", "log_loss")


def test(conf: Config, fold: Fold, run: Path, cache: Path) -> list[Answers]:
    """Train without a fold's speakers, and have the model file answer to them.

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
    list of Answers
        One for each of `WAYS`.
    """
    file = run / "emotion.tflite"
    if not file.with_suffix(".json").exists():
        manifest.write(fold.rows, run / "manifest.parquet")
        runs.begin(run, conf, run / "manifest.parquet", resume=True)
        train(conf, fold.rows, run, cache)
        write(file, to_tflite(trained(run)), trained_facts(run))
    model = load_model(file)
    held_out = [row.as_clip() for row in fold.rows if row.split == "test"]
    return [
        heard(model, held_out, baseline, AcousticCondition(channel, "whole"), run / "embeddings")
        for baseline, channel in WAYS
    ]


def summary(conf: Config, by: str, names: list[str], answers: list[list[Answers]]) -> dict[str, Any]:
    """Assess folds one by one and all together.

    Parameters
    ----------
    conf : Config
    by : {"speaker", "corpus", "text"}
    names : list of str, length n
        The folds'.
    answers : list of list of Answers, length n
        Each fold's.

    Returns
    -------
    dict
        `folds`, each with its name, clips and speakers; `results`, one for each of `WAYS`, in which every figure has
        its mean, its standard deviation and its value in each fold, and `together` is what `model.evaluation.metrics.assess` says
        of all speakers at once, each as heard by the model that was trained without them.
    """
    found = [[assess(each) for each in fold] for fold in answers]
    return {
        "kind": "crossvalidation",
        "by": by,
        "architecture": conf.architecture.name,
        "config": conf.digest(),
        "folds": [
            {"name": name, "clips": figures[0]["clips"], "speakers": figures[0]["speakers"]}
            for name, figures in zip(names, found, strict=True)
        ],
        "results": [
            {
                "baseline": baseline,
                "channel": channel,
                **{figure: _spread([figures[figure] for figures in same]) for figure in FIGURES},
                "together": assess(together(parts)),
            }
            for (baseline, channel), same, parts in zip(
                WAYS, zip(*found, strict=True), zip(*answers, strict=True), strict=True
            )
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
    for result in report["results"]:
        for attribute in PEOPLE:
            if gap := result["together"]["groups"].get(attribute, {}).get("gaps", {}).get("uar"):
                low, high = gap["interval"]
                console.print(
                    f"{result['baseline']}, {result['channel']}: gap of {attribute} {gap['points']:.1f} points of UAR "
                    f"({low:.1f} to {high:.1f}), {gap['best']} over {gap['worst']}",
                    highlight=False,
                )


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=remote_paths.source, required=True, help="see model/configs")
    parser.add_argument(
        "--manifest", type=remote_paths.source, required=True, help="from model.ingest; of all its splits"
    )
    parser.add_argument("--by", choices=["speaker", "corpus", "text"], default="speaker", help="what is held out")
    parser.add_argument("--folds", type=int, default=5, help="with --by speaker and --by text")
    parser.add_argument("--run", type=remote_paths.kept, required=True, help="a folder with a folder for each fold")
    parser.add_argument("--cache", type=remote_paths.kept, default=CACHE, help="where features are kept")
    parser.add_argument("--json", type=remote_paths.target, required=True, help="where the summary goes")
    args = parser.parse_args()
    try:
        conf, rows = folds.learning_from_train(config.read(args.config)), manifest.read(args.manifest)
        if args.by == "corpus":
            dealt = folds.by_corpus(rows)
        else:
            dealt = (folds.by_text if args.by == "text" else folds.by_speaker)(rows, args.folds)
        answers = [test(conf, fold, args.run / fold.name, args.cache) for fold in dealt]
    except (ConfigError, CorpusError, runs.RunError, OSError) as error:
        sys.exit(f"error: {error}")
    report = summary(conf, args.by, [fold.name for fold in dealt], answers)
    show(report, Console())
    write_json(args.json, report)


if __name__ == "__main__":
    remote_paths.run(main)
