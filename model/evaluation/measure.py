"""All that a model's card tells, measured: each report goes into a file of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from callmood.emotion.model import EmotionModel
from model.augmentation.conditions import AcousticCondition
from model.data.corpora import CORPORA, CorpusError, has_human_speakers
from model.data.source import Source, source
from model.evaluation import evaluate, simulate
from model.files import write_json

EVALUATIONS = [
    ("none", AcousticCondition("clean", "whole")),
    ("neutral:30", AcousticCondition("clean", "whole")),
    ("none", AcousticCondition("telephone", "whole")),
    ("neutral:30", AcousticCondition("telephone", "whole")),
    ("neutral:30", AcousticCondition("telephone", "speech")),
]
"""list of (str, AcousticCondition): baseline, and how clips are heard."""

Measure = Callable[[], dict[str, Any]]


def measures(model: EmotionModel, corpus: str, found: Source, cache: Path) -> dict[str, Measure]:
    """Name everything that is measured on one corpus."""
    named: dict[str, Measure] = {}
    for baseline, condition in EVALUATIONS:
        name = f"evaluation-{corpus}-{baseline.replace(':', '')}-{condition.channel}-{condition.crop}"
        named[name] = partial(evaluate.evaluate, model, found, baseline, condition, cache)
    for plan in simulate.PLANS:
        name = f"simulation-{corpus}-{plan}-telephone"
        named[name] = partial(simulate.simulate, model, found.clips, plan, "telephone", simulate.EACH)
    return named


def measure(model: EmotionModel, data: Path, out: Path, cache: Path, console: Console) -> None:
    """Measure a model on the speakers outside `train` of every corpus in a folder.

    What is there already of the same model is not measured again.

    Parameters
    ----------
    model : EmotionModel
    data : Path
        Folder with a folder for each corpus, by its name.
    out : Path
        Folder for the reports.
    cache : Path
        Folder for embeddings.
    console : rich.console.Console

    Raises
    ------
    CorpusError
        There is no corpus, or one cannot be read.
    """
    known = [corpus for corpus in CORPORA if has_human_speakers(corpus)]
    there = [corpus for corpus in known if (data / corpus).is_dir()]
    if not there:
        raise CorpusError(f"{data} holds no corpus; put each into a folder named like it: {', '.join(known)}")
    for corpus in there:
        for name, take in measures(model, corpus, source(None, corpus, data / corpus, None), cache).items():
            file = out / f"{name}.json"
            if not _is_there(file, model.version):
                console.print(f"[bold]{name}[/]")
                report = take()
                (simulate if report["kind"] == "simulation" else evaluate).show(report, console)
                write_json(file, report)


def _is_there(file: Path, version: str) -> bool:
    """Whether a report on this model was written."""
    try:
        return bool(json.loads(file.read_text(encoding="utf-8"))["model"] == version)
    except (OSError, ValueError, KeyError, TypeError):
        return False
