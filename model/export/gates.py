"""Check whether a model can be shipped: compare its reports with the gates of a TOML file."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from callmood.errors import CallmoodError
from model.files import MODEL_DIR

Report = Mapping[str, Any]

DEFAULT = MODEL_DIR / "gates.toml"


class GatesError(CallmoodError):
    """The gates or the reports cannot be used. The message names the file and the remedy."""


class Gate(BaseModel):
    """A bound on one metric.

    Parameters
    ----------
    name : str
        Name in the output and in the model card.
    report : dict
        Keys and values that select the reports: kind, corpora, channel, ...
    metric : str
        Path of the metric in the report: keys and list indices, separated by dots.
    minus : dict, optional
        Keys and values that select other reports. Their metric is subtracted.
    at_least, at_most : float
        The bound. Exactly one of them.
    required : bool
        Whether the gate fails without a report.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    report: dict[str, Any]
    metric: str
    minus: dict[str, Any] | None = None
    at_least: float | None = None
    at_most: float | None = None
    required: bool = False

    @model_validator(mode="after")
    def _one_bound(self) -> Gate:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError(f"{self.name}: give either at_least or at_most")
        return self

    def accepts(self, value: float) -> bool:
        """Return whether a value is within the bound."""
        return value >= self.at_least if self.at_least is not None else value <= (self.at_most or 0.0)

    @property
    def bound(self) -> str:
        """The bound as text."""
        return f"at least {self.at_least:g}" if self.at_least is not None else f"at most {self.at_most:g}"


class Gates(BaseModel):
    """A file of gates."""

    model_config = ConfigDict(extra="forbid")

    gate: list[Gate] = Field(min_length=1)


@dataclass(frozen=True)
class GateResult:
    """The result of a gate.

    Parameters
    ----------
    gate : Gate
    outcome : {"passed", "failed", "not measured"}
    value : float, optional
        The metric; with several reports, the worst.
    """

    gate: Gate
    outcome: Literal["passed", "failed", "not measured"]
    value: float | None = None

    def __str__(self) -> str:
        value = "not measured" if self.value is None else f"{self.value:.4g}"
        return f"{self.outcome}: {self.gate.name} is {value}, must be {self.gate.bound}"


def read(path: Path) -> list[Gate]:
    """Read gates from a TOML file.

    Raises
    ------
    GatesError
        The file does not exist or is invalid.
    """
    try:
        return Gates.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).gate
    except FileNotFoundError:
        raise GatesError(f"{path} does not exist") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise GatesError(f"{path} is not a TOML file: {error}") from None
    except ValidationError as error:
        lines = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise GatesError(f"{path}: {'; '.join(lines)}") from None


def read_reports(paths: Iterable[Path]) -> list[Report]:
    """Read the reports on one model among JSON files; a file without a `kind` is not a report, and is ignored.

    Raises
    ------
    GatesError
        A file does not exist or is not JSON, or the reports are on several models.
    """
    reports: dict[Path, Report] = {}
    for path in paths:
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise GatesError(f"cannot read {path}: {error.strerror}") from None
        except ValueError as error:
            raise GatesError(f"{path} is not a JSON file: {error}") from None
        if isinstance(content, dict) and "kind" in content:
            reports[path] = content
    models = {str(report["model"]): path for path, report in reports.items() if "model" in report}
    if len(models) > 1:
        named = ", ".join(f"{model} in {path}" for model, path in models.items())
        raise GatesError(f"the reports are on {len(models)} models ({named}); evaluate one model again")
    return list(reports.values())


def check_configuration(reports: Iterable[Report], config: str | None) -> None:
    """Check that cross-validation reports belong to a model's configuration. They contain no model version.

    Raises
    ------
    GatesError
        A report belongs to another configuration.
    """
    if {report["config"] for report in reports if report["kind"] == "crossvalidation"} - {config}:
        raise GatesError("a cross-validation report is of another configuration than the model; run it again")


def check(gates: Sequence[Gate], reports: Sequence[Report]) -> list[GateResult]:
    """Compare reports with gates, and return one result for each gate, in order."""
    return [_check(gate, reports) for gate in gates]


def failed(results: Iterable[GateResult]) -> list[GateResult]:
    """Return the results that prevent a model from being shipped."""
    return [result for result in results if result.outcome == "failed"]


def _check(gate: Gate, reports: Sequence[Report]) -> GateResult:
    values = _metrics(reports, gate.report, gate.metric)
    if gate.minus is not None:
        subtracted = _metrics(reports, gate.minus, gate.metric)
        values = [value - other for value in values for other in subtracted]
    if not values:
        return GateResult(gate, "failed" if gate.required else "not measured")
    worst = min(values) if gate.at_least is not None else max(values)
    return GateResult(gate, "passed" if gate.accepts(worst) else "failed", worst)


def _metrics(reports: Sequence[Report], selection: Mapping[str, Any], metric: str) -> list[float]:
    selected = (report for report in reports if all(report.get(key) == value for key, value in selection.items()))
    values = (_value_at(report, metric) for report in selected)
    return [float(value) for value in values if isinstance(value, int | float)]


def _value_at(report: Any, path: str) -> Any:
    """Return the value at a dotted path, or None if there is none."""
    for key in path.split("."):
        try:
            report = report[int(key) if isinstance(report, list) else key]
        except (KeyError, IndexError, TypeError, ValueError):
            return None
    return report
