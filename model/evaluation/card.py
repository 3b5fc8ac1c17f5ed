"""Write the model card and its plots from the reports on a model.

The reports are in `reports/` beside the card: the output of the commands `evaluate`, `simulate`, `speed`, and
`crossvalidate`, and the history.json of a training run. Equal reports give an equal card, to the byte.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from model.data.corpora import CORPORA
from model.evaluation import plots
from model.evaluation.evaluate import DEMOGRAPHICS
from model.export import gates
from model.export.gates import GatesError
from model.files import atomic_write

TEMPLATE = "card.md.jinja"
MAX_GAPS = {"sex": 3.0, "age": 5.0, "race": 5.0}
"""dict of str to float: UAR gaps in points above which the card explains the gap."""

Report = Mapping[str, Any]
History = list[dict[str, float]]


def title(report: Report) -> str:
    """Return the published names of a report's corpora."""
    return ", ".join(CORPORA[name].title if name in CORPORA else name for name in report["corpora"])


def percent(metrics: Report, name: str) -> str:
    """Format a metric in percent, with its interval if there is one."""
    return _format(metrics[name], metrics["intervals"].get(name), 1)


def share(row: Report, name: str) -> str:
    """Format a percentage of a composition without decimals, with its interval; a dash where it does not exist."""
    return _format(row[name], row["intervals"].get(name), 0) or "–"


def ratio(metrics: Report, name: str) -> str:
    """Format a metric between 0 and 1, with its interval if there is one."""
    return _format(metrics[name], metrics["intervals"].get(name), 3)


def _format(value: float | None, bounds: Sequence[float | None] | None, digits: int) -> str:
    if value is None:
        return ""
    if bounds is None or None in bounds:
        return f"{value:.{digits}f}"
    return f"{value:.{digits}f} ({bounds[0]:.{digits}f} to {bounds[1]:.{digits}f})"


def condition(report: Report) -> str:
    """Describe the acoustic condition of an evaluation."""
    part = {"whole": "", "speech": "trimmed, ", "random": "0.6 to 2 s, "}[report["crop"]]
    return f"{part}{report['channel']}"


def gap_lines(report: Report) -> list[str]:
    """Describe the UAR gap of each attribute, and its possible causes."""
    return [
        _gap_line(attribute, compared["gaps"]["uar"], compared["groups"])
        for attribute, compared in report["groups"].items()
        if attribute in MAX_GAPS and "uar" in compared["gaps"]
    ]


def _gap_line(attribute: str, gap: Report, groups: Mapping[str, Report]) -> str:
    low, high = gap["interval"]
    best, worst = gap["best"], gap["worst"]
    line = f"**{attribute}**: {gap['points']:.1f} points of UAR ({low:.1f} to {high:.1f}), {best} over {worst}"
    if gap["points"] <= MAX_GAPS[attribute]:
        return f"{line}."
    compared = f"{groups[best]['speakers']} speakers with {groups[worst]['speakers']}"
    cause = (
        f"The interval includes 0. The comparison of {compared} does not exclude chance."
        if low <= 0 <= high
        else f"The interval excludes 0, so chance alone is unlikely, but the comparison is of {compared} only. "
        "Possible causes: some groups have fewer speakers in the corpora, and actors differ in expressiveness."
    )
    return f"{line}. This exceeds the target of {MAX_GAPS[attribute]:g} points. {cause}"


def specify_plots(reports: Sequence[Report], history: History | None) -> dict[str, plots.Spec]:
    """Return the specification of each plot of a card, by file name without suffix."""
    specs = {}
    for report in main_evaluations(reports):
        corpora = "-".join(report["corpora"])
        specs[f"confusion-{corpora}"] = plots.confusion(report)
        specs[f"calibration-{corpora}"] = plots.calibration(report)
        specs[f"groups-{corpora}"] = plots.groups(report, DEMOGRAPHICS)
    if history:
        specs["learning"] = plots.learning(history)
    return specs


def main_evaluations(reports: Sequence[Report]) -> list[Report]:
    """Return one evaluation per corpus for the detailed sections: clean, whole clips, with a baseline if available."""
    clean = [r for r in of_kind(reports, "evaluation") if (r["channel"], r["crop"]) == ("clean", "whole")]
    by_corpus: dict[tuple[str, ...], Report] = {}
    for report in sorted(clean, key=lambda r: str(r["baseline"]) != "none"):
        by_corpus[tuple(report["corpora"])] = report
    return [by_corpus[corpora] for corpora in sorted(by_corpus)]


def of_kind(reports: Sequence[Report], kind: str) -> list[Report]:
    """Return the reports of one kind."""
    return [report for report in reports if report["kind"] == kind]


def render(metadata: Report, megabytes: float, reports: Sequence[Report], history: History | None) -> str:
    """Render the card.

    Parameters
    ----------
    metadata : dict
        The metadata of the model file.
    megabytes : float
        Size of the model file.
    reports : sequence of dict
        Reports on this model, and cross-validations of its configuration.
    history : list of dict, optional
        Metrics of each training epoch.

    Returns
    -------
    str
        Markdown, with links to plots in `plots/`.
    """
    environment = Environment(  # noqa: S701  Markdown without user input needs no escaping
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.update(
        title=title, percent=percent, ratio=ratio, share=share, condition=condition, gaps=gap_lines
    )
    order = {"whole": 0, "speech": 1, "random": 2}
    text = environment.get_template(TEMPLATE).render(
        metadata=metadata,
        megabytes=megabytes,
        template=TEMPLATE,
        evaluations=sorted(
            of_kind(reports, "evaluation"),
            key=lambda r: (r["corpora"], r["channel"], order[r["crop"]], r["baseline"] != "none"),
        ),
        main=main_evaluations(reports),
        simulations=sorted(
            of_kind(reports, "simulation"), key=lambda r: (r["corpora"], r["channel"], r["scenario"] != "short")
        ),
        compositions=sorted(
            of_kind(reports, "composition"), key=lambda r: (r["corpora"], r["emotion"], r["population"])
        ),
        crossvalidations=of_kind(reports, "crossvalidation"),
        demographics=DEMOGRAPHICS,
        learning=bool(history),
        results=gates.check(gates.read(gates.DEFAULT), reports),
    )
    return text.rstrip() + "\n"


def read_history(files: Sequence[Path]) -> History | None:
    """Return the training history among the files, if there is one."""
    for file in files:
        content = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(content, list) and content and "epoch" in content[0]:
            return content
    return None


def write(model: Path, files: Sequence[Path], out: Path) -> None:
    """Write the card of a model and its plots, and delete other plots.

    Raises
    ------
    GatesError
        The files are not reports on this model.
    """
    metadata = json.loads(model.with_suffix(".json").read_text(encoding="utf-8"))
    reports = gates.read_reports(files)
    if not of_kind(reports, "evaluation"):
        raise GatesError("the reports contain no evaluation; create one with python -m model evaluate --json FILE")
    if other := {report["model"] for report in reports if "model" in report} - {metadata["version"]}:
        raise GatesError(
            f"the reports are on model {', '.join(other)}, but {model} is {metadata['version']}; evaluate it again"
        )
    gates.check_configuration(reports, metadata.get("config"))
    history = read_history(files)
    with atomic_write(out) as temporary:
        temporary.write_text(render(metadata, model.stat().st_size / 1e6, reports, history), encoding="utf-8")
    specs = specify_plots(reports, history)
    for name, spec in specs.items():
        plots.write(spec, out.parent / "plots" / f"{name}.svg")
    for stale in (out.parent / "plots").glob("*.svg"):
        if stale.stem not in specs:
            stale.unlink()
