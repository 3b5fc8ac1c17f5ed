"""Compare models on one Markdown page, from the reports in their run folders.

A run folder contains emotion.tflite and emotion.json. The folder or its subfolder reports/ contains reports of the
commands `evaluate`, `speed`, and `crossvalidate`, with any file names. Reports on other model versions are ignored.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import Any

from callmood.errors import CallmoodError
from callmood.resources import MODEL
from model.data.corpora import CORPORA
from model.files import atomic_write

Report = dict[str, Any]

COLUMNS = (("none", "clean"), ("neutral:30", "clean"), ("none", "telephone"), ("neutral:30", "telephone"))
"""tuple of (str, str): baseline and channel of each column with metrics."""


class ResultsError(CallmoodError):
    """A run folder has no results. The message names the folder and the remedy."""


@dataclass(frozen=True)
class Run:
    """The contents of a run folder.

    Parameters
    ----------
    name : str
    metadata : dict
        `emotion.json`.
    reports : list of dict
        Reports on this model version, and on its configuration.
    """

    name: str
    metadata: Report
    reports: list[Report]

    def of_kind(self, kind: str) -> list[Report]:
        """Return the reports of one kind."""
        return [report for report in self.reports if report.get("kind") == kind]


def read(folder: Path) -> Run:
    """Read a run folder.

    Raises
    ------
    ResultsError
        The folder has no model metadata, an invalid JSON file, or no evaluation of this model.
    """
    metadata_file = folder / "emotion.json"
    if not metadata_file.is_file():
        raise ResultsError(f"{metadata_file} does not exist; create it with python -m model export --run {folder}")
    metadata = _json(metadata_file)
    reports = [
        content
        for path in sorted([*folder.glob("*.json"), *folder.glob("reports/*.json")])
        if isinstance(content := _json(path), dict)
        and (content.get("model") == metadata["version"] or _same_config(content, metadata))
    ]
    if not any(report.get("kind") == "evaluation" for report in reports):
        raise ResultsError(
            f"{folder} has no evaluation of model {metadata['version']}; create one with python -m model evaluate "
            f"--model {folder / 'emotion.tflite'} … --json {folder / 'evaluation.json'}"
        )
    return Run("shipped" if folder.resolve() == MODEL.resolve() else folder.resolve().name, metadata, reports)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ResultsError(f"{path} is not a JSON file: {error}") from None


def _same_config(report: Report, metadata: Report) -> bool:
    return report.get("kind") == "crossvalidation" and report["config"] == metadata.get("config")


def page(runs: Sequence[Run]) -> str:
    """Return a Markdown page with the size and speed of each model, and one table for each test set."""
    parts = [
        "# Results",
        "\n".join(wrap(_INTRODUCTION, 120)),
        "## Models\n\n" + _table(_MODELS, (_model_row(run) for run in runs)),
    ]
    for corpora, splits in sorted({_test_set(report) for run in runs for report in run.of_kind("evaluation")}):
        title = " and ".join(CORPORA[name].title if name in CORPORA else name for name in corpora)
        rows = [_metric_row(run, (corpora, splits), metric) for run in runs for metric in _METRICS]
        parts.append(f"## {title}, {' and '.join(splits)}\n\n" + _table(_EVALUATIONS, rows))
    crossvalidations = [(run, report) for run in runs for report in run.of_kind("crossvalidation")]
    if crossvalidations:
        rows = [_fold_row(*pair, metric) for pair in crossvalidations for metric in _METRICS]
        parts.append("## Cross-validation\n\n" + _table(_CROSSVALIDATIONS, rows))
    return "\n\n".join(parts) + "\n"


def write(folders: Iterable[Path], out: Path) -> None:
    """Write the comparison of run folders.

    Raises
    ------
    ResultsError
        A folder has no results.
    """
    text = page([read(folder) for folder in folders])
    with atomic_write(out) as temporary:
        temporary.write_text(text, encoding="utf-8")


_INTRODUCTION = (
    "`python -m model compare` writes this page from the reports of the commands `evaluate`, `speed`, and "
    "`crossvalidate`. These commands measure each model file through the serving code. Values are percentages, with "
    "the 95 % interval over speakers in parentheses. *No baseline*: each clip is classified alone. *Baseline*: each "
    "clip is classified relative to 30 clips of its speaker, 70 % of them neutral. The prior is uniform."
)
_METRICS = {"accuracy": "accuracy", "uar": "UAR"}
_MODELS = ("model", "version", "architecture", "MB", "ms for 3 s", "× reference", "training data", "can be shipped")
_CONDITIONS = tuple(f"{'no baseline' if b == 'none' else 'baseline'}, {c}" for b, c in COLUMNS)
_EVALUATIONS = ("model", "metric", *_CONDITIONS)
_CROSSVALIDATIONS = ("model", "held out", "folds", "metric", *_CONDITIONS)


def _model_row(run: Run) -> list[str]:
    speed = run.of_kind("speed")
    cost = ["–"] * 3
    if speed:
        cost = [f"{speed[0]['megabytes']:.1f}", f"{speed[0]['milliseconds']:.1f}", f"{speed[0]['ratio']:.2f}"]
    architecture, trained_on = (run.metadata.get(name, "–") for name in ("architecture", "trained_on"))
    may_ship = "–" if "may_ship" not in run.metadata else "yes" if run.metadata["may_ship"] else "no"
    return [run.name, run.metadata["version"], architecture, *cost, trained_on, may_ship]


def _test_set(report: Report) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(report["corpora"]), tuple(report["splits"])


def _metric_row(run: Run, test_set: tuple[tuple[str, ...], tuple[str, ...]], metric: str) -> list[str]:
    cells = {
        (report["baseline"], report["channel"]): _with_interval(report, metric)
        for report in run.of_kind("evaluation")
        if _test_set(report) == test_set and report["crop"] == "whole"
    }
    return [run.name, _METRICS[metric], *(cells.get(column, "–") for column in COLUMNS)]


def _with_interval(report: Report, metric: str) -> str:
    low, high = report["intervals"].get(metric) or (None, None)
    return f"{report[metric]:.1f}" + (f" ({low:.0f}–{high:.0f})" if low is not None else "")


def _fold_row(run: Run, report: Report, metric: str) -> list[str]:
    cells = {
        (result["baseline"], result["channel"]): f"{result[metric]['mean']:.1f} ± {result[metric]['sd']:.1f}"
        for result in report["results"]
    }
    name = f"{_METRICS[metric]}, ± standard deviation"
    return [run.name, report["by"], str(len(report["folds"])), name, *(cells.get(column, "–") for column in COLUMNS)]


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
