"""Make a new model, try it on some of the calls, and keep it or take it back: what `./run retrain` runs.

    ./run retrain --data DIR    DIR holds corpora by their names (cremad/, …); the full recipe
    ./run retrain --quick       the whole way in a few minutes; without --data, of made-up voices

The same steps as the Airflow DAG and the workflow take, in one process after another on this machine: `steps.json`. The
registry is a folder, and in the place of a day's calls stand those of `--calls`, judged by both the serving model and
the canary. Every step can be run again: `--from STEP` goes on where a run stopped. Exit code 0: the way was
gone, whether the new model serves now or was taken back; 1: a step failed.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from callmood.errors import CallmoodError
from callmood.models.registry import PRODUCTION, Registry
from model.data.corpora import CorpusError
from model.deployment.register import FAULTS
from model.files import MODEL_DIR
from model.pipeline import steps
from model.pipeline.build import CONFIGS, corpora, tell_of_absent
from model.training.extract import CACHE
from model.tts import tones

SHIPPED = MODEL_DIR / "emotion.tflite"
CALLS = MODEL_DIR.parent / "tests/examples"

# To see the way, not to get a good model.
QUICK = ["--config", "model/configs/quick.toml", "--gates", "model/configs/quick_gates.toml"]
FEW = "--limits=--calls 5"  # a folder holds fewer calls than a day


class StepFailed(CallmoodError):
    """A step ended with another exit code than 0."""


def run_pipeline(main_steps: Sequence[steps.Step], run: Callable[[str], None]) -> bool:
    """Run the steps in order; if a step with `on_failure` fails, run that step instead of the rest.

    Parameters
    ----------
    main_steps : sequence of Step
        Steps of a successful run.
    run : callable
        Runs the step of this name; raises StepFailed if it fails.

    Returns
    -------
    bool
        True after the last step; False after an `on_failure` step.

    Raises
    ------
    StepFailed
        A step without `on_failure` failed.
    """
    for step in main_steps:
        try:
            run(step.name)
        except StepFailed:
            if step.on_failure is None:
                raise
            run(step.on_failure)
            return False
    return True


def command(name: str, *arguments: str) -> None:
    """Run a command of `model`.

    Raises
    ------
    StepFailed
        It ended with another exit code than 0.
    """
    _run([sys.executable, "-m", "model", name, *arguments])


def _run(words: list[str]) -> None:
    done = subprocess.run(words, cwd=MODEL_DIR.parent, check=False)  # noqa: S603
    if done.returncode:
        raise StepFailed(f"{shlex.join(words[1:])} ended with exit code {done.returncode}")


def serving(registry: str) -> str:
    """Version that serves; where none does yet, the shipped one from now on."""
    release = Registry(registry).releases().get(PRODUCTION)
    if release is None:
        shipped = str(json.loads(SHIPPED.with_suffix(".json").read_text(encoding="utf-8"))["version"])
        print(f"\nNothing serves from {registry} yet: the shipped model does, from now on.", flush=True)
        command("register", "--model", str(SHIPPED), "--registry", registry)
        command("promote", shipped, "--registry", registry)
        return shipped
    return release.version


def hear(calls: Path, results: Path, registry: str, versions: Sequence[str]) -> None:
    """Have every call judged by each version: a day's calls would be shared out, but a folder may hold a few only."""
    analyze = [sys.executable, "-m", "callmood", "analyze", str(calls.resolve()), "--store", str(results)]
    for version in versions:
        _run([*analyze, "--force", "--model", f"{registry}@{version}"])


def main() -> None:
    """Run from the command line."""
    main_steps = steps.main_steps()
    names = [step.name for step in main_steps]
    parser = argparse.ArgumentParser(prog="./run retrain", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with a folder for each corpus, named like it")
    parser.add_argument("--quick", action="store_true", help="a few clips, a few epochs; made-up voices without --data")
    parser.add_argument("--run", type=Path, help="folder for what comes of it; default: runs/retrain-TIME")
    parser.add_argument("--registry", type=Path, default=Path("runs/registry"), help="default: %(default)s")
    parser.add_argument("--calls", type=Path, default=CALLS, help="recordings to watch it on; default: %(default)s")
    parser.add_argument("--from", dest="first", choices=names, help="go on from there; needs --run")
    args = parser.parse_args()
    if not args.data and not args.quick:
        parser.error("give --data DIR, which holds cremad/; or --quick, to try it")
    if args.first and not args.run:
        parser.error("--from goes on with a run: name it with --run")
    run = (args.run or Path(f"runs/retrain-{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}")).resolve()
    registry, results = str(args.registry.resolve()), run / "calls.duckdb"
    skipped = names.index(args.first) if args.first else 0
    descriptions = {step.name: step.description for step in steps.steps()}

    def run_step(name: str) -> None:
        print(f"\n{name}: {descriptions[name]}", flush=True)
        if name == "compare-canary":
            hear(args.calls, results, registry, [present, steps.version(str(run))])
        command("step", name, *options)

    try:
        sources = corpora(args.data) if args.data else {"csv": tones.write_corpus(run / "made-up")}
        if not args.quick:
            tell_of_absent(CONFIGS / "shipped.toml", sources)
        present = serving(registry)
        named = shlex.join(f"{name}={root.resolve()}" for name, root in sources.items())
        options = ["--run", str(run), "--corpora", named, "--registry", registry, "--results", str(results), FEW]
        options += QUICK if args.quick else ["--cache", str(CACHE.resolve())]
        kept = run_pipeline(main_steps[skipped:], run_step)
    except StepFailed as error:
        sys.exit(f"error: {error}. What served goes on to. To go on here: ./run retrain … --run {run} --from STEP")
    except (*FAULTS, CorpusError) as error:
        sys.exit(f"error: {error}")
    new = steps.version(str(run))
    print(f"\n{new} serves now." if kept else f"\n{new} was taken back; {present} still serves.")


if __name__ == "__main__":
    main()
