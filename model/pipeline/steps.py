"""Run one step of the pipelines that `steps.json` declares: retraining, and calibration to the callers.

`./run retrain`, the Airflow DAG, the workflow, and the Cloud Run jobs all read that file, so a step is the same command
wherever it runs. `python -m model step STEP --run RUN …` fills in the placeholders of the step's command and executes
it. Every step accepts the same options.

At import time this module needs the standard library only, because Airflow imports it too.
"""

from __future__ import annotations

import json
import shlex
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
        Service account that runs the step: trainer, registrar, comparer, or calibrator (docs/iam.md).
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
    pipelines : list of str
        Pipelines that contain the step: retrain, calibrate.
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
    pipelines: Sequence[str] = ("retrain",)


def steps() -> list[Step]:
    """Return every step in file order; the `on_failure` steps come last."""
    return [Step(**step) for step in json.loads(STEPS_FILE.read_text(encoding="utf-8"))["steps"]]


def main_steps(pipeline: str = "retrain") -> list[Step]:
    """Return the steps of a successful run of a pipeline in order: all but the `on_failure` steps."""
    failure_steps = {step.on_failure for step in steps()}
    return [step for step in steps() if step.name not in failure_steps and pipeline in step.pipelines]


@dataclass(frozen=True)
class StepOptions:
    """The values of the placeholders in the commands of all steps.

    Parameters
    ----------
    run : str
        Folder of the run, local or in Cloud Storage.
    corpora : str
        ``NAME=ROOT`` of each corpus, separated by spaces. Roots with spaces are quoted as in a shell.
    config, gates : str
        Files of the configuration and of the gates.
    cache : str or None
        Folder of cached features; default: ``RUN/features``.
    registry : str
        ``gs://BUCKET/PREFIX``, or a folder.
    share : str
        Share of the recordings that the canary analyzes.
    limits : str
        Options of ``compare-canary``.
    results : str
        ``PROJECT.DATASET`` or a DuckDB file with the calls that the canary analyzed.
    recordings : str
        Recordings to calibrate on: ``gs://BUCKET/PREFIX``, separated by spaces.
    """

    run: str
    corpora: str = ""
    config: str = "model/configs/shipped.toml"
    gates: str = "model/gates.toml"
    cache: str | None = None
    registry: str = "registry"
    share: str = "0.1"
    limits: str = ""
    results: str = ""
    recordings: str = ""

    def values(self) -> dict[str, str | Sequence[str]]:
        """Return the value of each placeholder except ``version``."""
        return {
            "run": self.run,
            "corpora": ingest_arguments(self.corpora),
            "config": self.config,
            "gates": self.gates,
            "cache": self.cache or f"{self.run}/features",
            "registry": self.registry,
            "share": self.share,
            "limits": shlex.split(self.limits),
            "results": self.results,
            "recordings": [word for uri in self.recordings.split() for word in ("--recordings", uri)],
        }


def command(step: Step, values: Mapping[str, str | Sequence[str]]) -> list[str]:
    """Fill in the placeholders of a step's command; a list replaces a word that consists of its placeholder.

    Examples
    --------
    >>> step = Step("ingest", "", ["ingest", "{corpora}", "--out", "{run}/m.parquet"], "trainer", "1", "1Gi", 1, 0)
    >>> command(step, {"corpora": ["--corpus", "cremad", "--root", "data/cremad"], "run": "runs/7"})
    ['ingest', '--corpus', 'cremad', '--root', 'data/cremad', '--out', 'runs/7/m.parquet']
    """
    words: list[str] = []
    for word in step.command:
        value = values.get(word[1:-1]) if word[:1] + word[-1:] == "{}" else None
        words += [word.format_map(values)] if value is None or isinstance(value, str) else value
    return words


def complete_command(step: Step, options: StepOptions) -> list[str]:
    """Fill in all placeholders of a step's command, including the version that the run exported.

    Raises
    ------
    OSError, ValueError
        The command needs the version, and the run has no exported model.
    """
    version = {"version": exported_version(options.run)} if "{version}" in step.command else {}
    return command(step, options.values() | version)


def ingest_arguments(corpora: str) -> list[str]:
    """Convert corpora in the form ``NAME=ROOT …`` to arguments of the command ``ingest``.

    Examples
    --------
    >>> ingest_arguments("cremad=gs://acme/cremad csv='our calls/clips.csv'")
    ['--corpus', 'cremad', '--root', 'gs://acme/cremad', '--corpus', 'csv', '--root', 'our calls/clips.csv']
    """
    pairs = [pair.partition("=") for pair in shlex.split(corpora)]
    return [word for name, _, root in pairs for word in ("--corpus", name, "--root", root)]


def exported_version(run: str) -> str:
    """Return the version of the model that a run exported.

    Raises
    ------
    OSError, ValueError
        The run has no exported model.
    """
    from model import remote_paths

    metadata = remote_paths.input_path(f"{run}/emotion.json")
    return str(json.loads(metadata.read_text(encoding="utf-8"))["version"])
