"""Commands that run the steps from corpora to a model in production."""

from __future__ import annotations

import os
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from callmood.resources import EXAMPLES
from model.cli.options import FEATURE_CACHE, choice_argument, choice_option
from model.files import MODEL_DIR
from model.pipeline import steps
from model.pipeline.steps import StepOptions

app = typer.Typer()

CONFIGS = MODEL_DIR / "configs"

DataOption = Annotated[
    Path | None, typer.Option("--data", help="Folder with a folder for each corpus, by its name (cremad/, …).")
]
QuickOption = Annotated[
    bool, typer.Option("--quick", help="Train on a few clips to test the pipeline; without --data, on synthetic tones.")
]


def _check_data(data: Path | None, quick: bool) -> None:
    if not data and not quick:
        raise typer.BadParameter("give --data DIR with a folder cremad/, or --quick for a test")


@app.command("step")
def step(
    name: Annotated[
        str, choice_argument(choices=[step.name for step in steps.steps()], metavar="STEP", help="Name of the step.")
    ],
    run: Annotated[str, typer.Option("--run", help="Folder of the run, local or gs://.")],
    corpora: Annotated[str, typer.Option("--corpora", help="NAME=ROOT of each corpus, separated by spaces.")] = "",
    config: Annotated[str, typer.Option("--config", help="The configuration.")] = StepOptions.config,
    gates: Annotated[str, typer.Option("--gates", help="The gates.")] = StepOptions.gates,
    cache: Annotated[
        str | None, typer.Option("--cache", help="Folder of cached features; default: RUN/features.")
    ] = None,
    registry: Annotated[
        str, typer.Option("--registry", help="gs://BUCKET/PREFIX, or a folder.")
    ] = StepOptions.registry,
    share: Annotated[
        str, typer.Option("--share", help="Share of the recordings that the canary analyzes.")
    ] = StepOptions.share,
    limits: Annotated[
        str, typer.Option("--limits", help="Options of compare-canary, such as '--calls 100 --shift 0.1'.")
    ] = "",
    results: Annotated[
        str,
        typer.Option("--results", help="PROJECT.DATASET or a DuckDB file with the canary's calls."),
    ] = "",
    recordings: Annotated[
        str, typer.Option("--recordings", help="Recordings to calibrate on: gs://BUCKET/PREFIX, separated by spaces.")
    ] = "",
) -> None:
    """Run one step of the retraining or the calibration pipeline (model/pipeline/steps.json).

    All steps have the same options, and each uses those that it needs.
    """
    options = StepOptions(run, corpora, config, gates, cache, registry, share, limits, results, recordings)
    selected = next(step for step in steps.steps() if step.name == name)
    try:
        command = steps.complete_command(selected, options)
    except (OSError, ValueError) as error:
        typer.echo(f"error: {run} has no exported model; run the step export first: {error}", err=True)
        raise typer.Exit(1) from None
    words = [sys.executable, "-m", "model", *command]
    print(shlex.join(words[1:]), flush=True)
    os.execv(sys.executable, words)  # noqa: S606


@app.command("build")
def build(
    data: DataOption = None,
    quick: QuickOption = False,
    config: Annotated[
        Path | None,
        typer.Option("--config", help="The configuration; default: model/configs/shipped.toml, or quick.toml."),
    ] = None,
    run: Annotated[
        Path | None, typer.Option("--run", help="Folder of the run; default: runs/ with the configuration's name.")
    ] = None,
    cache: Annotated[Path, typer.Option("--cache", help="Folder of cached features.")] = FEATURE_CACHE,
) -> None:
    """Build and evaluate a model from corpora (./run train)."""
    from model.pipeline.build import build

    _check_data(data, quick)
    conf = config or CONFIGS / ("quick.toml" if quick else "shipped.toml")
    gates = CONFIGS / "quick_gates.toml" if quick else MODEL_DIR / "gates.toml"
    build(data, conf, gates, run or Path("runs") / conf.stem, cache)


@app.command("retrain")
def retrain(
    data: DataOption = None,
    quick: QuickOption = False,
    run: Annotated[Path | None, typer.Option("--run", help="Folder of the run; default: runs/retrain-TIME.")] = None,
    registry: Annotated[Path, typer.Option("--registry", help="Folder of the registry.")] = Path("runs/registry"),
    calls: Annotated[Path, typer.Option("--calls", help="Folder of recordings to compare the canary on.")] = EXAMPLES,
    first: Annotated[
        str | None,
        choice_option(
            "--from", choices=[step.name for step in steps.main_steps()], help="Continue RUN from this step."
        ),
    ] = None,
) -> None:
    """Build a model, compare it on calls, and promote it or roll it back (./run retrain).

    Exit codes: 0 the model was promoted or rolled back; 1 a step failed, and production is unchanged.
    """
    from model.pipeline.retrain import retrain

    _check_data(data, quick)
    if first and not run:
        raise typer.BadParameter("--from continues a run; name it with --run")
    folder = run or Path(f"runs/retrain-{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}")
    print(f"\n{retrain(data, quick, folder, registry, calls, FEATURE_CACHE, first)}")
