"""Run all measurements of a model card; each writes one report."""

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
from model.data.selection import ClipSelection, find_clips
from model.evaluation import composition, evaluate, simulate
from model.files import write_json

EVALUATIONS = [
    ("none", AcousticCondition("clean", "whole")),
    ("neutral:30", AcousticCondition("clean", "whole")),
    ("none", AcousticCondition("telephone", "whole")),
    ("neutral:30", AcousticCondition("telephone", "whole")),
    ("neutral:30", AcousticCondition("telephone", "speech")),
]
"""list of (str, AcousticCondition): baseline and acoustic condition of each evaluation."""

COMPOSITIONS: list[tuple[composition.Emotion, bool]] = [("anger", False), ("anger", True), ("sadness", True)]
"""list of (str, bool): emotion, and whether with a population, of each measurement by composition of the call."""

Measurement = Callable[[], dict[str, Any]]
"""Return a report."""


def measurements(model: EmotionModel, corpus: str, clips: ClipSelection, cache: Path) -> dict[str, Measurement]:
    """Return the measurements on one corpus, by report name."""
    named: dict[str, Measurement] = {}
    for baseline, condition in EVALUATIONS:
        name = f"evaluation-{corpus}-{baseline.replace(':', '')}-{condition.channel}-{condition.crop}"
        named[name] = partial(evaluate.evaluate, model, clips, baseline, condition, cache)
    for scenario in simulate.SCENARIOS:
        name = f"simulation-{corpus}-{scenario}-telephone"
        named[name] = partial(simulate.simulate, model, clips.clips, scenario, "telephone")
    for emotion, population in COMPOSITIONS:
        name = f"composition-{corpus}-{emotion}{'-population' if population else ''}-telephone"
        named[name] = partial(composition.measure, model, clips.clips, emotion, "telephone", population)
    return named


def measure(model: EmotionModel, data: Path, out: Path, cache: Path, console: Console) -> None:
    """Measure a model on the speakers outside `train` of every corpus in a folder.

    Existing reports of the same model are kept.

    Parameters
    ----------
    model : EmotionModel
    data : Path
        Folder with a folder for each corpus, by its name.
    out : Path
        Folder for the reports.
    cache : Path
        Folder of cached embeddings.
    console : rich.console.Console

    Raises
    ------
    CorpusError
        The folder contains no corpus, or a corpus cannot be read.
    """
    known = [corpus for corpus in CORPORA if has_human_speakers(corpus)]
    available = [corpus for corpus in known if (data / corpus).is_dir()]
    if not available:
        raise CorpusError(f"{data} contains no corpus; add a folder named {', '.join(known)}")
    for corpus in available:
        clips = find_clips(None, corpus, data / corpus, None)
        for name, measurement in measurements(model, corpus, clips, cache).items():
            file = out / f"{name}.json"
            if not _is_current(file, model.version):
                console.print(f"[bold]{name}[/]")
                report = measurement()
                _SHOW[str(report["kind"])](report, console)
                write_json(file, report)


_SHOW = {"evaluation": evaluate.show, "simulation": simulate.show, "composition": composition.show}


def _is_current(file: Path, version: str) -> bool:
    """Return whether the file is a report on this model version."""
    try:
        return bool(json.loads(file.read_text(encoding="utf-8"))["model"] == version)
    except (OSError, ValueError, KeyError, TypeError):
        return False
