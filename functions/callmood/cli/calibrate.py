"""The command `calibrate`, and the calibration that `analyze` starts by itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from callmood.cli.environment import read_settings
from callmood.cli.options import JsonOption, ModelOption, example
from callmood.cli.output import err, out, print_json, progress_bar
from callmood.errors import CallmoodError, ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from callmood.emotion.population import Population
    from callmood.settings import LocalSettings

commands = typer.Typer()

_DEFAULT_CALLS = 500  # services.calibrate.DEFAULT_CALLS, which is slow to import


@commands.command(
    epilog=example(
        "callmood calibrate recordings/ --out population.json",
        "callmood calibrate gs://acme-calls/2026/ --calls 1000 --out population.json",
        "POPULATION_URI=population.json callmood analyze recordings/",
    )
)
def calibrate(
    paths: Annotated[
        list[str], typer.Argument(help="Recordings, folders of recordings, or gs://BUCKET/PREFIX.", show_default=False)
    ],
    output: Annotated[Path, typer.Option("--out", help="File to write.", dir_okay=False)] = Path("population.json"),
    calls: Annotated[int, typer.Option("--calls", min=50, help="Calls to sample at random.")] = _DEFAULT_CALLS,
    workers: Annotated[int, typer.Option(min=1, help="Number of processes; each uses one core.")] = os.cpu_count() or 1,
    model: ModelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure the population of callers, so that emotion is detected relative to it.

    At least 50 calls. Write only statistics over all calls: no audio, and no data about a single caller. To use the
    file, set POPULATION_URI to its path.
    """
    buckets = [path for path in paths if path.startswith("gs://")]
    if buckets and len(buckets) < len(paths):
        raise CallmoodError("use either folders, or gs:// URIs")
    settings = read_settings(model)
    population = (
        _calibrate_buckets(buckets, calls, settings)
        if buckets
        else _calibrate_folders([Path(path) for path in paths], calls, workers, settings)
    )
    output.write_bytes(population.to_json())
    if as_json:
        print_json([{"out": str(output), "population_version": population.version, "calls": population.calls}])
    else:
        out.print(
            f"Population {population.version} of {population.calls} calls, for model {population.model_version}, in "
            f"{escape(str(output))}. To use it, set POPULATION_URI={escape(str(output))}.",
            highlight=False,
        )


def calibrated_settings(settings: LocalSettings, store: Path, files: Sequence[Path], workers: int) -> LocalSettings:
    """Return the settings of a run with the population of its store.

    Without a population in the settings or in the model, use the file beside the store. If it does not exist and the
    run has enough recordings, create it in a first pass, and report it on standard error.

    Parameters
    ----------
    settings : LocalSettings
        Settings of the run.
    store : Path
        The local store; `calls.duckdb` has the population `calls.population.json`, and that of another model
        `calls.VERSION.population.json`.
    files : sequence of Path
        Recordings of the run; a random sample of them is the population.
    workers : int
        Number of processes.
    """
    from callmood.emotion.population import MIN_CALLS
    from callmood.models.resolver import open_population
    from callmood.services.batch import load_models

    if settings.population_uri:
        return settings
    model = load_models(settings.model_uri, None).for_recording("")
    if model.population:
        return settings
    file = store.with_suffix(".population.json")
    if file.exists() and open_population(str(file)).model_version != model.base_version:
        # The other model can still be in use, for example until a backfill with this one is published.
        file = store.with_suffix(f".{model.base_version}.population.json")
    if file.exists():
        return settings.model_copy(update={"population_uri": str(file)})
    if len(files) < MIN_CALLS:
        return settings
    try:
        population = _calibrate_folders(files, _DEFAULT_CALLS, workers, settings)
    except ModelError as error:
        err.print(f"Not calibrated: {escape(str(error))}.", highlight=False)
        return settings
    file.write_bytes(population.to_json())
    err.print(
        f"Calibrated to {population.calls} calls of this run, and saved the population in {escape(str(file))}. Later "
        "runs with this store use it. See callmood calibrate --help.",
        highlight=False,
    )
    return settings.model_copy(update={"population_uri": str(file)})


def _calibrate_folders(paths: Sequence[Path], calls: int, workers: int, settings: LocalSettings) -> Population:
    from callmood.services.batch import load_models
    from callmood.services.calibrate import calibrate, embed_files, sample
    from callmood.sources.folder import find_recordings

    files = sample(find_recordings(paths), calls)
    model = load_models(settings.model_uri, None).for_recording("")
    with progress_bar(len(files), "Calibrating") as advance:
        return calibrate(model, embed_files(files, settings, settings.model_uri, workers), advance)


def _calibrate_buckets(uris: Sequence[str], calls: int, settings: LocalSettings) -> Population:
    from google.cloud.storage import Client

    from callmood.services.batch import load_models
    from callmood.services.calibrate import calibrate, embed_objects

    model = load_models(settings.model_uri, None).for_recording("")
    with progress_bar(calls, "Calibrating") as advance:
        return calibrate(model, embed_objects(Client(), uris, calls, model, settings), advance)
