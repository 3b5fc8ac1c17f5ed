"""Write a model's card and its pictures from what was measured of it.

    ./run card --data DIR       measure the shipped model on the corpora in DIR, and write its card
    python -m model card RUN/*.json --model RUN/emotion.tflite --out RUN/MODEL_CARD.md

Reports lie in `reports/` beside the card: what evaluate, simulate, speed and crossvalidate write, and a training run's
history.json.
The same reports give the same card, to the byte.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from rich.console import Console

from callmood.emotion.model import load_model
from callmood.errors import ModelError
from callmood.resources import MODEL
from model import remote_paths
from model.data.corpora import CORPORA, CorpusError
from model.evaluation import plots
from model.evaluation.evaluate import PEOPLE
from model.evaluation.measure import measure
from model.export import gates
from model.export.gates import GatesError
from model.files import atomic_write

TEMPLATE = "card.md.jinja"
AIMS = {"sex": 3.0, "age": 5.0, "race": 5.0}
"""dict of str to float: gaps in UAR, in points, above which a gap is named with its reason."""

Report = Mapping[str, Any]
History = list[dict[str, float]]


def title(report: Report) -> str:
    """Names of a report's corpora as their publishers write them."""
    return ", ".join(CORPORA[name].title if name in CORPORA else name for name in report["corpora"])


def figure(of: Report, name: str) -> str:
    """Write a figure in percent, with its interval where there is one."""
    return _written(of[name], of["intervals"].get(name), 1)


def share(of: Report, name: str) -> str:
    """Write a figure from 0 to 1 with its interval."""
    return _written(of[name], of["intervals"].get(name), 3)


def _written(value: float | None, bounds: Sequence[float | None] | None, digits: int) -> str:
    if value is None:
        return ""
    if bounds is None or None in bounds:
        return f"{value:.{digits}f}"
    return f"{value:.{digits}f} ({bounds[0]:.{digits}f} to {bounds[1]:.{digits}f})"


def heard(report: Report) -> str:
    """Say in words how clips were heard."""
    return {"whole": "", "speech": "cut, ", "random": "0.6 to 2 s, "}[report["crop"]] + report["channel"]


def gap_lines(report: Report) -> list[str]:
    """Say of each gap between groups how wide it is, and what is known of its reason."""
    return [
        _gap_line(attribute, compared["gaps"]["uar"], compared["groups"])
        for attribute, compared in report["groups"].items()
        if attribute in AIMS and "uar" in compared["gaps"]
    ]


def _gap_line(attribute: str, gap: Report, groups: Mapping[str, Report]) -> str:
    low, high = gap["interval"]
    best, worst = gap["best"], gap["worst"]
    line = f"**{attribute}**: {gap['points']:.1f} points of UAR ({low:.1f} to {high:.1f}), {best} over {worst}"
    if gap["points"] <= AIMS[attribute]:
        return f"{line}."
    compared = f"{groups[best]['speakers']} speakers with {groups[worst]['speakers']}"
    why = (
        f"The interval holds 0: it compares {compared}, and such a gap may be chance."
        if low <= 0 <= high
        else f"The interval leaves out 0, so chance alone is an unlikely reason, though it only compares {compared}. "
        "The corpora have fewer voices of some groups than of others, and actors differ in how plainly they act."
    )
    return f"{line}: more than the {AIMS[attribute]:g} aimed at. {why}"


def pictures(reports: Sequence[Report], history: History | None) -> dict[str, plots.Spec]:
    """Specify all pictures of a card: by name of the file, without its ending."""
    found = {}
    for report in main_evaluations(reports):
        corpora = "-".join(report["corpora"])
        found[f"confusion-{corpora}"] = plots.confusion(report)
        found[f"calibration-{corpora}"] = plots.calibration(report)
        found[f"groups-{corpora}"] = plots.groups(report, PEOPLE)
    if history:
        found["learning"] = plots.learning(history)
    return found


def main_evaluations(reports: Sequence[Report]) -> list[Report]:
    """Return of each corpus the evaluation that the card tells at length: clean, whole, if possible with a baseline."""
    clean = [r for r in of_kind(reports, "evaluation") if (r["channel"], r["crop"]) == ("clean", "whole")]
    by_corpus: dict[tuple[str, ...], Report] = {}
    for report in sorted(clean, key=lambda r: str(r["baseline"]) != "none"):
        by_corpus[tuple(report["corpora"])] = report
    return [by_corpus[corpora] for corpora in sorted(by_corpus)]


def of_kind(reports: Sequence[Report], kind: str) -> list[Report]:
    """Return the reports of one kind."""
    return [report for report in reports if report["kind"] == kind]


def render(facts: Report, megabytes: float, reports: Sequence[Report], history: History | None) -> str:
    """Write the card.

    Parameters
    ----------
    facts : dict
        What stands beside the model file.
    megabytes : float
        The file's size.
    reports : sequence of dict
        What `evaluate`, `simulate` and `speed` wrote of this model, and `crossvalidate` of its configuration.
    history : list of dict, optional
        What each epoch of its training brought.

    Returns
    -------
    str
        Markdown; pictures lie in `plots/` beside it.
    """
    environment = Environment(  # noqa: S701  Markdown, of our own figures: nothing to escape
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.update(title=title, figure=figure, share=share, heard=heard, gaps=gap_lines)
    order = {"whole": 0, "speech": 1, "random": 2}
    text = environment.get_template(TEMPLATE).render(
        facts={"architecture": "", "encoder": "", **facts},
        megabytes=megabytes,
        template=TEMPLATE,
        evaluations=sorted(
            of_kind(reports, "evaluation"),
            key=lambda r: (r["corpora"], r["channel"], order[r["crop"]], r["baseline"] != "none"),
        ),
        main=main_evaluations(reports),
        simulations=sorted(
            of_kind(reports, "simulation"), key=lambda r: (r["corpora"], r["channel"], r["plan"] != "short")
        ),
        crossvalidations=of_kind(reports, "crossvalidation"),
        people=PEOPLE,
        closing="How it was made: [README](README.md).",
        learning=bool(history),
        findings=gates.check(gates.read(gates.DEFAULT), reports),
    )
    return text.rstrip() + "\n"


def read_history(files: Sequence[Path]) -> History | None:
    """Find what training wrote of its epochs among the files."""
    for file in files:
        content = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(content, list) and content and "epoch" in content[0]:
            return content
    return None


def write(model: Path, files: Sequence[Path], out: Path) -> None:
    """Write the card of a model and its pictures; pictures of another card are deleted.

    Raises
    ------
    GatesError
        The files are no reports on this model.
    """
    facts = json.loads(model.with_suffix(".json").read_text(encoding="utf-8"))
    reports = gates.read_reports(files)
    if not of_kind(reports, "evaluation"):
        raise GatesError("there is no evaluation among the reports; python -m model evaluate --json writes one")
    if other := {report["model"] for report in reports if "model" in report} - {facts["version"]}:
        raise GatesError(f"the reports are on model {', '.join(other)}, {model} is {facts['version']}: measure it anew")
    gates.refuse_other_recipes(reports, facts.get("config"))
    history = read_history(files)
    with atomic_write(out) as unfinished:
        unfinished.write_text(render(facts, model.stat().st_size / 1e6, reports, history), encoding="utf-8")
    drawn = pictures(reports, history)
    for name, spec in drawn.items():
        plots.write(spec, out.parent / "plots" / f"{name}.svg")
    for stale in (out.parent / "plots").glob("*.svg"):
        if stale.stem not in drawn:
            stale.unlink()


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reports", type=remote_paths.source, nargs="*", help="default: all in reports/ beside the card")
    parser.add_argument("--model", type=remote_paths.source, default=MODEL / "emotion.tflite")
    parser.add_argument("--out", type=remote_paths.target, default=MODEL / "MODEL_CARD.md")
    parser.add_argument("--data", type=Path, help="folder of corpora: first measure what reports/ lacks")
    parser.add_argument("--cache", type=Path, default=Path("runs/evaluate"), help="where embeddings are kept")
    args = parser.parse_args()
    reports = args.out.parent / "reports"
    try:
        if args.data:
            measure(load_model(args.model), args.data, reports, args.cache, Console())
        write(args.model, args.reports or sorted(reports.glob("*.json")), args.out)
    except (CorpusError, ModelError, GatesError, OSError) as error:
        sys.exit(f"error: {error}")
    print(f"wrote {args.out} and its pictures")


if __name__ == "__main__":
    remote_paths.run(main)
