"""Whether a model may be shipped: `python -m model gates --gates model/gates.toml RUN/*.json`.

Holds what was measured of one model against the gates of one file, names each that is broken, and then exits with 1.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from callmood.errors import CallmoodError
from model import remote_paths
from model.files import MODEL_DIR

Report = Mapping[str, Any]

DEFAULT = MODEL_DIR / "gates.toml"


class GatesError(CallmoodError):
    """The gates or the reports cannot be used as they are; the message names the file, and what to do."""


class Gate(BaseModel):
    """A bound on one figure.

    Parameters
    ----------
    name : str
        What is said when it is broken.
    of : dict
        What the report's own words must be: kind, corpora, channel, ...
    figure : str
        Where the figure stands in it: keys and numbers of entries, with dots between.
    less : dict, optional
        Another report, whose figure is taken from the first one's.
    at_least, at_most : float
        The bound; one of them.
    required : bool
        Whether it is broken where there is no such figure.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    of: dict[str, Any]
    figure: str
    less: dict[str, Any] | None = None
    at_least: float | None = None
    at_most: float | None = None
    required: bool = False

    @model_validator(mode="after")
    def _one_bound(self) -> Gate:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError(f"{self.name}: give at_least or at_most, one of them")
        return self

    def passes(self, value: float) -> bool:
        """Tell whether a value is within the bound."""
        return value >= self.at_least if self.at_least is not None else value <= (self.at_most or 0.0)

    @property
    def bound(self) -> str:
        """The bound in words."""
        return f"at least {self.at_least:g}" if self.at_least is not None else f"at most {self.at_most:g}"


class Gates(BaseModel):
    """A file of gates."""

    model_config = ConfigDict(extra="forbid")

    gate: list[Gate] = Field(min_length=1)


@dataclass(frozen=True)
class Finding:
    """What became of a gate.

    Parameters
    ----------
    gate : Gate
    outcome : {"passed", "broken", "not measured"}
    value : float, optional
        The figure; of several reports the worst.
    """

    gate: Gate
    outcome: Literal["passed", "broken", "not measured"]
    value: float | None = None

    def __str__(self) -> str:
        what = "not measured" if self.value is None else f"{self.value:.4g}"
        return f"{self.outcome}: {self.gate.name} is {what}, must be {self.gate.bound}"


def read(path: Path) -> list[Gate]:
    """Read gates from a TOML file.

    Raises
    ------
    GatesError
        It is not there, or holds something else.
    """
    try:
        return Gates.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).gate
    except FileNotFoundError:
        raise GatesError(f"{path} is not there") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise GatesError(f"{path} is no TOML file: {error}") from None
    except ValidationError as error:
        lines = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise GatesError(f"{path}: {'; '.join(lines)}") from None


def read_reports(paths: Iterable[Path]) -> list[Report]:
    """Read the reports on one model among JSON files; those without a `kind` are no reports, and left out.

    Raises
    ------
    GatesError
        A file is not there or no JSON, or the reports are on several models.
    """
    reports: dict[Path, Report] = {}
    for path in paths:
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise GatesError(f"{path} cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise GatesError(f"{path} is no JSON file: {error}") from None
        if isinstance(content, dict) and "kind" in content:
            reports[path] = content
    models = {str(report["model"]): path for path, report in reports.items() if "model" in report}
    if len(models) > 1:
        named = ", ".join(f"{model} in {path}" for model, path in models.items())
        raise GatesError(f"the reports are on {len(models)} models: {named}; measure one of them anew")
    return list(reports.values())


def refuse_other_recipes(reports: Iterable[Report], config: str | None) -> None:
    """Make sure that what was cross-validated is a model's own recipe: such reports name no model, but a configuration.

    Raises
    ------
    GatesError
        It is another.
    """
    if {report["config"] for report in reports if report["kind"] == "crossvalidation"} - {config}:
        raise GatesError("there is a cross-validation of another configuration than the model's: make it anew")


def check(gates: Sequence[Gate], reports: Sequence[Report]) -> list[Finding]:
    """Hold reports against gates: a finding for each gate, in order."""
    return [_find(gate, reports) for gate in gates]


def broken(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings for which a model must not be shipped."""
    return [finding for finding in findings if finding.outcome == "broken"]


def _find(gate: Gate, reports: Sequence[Report]) -> Finding:
    values = _figures(reports, gate.of, gate.figure)
    if gate.less is not None:
        others = _figures(reports, gate.less, gate.figure)
        values = [value - other for value in values for other in others]
    if not values:
        return Finding(gate, "broken" if gate.required else "not measured")
    worst = min(values) if gate.at_least is not None else max(values)
    return Finding(gate, "passed" if gate.passes(worst) else "broken", worst)


def _figures(reports: Sequence[Report], of: Mapping[str, Any], figure: str) -> list[float]:
    chosen = (report for report in reports if all(report.get(key) == value for key, value in of.items()))
    found = (_at(report, figure) for report in chosen)
    return [float(value) for value in found if isinstance(value, int | float)]


def _at(report: Any, figure: str) -> Any:
    """Follow a dotted path; None where it leads nowhere."""
    for key in figure.split("."):
        try:
            report = report[int(key) if isinstance(report, list) else key]
        except (KeyError, IndexError, TypeError, ValueError):
            return None
    return report


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gates", type=remote_paths.source, default=DEFAULT)
    parser.add_argument("reports", type=remote_paths.source, nargs="+", help="what evaluate, simulate and speed wrote")
    args = parser.parse_args()
    try:
        findings = check(read(args.gates), read_reports(args.reports))
    except GatesError as error:
        sys.exit(f"error: {error}")
    for finding in findings:
        print(finding)
    if breaches := broken(findings):
        sys.exit(f"{len(breaches)} of {len(findings)} gates are broken")


if __name__ == "__main__":
    remote_paths.run(main)
