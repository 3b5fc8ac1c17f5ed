"""Run one step of the retraining pipeline that `steps.json` declares.

`./run retrain`, the Airflow DAG, the workflow, and the Cloud Run jobs all read that file, so a step is the same command
wherever it runs. `python -m model step STEP --run RUN …` fills in the placeholders of the step's command and executes
it. Every step accepts the same options.

At import time this module needs the standard library only, because Airflow imports it too.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

STEPS_FILE = Path(__file__).with_suffix(".json")


@dataclass(frozen=True)
class Step:
    """A step of the pipeline.

    Parameters
    ----------
    name, description : str
        Name, and one sentence on what the step does.
    command : list of str
        A command of `python -m model` and its arguments, with placeholders such as ``{run}``.
    account : str
        Service account that runs the step: trainer, registrar, or comparer (docs/iam.md).
    cpu, memory : str
        Resources in Cloud Run's units, such as ``"4"`` and ``"16Gi"``.
    timeout_minutes : int
        Time limit of one attempt.
    retries : int
        Attempts after the first one. Every step is safe to repeat.
    waits_for_canary_calls : bool
        Whether the pipeline waits before this step while the canary analyzes calls.
    on_failure : str or None
        Step that replaces the remaining steps if this step fails; None ends the pipeline.
    """

    name: str
    description: str
    command: list[str]
    account: str
    cpu: str
    memory: str
    timeout_minutes: int
    retries: int
    waits_for_canary_calls: bool = False
    on_failure: str | None = None


def steps() -> list[Step]:
    """Return every step in file order; the `on_failure` steps come last."""
    return [Step(**step) for step in json.loads(STEPS_FILE.read_text(encoding="utf-8"))["steps"]]


def main_steps() -> list[Step]:
    """Return the steps of a successful run in order: all but the `on_failure` steps."""
    failure_steps = {step.on_failure for step in steps()}
    return [step for step in steps() if step.name not in failure_steps]


def command(step: Step, blanks: Mapping[str, str | Sequence[str]]) -> list[str]:
    """Fill in the blanks of a step's command; a list takes the place of a word that is nothing but its blank.

    Examples
    --------
    >>> step = Step("ingest", "", ["ingest", "{corpora}", "--out", "{run}/m.parquet"], "trainer", "1", "1Gi", 1, 0)
    >>> command(step, {"corpora": ["--corpus", "cremad", "--root", "data/cremad"], "run": "runs/7"})
    ['ingest', '--corpus', 'cremad', '--root', 'data/cremad', '--out', 'runs/7/m.parquet']
    """
    words: list[str] = []
    for word in step.command:
        filled = blanks.get(word[1:-1]) if word[:1] + word[-1:] == "{}" else None
        words += [word.format_map(blanks)] if filled is None or isinstance(filled, str) else filled
    return words


def roots(corpora: str) -> list[str]:
    """Arguments of `model.data.ingest` for corpora as text.

    Parameters
    ----------
    corpora : str
        ``NAME=ROOT`` of each, with spaces between; a root with a space in it is quoted as in a shell.

    Examples
    --------
    >>> roots("cremad=gs://acme/cremad csv='our calls/clips.csv'")
    ['--corpus', 'cremad', '--root', 'gs://acme/cremad', '--corpus', 'csv', '--root', 'our calls/clips.csv']
    """
    pairs = [pair.partition("=") for pair in shlex.split(corpora)]
    return [word for name, _, root in pairs for word in ("--corpus", name, "--root", root)]


def version(run: str) -> str:
    """Version of the model that a run has exported."""
    from model import remote_paths

    facts = remote_paths.source(f"{run}/emotion.json")
    return str(json.loads(facts.read_text(encoding="utf-8"))["version"])


def options(parser: argparse.ArgumentParser) -> None:
    """Add the options that fill in the blanks."""
    parser.add_argument("--run", required=True, help="folder for what comes of it; here, as everywhere, or gs://")
    parser.add_argument("--corpora", default="", help="NAME=ROOT of each, with spaces between; see model.ingest")
    parser.add_argument("--config", default="model/configs/shipped.toml", help="default: %(default)s")
    parser.add_argument("--gates", default="model/gates.toml", help="default: %(default)s")
    parser.add_argument("--cache", help="where features are kept; default: RUN/features")
    parser.add_argument("--registry", default="registry", help="gs://BUCKET/PREFIX, or a folder; default: %(default)s")
    parser.add_argument("--share", default="0.1", help="of the recordings that the canary judges; default: %(default)s")
    parser.add_argument(
        "--limits", default="", help="options of model compare-canary, such as '--calls 100 --shift 0.1'"
    )
    parser.add_argument("--results", default="", help="PROJECT.DATASET, or a DuckDB file, with the calls it judged")


def blanks(args: argparse.Namespace, step: Step) -> dict[str, str | Sequence[str]]:
    """Give every blank its value."""
    known = {name: getattr(args, name) for name in ("run", "config", "gates", "registry", "share", "results")}
    known |= {"cache": args.cache or f"{args.run}/features", "corpora": roots(args.corpora)}
    known["limits"] = shlex.split(args.limits)
    return known | ({"version": version(args.run)} if "{version}" in step.command else {})


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    by_name = {step.name: step for step in steps()}
    parser.add_argument("step", choices=by_name)
    options(parser)
    args = parser.parse_args()
    try:
        module, *arguments = command(by_name[args.step], blanks(args, by_name[args.step]))
    except argparse.ArgumentTypeError as error:
        parser.error(str(error))
    except (OSError, ValueError) as error:
        sys.exit(f"error: {args.run} has no model to go on with; run the step export first: {error}")
    words = [sys.executable, "-m", "model", module, *arguments]
    print(shlex.join(words[1:]), flush=True)
    os.execv(sys.executable, words)  # noqa: S606


if __name__ == "__main__":
    main()
