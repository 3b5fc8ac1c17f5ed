"""Retrain on this machine: run all pipeline steps, and promote the new model or roll it back.

The steps are those of the Airflow DAG and of the workflow (`steps.json`), as one process each. The registry is a
folder. Instead of a day's calls, the recordings of a folder are analyzed by both the production model and the canary.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from callmood.models.registry import PRODUCTION, Registry
from model.files import MODEL_DIR
from model.pipeline import steps
from model.pipeline.build import CONFIGS, StepError, find_corpora, print_missing_corpora
from model.tts import tones

SHIPPED = MODEL_DIR / "emotion.tflite"

QUICK_OPTIONS = ["--config", "model/configs/quick.toml", "--gates", "model/configs/quick_gates.toml"]
LIMITS = "--limits=--calls 5"  # a folder contains fewer calls than a day


@dataclass(frozen=True)
class Outcome:
    """The result of retraining: the new version, whether it is in production, and the version before it."""

    version: str
    promoted: bool
    previous: str

    def __str__(self) -> str:
        if self.promoted:
            return f"{self.version} is in production."
        return f"Rolled back {self.version}; {self.previous} remains in production."


def retrain(
    data: Path | None, quick: bool, run: Path, registry: Path, calls: Path, cache: Path, first_step: str | None = None
) -> Outcome:
    """Run the pipeline.

    Parameters
    ----------
    data : Path, optional
        Folder with a folder for each corpus, by its name; None: synthetic tones.
    quick : bool
        Whether to train on a few clips only, to test the pipeline.
    run : Path
        Folder of the run.
    registry : Path
    calls : Path
        Folder of recordings on which the canary is compared.
    cache : Path
        Folder of cached features; ignored with `quick`.
    first_step : str, optional
        Continue from this step of an earlier run.

    Raises
    ------
    CorpusError
        `data` contains no corpus.
    StepError
        A step without `on_failure` failed. Production is unchanged.
    """
    run, results = run.resolve(), run.resolve() / "calls.duckdb"
    registry_uri = str(registry.resolve())
    corpora = find_corpora(data) if data else {"csv": tones.write_corpus(run / "tones")}
    if not quick:
        print_missing_corpora(CONFIGS / "shipped.toml", corpora)
    roots = shlex.join(f"{name}={root.resolve()}" for name, root in corpora.items())
    options = ["--run", str(run), "--corpora", roots, "--registry", registry_uri, "--results", str(results), LIMITS]
    options += QUICK_OPTIONS if quick else ["--cache", str(cache.resolve())]
    by_name = {step.name: step for step in steps.steps()}
    main_steps = steps.main_steps()
    start = [step.name for step in main_steps].index(first_step) if first_step else 0
    try:
        production = production_version(registry_uri)

        def run_step(name: str) -> None:
            print(f"\n{name}: {by_name[name].description}", flush=True)
            if by_name[name].waits_for_canary_calls:
                analyze(calls, results, registry_uri, [production, steps.exported_version(str(run))])
            run_command("step", name, *options)

        promoted = run_pipeline(main_steps[start:], run_step)
    except StepError as error:
        raise StepError(
            f"{error}; production is unchanged. Continue with: ./run retrain … --run {run} --from STEP"
        ) from None
    return Outcome(steps.exported_version(str(run)), promoted, production)


def run_pipeline(main_steps: Sequence[steps.Step], run: Callable[[str], None]) -> bool:
    """Run the steps in order; if a step with `on_failure` fails, run that step instead of the rest.

    Parameters
    ----------
    main_steps : sequence of Step
        Steps of a successful run.
    run : callable
        Runs the step of this name; raises StepError if it fails.

    Returns
    -------
    bool
        True after the last step; False after an `on_failure` step.

    Raises
    ------
    StepError
        A step without `on_failure` failed.
    """
    for step in main_steps:
        try:
            run(step.name)
        except StepError:
            if step.on_failure is None:
                raise
            run(step.on_failure)
            return False
    return True


def run_command(name: str, *arguments: str) -> None:
    """Run a command of `python -m model` in a process.

    Raises
    ------
    StepError
        It ended with a nonzero exit code.
    """
    _run([sys.executable, "-m", "model", name, *arguments])


def _run(words: list[str]) -> None:
    done = subprocess.run(words, cwd=MODEL_DIR.parent, check=False)  # noqa: S603
    if done.returncode:
        raise StepError(f"{shlex.join(words[1:])} failed with exit code {done.returncode}")


def production_version(registry: str) -> str:
    """Return the version in production; an empty registry gets the shipped model first."""
    release = Registry(registry).releases().get(PRODUCTION)
    if release is not None:
        return release.version
    shipped = str(json.loads(SHIPPED.with_suffix(".json").read_text(encoding="utf-8"))["version"])
    print(f"\n{registry} has no production model. Registering and promoting the shipped model.", flush=True)
    run_command("register", "--model", str(SHIPPED), "--registry", registry)
    run_command("promote", shipped, "--registry", registry)
    return shipped


def analyze(calls: Path, results: Path, registry: str, versions: Sequence[str]) -> None:
    """Analyze every call with each version. In production, a call has one version, but a folder has too few calls."""
    command = [sys.executable, "-m", "callmood", "analyze", str(calls.resolve()), "--store", str(results)]
    for version in versions:
        _run([*command, "--force", "--model", f"{registry}@{version}"])
