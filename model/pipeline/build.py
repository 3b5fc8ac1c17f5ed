"""Make a model, from corpora to the file that serves: what `./run train` runs.

    ./run train --data DIR      DIR holds cremad/ and, if you like, other corpora by their names; the full recipe
    ./run train --quick         the whole way on a few clips; without --data, of made-up voices

Every step is a command of its own, is shown before it is run, and can be run by hand. The run's folder holds all that
comes of it; after a stop the same command goes on where it was. Runs are told of in `mlflow.db`, beside their folders,
or where EXPERIMENT_LOG says (`model.training.tracking`).
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from model import config
from model.data.corpora import CORPORA, CorpusError, has_human_speakers
from model.files import MODEL_DIR
from model.pipeline import steps
from model.training.extract import CACHE
from model.tts import tones

STEPS = ("ingest", "validate", "features", "train", "export", "evaluate", "evaluate-telephone")
REPORTS = ("evaluation.json", "evaluation-telephone.json", "parity.json", "speed.json", "history.json")
CONFIGS = MODEL_DIR / "configs"


def corpora(data: Path) -> dict[str, Path]:
    """Corpora in a folder by name: subfolders that are named like one.

    Raises
    ------
    CorpusError
        There is none with people in it.
    """
    there = {name: data / name for name in CORPORA if (data / name).is_dir()}
    if not any(has_human_speakers(name) for name in there):
        named = ", ".join(filter(has_human_speakers, CORPORA))
        raise CorpusError(f"{data} has no folder that is named like a corpus of people: {named}")
    return there


def tell_of_absent(conf: Path, sources: Iterable[str]) -> None:
    """Say which corpora a configuration is made for that are not there; it goes on without them.

    Raises
    ------
    ConfigError
        It cannot be used.
    """
    for absent in sorted(config.read(conf).data.sample_weights.keys() - sources):
        print(f"Without the corpus {absent}, for which {conf} is made; model/cards/ says where to get it.", flush=True)


def commands(sources: dict[str, Path], conf: Path, run: Path, cache: Path) -> list[list[str]]:
    """List the commands, module and arguments of each: the chain's as far as it measures, and then the card."""
    blanks = {
        "corpora": [word for name, root in sources.items() for word in ["--corpus", name, "--root", str(root)]],
        "config": str(conf),
        "run": str(run),
        "cache": str(cache),
    }
    card = ["card", *(str(run / name) for name in REPORTS)]
    card += ["--model", str(run / "emotion.tflite"), "--out", str(run / "MODEL_CARD.md")]
    return [*(steps.command(step, blanks) for step in steps.steps() if step.name in STEPS), card]


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="./run train", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with a folder for each corpus, named like it")
    parser.add_argument("--quick", action="store_true", help="a few clips, a few epochs; made-up voices without --data")
    parser.add_argument("--config", type=Path, help="default: model/configs/shipped.toml; with --quick, quick.toml")
    parser.add_argument("--run", type=Path, help="folder for what comes of it; default: runs/ and the config's name")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where features are kept")
    args = parser.parse_args()
    if not args.data and not args.quick:
        parser.error("give --data DIR, which holds cremad/; or --quick, to try it")
    conf = args.config or CONFIGS / ("quick.toml" if args.quick else "shipped.toml")
    run = args.run or Path("runs") / conf.stem
    try:
        sources = corpora(args.data) if args.data else {"csv": tones.write_corpus(run / "made-up")}
        tell_of_absent(conf, sources)
    except (config.ConfigError, CorpusError) as error:
        sys.exit(f"error: {error}")
    log = {"EXPERIMENT_LOG": f"sqlite:///{run.parent / 'mlflow.db'}"}
    for step, *arguments in commands(sources, conf, run, args.cache):
        print(f"\npython -m model {step} {shlex.join(arguments)}", flush=True)
        done = subprocess.run([sys.executable, "-m", "model", step, *arguments], check=False, env=log | os.environ)  # noqa: S603
        if done.returncode:
            sys.exit(f"error: model.{step} stopped with exit code {done.returncode}; the rest was not run")


if __name__ == "__main__":
    main()
