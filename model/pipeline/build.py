"""Build a model from corpora: run the pipeline steps up to the evaluation, and write the model card.

Each step is a command that also works alone. It is printed before it runs. The run folder contains all results, and the
same command continues an interrupted build. Runs are logged to `mlflow.db` beside their folders, or to the address in
EXPERIMENT_LOG (`model.training.tracking`).
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from callmood.errors import CallmoodError
from model import config
from model.data.corpora import CORPORA, CorpusError, has_human_speakers
from model.files import MODEL_DIR
from model.pipeline import steps
from model.tts import tones

STEPS = ("ingest", "validate", "features", "train", "export", "evaluate", "evaluate-telephone")
REPORTS = ("evaluation.json", "evaluation-telephone.json", "parity.json", "speed.json", "history.json")
CONFIGS = MODEL_DIR / "configs"


class StepError(CallmoodError):
    """A step ended with a nonzero exit code."""


def build(data: Path | None, conf: Path, gates: Path, run: Path, cache: Path) -> None:
    """Build a model in a run folder.

    Parameters
    ----------
    data : Path, optional
        Folder with a folder for each corpus, by its name; None: synthetic tones.
    conf, gates : Path
        Files of the configuration and of the gates.
    run : Path
    cache : Path
        Folder of cached features.

    Raises
    ------
    CorpusError
        `data` contains no corpus.
    ConfigError
        The configuration is invalid.
    StepError
        A step failed.
    """
    corpora = find_corpora(data) if data else {"csv": tones.write_corpus(run / "tones")}
    print_missing_corpora(conf, corpora)
    log = {"EXPERIMENT_LOG": f"sqlite:///{run.parent / 'mlflow.db'}"}
    for name, *arguments in commands(corpora, conf, gates, run, cache):
        print(f"\npython -m model {name} {shlex.join(arguments)}", flush=True)
        words = [sys.executable, "-m", "model", name, *arguments]
        done = subprocess.run(words, check=False, env=log | os.environ)  # noqa: S603
        if done.returncode:
            raise StepError(f"{name} failed with exit code {done.returncode}; the following steps did not run")


def find_corpora(data: Path) -> dict[str, Path]:
    """Return the corpora in a folder by name: subfolders with the name of a corpus.

    Raises
    ------
    CorpusError
        None of them contains human speech.
    """
    found = {name: data / name for name in CORPORA if (data / name).is_dir()}
    if not any(has_human_speakers(name) for name in found):
        names = ", ".join(filter(has_human_speakers, CORPORA))
        raise CorpusError(f"{data} contains no corpus of human speech; add a folder named {names}")
    return found


def print_missing_corpora(conf: Path, corpora: Iterable[str]) -> None:
    """Print the corpora that a configuration names and that are missing; the build continues without them.

    Raises
    ------
    ConfigError
        The configuration is invalid.
    """
    for missing in sorted(config.read(conf).data.sample_weights.keys() - corpora):
        print(f"The corpus {missing} is missing, which {conf} uses. See model/cards/ for its source.", flush=True)


def commands(corpora: dict[str, Path], conf: Path, gates: Path, run: Path, cache: Path) -> list[list[str]]:
    """Return the commands of the build with their arguments: the pipeline steps, and then the model card."""
    values = {
        "corpora": [word for name, root in corpora.items() for word in ["--corpus", name, "--root", str(root)]],
        "config": str(conf),
        "gates": str(gates),
        "run": str(run),
        "cache": str(cache),
    }
    card = ["card", *(str(run / name) for name in REPORTS)]
    card += ["--model", str(run / "emotion.tflite"), "--out", str(run / "MODEL_CARD.md")]
    return [*(steps.command(step, values) for step in steps.steps() if step.name in STEPS), card]
