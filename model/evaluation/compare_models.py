"""Models side by side, from what lies in their runs' folders: `python -m model compare RUN... --out docs/results.md`.

A folder holds emotion.tflite and emotion.json, and beside them or in its folder reports/, under any names, what
`model.evaluation.evaluate`, `model.export.speed` and `model.evaluation.crossvalidate` wrote. What was measured on another version of the file is not
taken.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import Any

from callmood.errors import CallmoodError
from callmood.resources import MODEL
from model import remote_paths
from model.data.corpora import CORPORA
from model.files import atomic_write

Report = dict[str, Any]

COLUMNS = (("none", "clean"), ("neutral:30", "clean"), ("none", "telephone"), ("neutral:30", "telephone"))
"""tuple of (str, str): baseline and channel of each column of accuracies."""


class ResultsError(CallmoodError):
    """A run's folder says nothing that could be shown; the message names it, and what to do."""


@dataclass(frozen=True)
class Run:
    """What a run's folder says.

    Parameters
    ----------
    name : str
    facts : dict
        `emotion.json`.
    reports : list of dict
        Of this version of the model, and of its configuration.
    """

    name: str
    facts: Report
    reports: list[Report]

    def of_kind(self, kind: str) -> list[Report]:
        """Return the reports of one kind."""
        return [report for report in self.reports if report.get("kind") == kind]


def read(folder: Path) -> Run:
    """Read a run's folder.

    Raises
    ------
    ResultsError
        There is no model's facts in it, a JSON file is damaged, or nothing was measured on this model.
    """
    facts_file = folder / "emotion.json"
    if not facts_file.is_file():
        raise ResultsError(f"{facts_file} is not there; python -m model export --run {folder} makes it")
    facts = _json(facts_file)
    reports = [
        found
        for path in sorted([*folder.glob("*.json"), *folder.glob("reports/*.json")])
        if isinstance(found := _json(path), dict)
        and (found.get("model") == facts["version"] or _same_config(found, facts))
    ]
    if not any(report.get("kind") == "evaluation" for report in reports):
        raise ResultsError(
            f"{folder} has no evaluation of model {facts['version']}; python -m model evaluate --model "
            f"{folder / 'emotion.tflite'} … --json {folder / 'evaluation.json'} makes one"
        )
    return Run("shipped" if folder.resolve() == MODEL.resolve() else folder.resolve().name, facts, reports)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ResultsError(f"{path} is damaged ({error}); make it again") from None


def _same_config(report: Report, facts: Report) -> bool:
    return report.get("kind") == "crossvalidation" and report["config"] == facts.get("config")


def page(runs: Sequence[Run]) -> str:
    """Write runs as a page of Markdown: what each costs, then a table for all that they were tested on."""
    parts = [
        "# Results",
        "\n".join(wrap(_INTRODUCTION, 120)),
        "## What they are and what they cost\n\n" + _table(_COSTS, (_cost(run) for run in runs)),
    ]
    for corpora, splits in sorted({_tested(report) for run in runs for report in run.of_kind("evaluation")}):
        named = " and ".join(CORPORA[name].title if name in CORPORA else name for name in corpora)
        rows = [_accuracies(run, (corpora, splits), figure) for run in runs for figure in _NAMES]
        parts.append(f"## {named}, {' and '.join(splits)}\n\n" + _table(_ACCURACIES, rows))
    folded = [(run, report) for run in runs for report in run.of_kind("crossvalidation")]
    if folded:
        parts.append(
            "## Cross-validation\n\n" + _table(_FOLDS, [_fold(*each, figure) for each in folded for figure in _NAMES])
        )
    return "\n\n".join(parts) + "\n"


_INTRODUCTION = (
    "Written by `python -m model compare` from what `model.evaluation.evaluate`, `model.export.speed` and `model.evaluation.crossvalidate` measured "
    "on each model file through the code that serves. Percent; in brackets the 95 % interval over speakers. *alone*: "
    "each clip by itself; *baseline*: against 30 clips of its speaker, 70 % of them neutral. All emotions have the "
    "same prior."
)
_NAMES = {"accuracy": "accuracy", "uar": "UAR"}
_COSTS = ("model", "version", "architecture", "MB", "ms for 3 s", "× reference", "learned from", "may be shipped")
_ACCURACIES = ("model", "figure", *(f"{'alone' if b == 'none' else 'baseline'}, {c}" for b, c in COLUMNS))
_FOLDS = ("model", "held out", "folds", "figure", *_ACCURACIES[2:])


def _cost(run: Run) -> list[str]:
    speed = run.of_kind("speed")
    took = ["–"] * 3
    if speed:
        took = [f"{speed[0]['megabytes']:.1f}", f"{speed[0]['milliseconds']:.1f}", f"{speed[0]['ratio']:.2f}"]
    what, learned = (run.facts.get(name, "–") for name in ("architecture", "trained_on"))
    may_ship = {True: "yes", False: "no"}.get(run.facts.get("may_ship"), "–")
    return [run.name, run.facts["version"], what, *took, learned, may_ship]


def _tested(report: Report) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(report["corpora"]), tuple(report["splits"])


def _accuracies(run: Run, tested: tuple[tuple[str, ...], tuple[str, ...]], figure: str) -> list[str]:
    cells = {
        (report["baseline"], report["channel"]): _with_interval(report, figure)
        for report in run.of_kind("evaluation")
        if _tested(report) == tested and report["crop"] == "whole"
    }
    return [run.name, _NAMES[figure], *(cells.get(column, "–") for column in COLUMNS)]


def _with_interval(report: Report, figure: str) -> str:
    low, high = report["intervals"].get(figure) or (None, None)
    return f"{report[figure]:.1f}" + (f" ({low:.0f}–{high:.0f})" if low is not None else "")


def _fold(run: Run, report: Report, figure: str) -> list[str]:
    cells = {
        (result["baseline"], result["channel"]): f"{result[figure]['mean']:.1f} ± {result[figure]['sd']:.1f}"
        for result in report["results"]
    }
    named = [run.name, report["by"], str(len(report["folds"])), f"{_NAMES[figure]}, ± deviation"]
    return [*named, *(cells.get(column, "–") for column in COLUMNS)]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "runs", type=remote_paths.source, nargs="+", metavar="RUN", help="a folder of a model and its reports"
    )
    parser.add_argument("--out", type=remote_paths.target, required=True, help="the page, Markdown")
    args = parser.parse_args()
    try:
        written = page([read(folder) for folder in args.runs])
        with atomic_write(args.out) as unfinished:
            unfinished.write_text(written, encoding="utf-8")
    except (ResultsError, OSError) as error:
        sys.exit(f"error: {error}")
    print(f"wrote {args.out}")


if __name__ == "__main__":
    remote_paths.run(main)
