"""Commands that analyze local files: `analyze` and `watch`."""

from __future__ import annotations

import json
import math
import os
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from callmood.cli.calibrate import calibrated_settings
from callmood.cli.environment import create_store, read_settings, store_files
from callmood.cli.interruption import interruptible
from callmood.cli.options import DEFAULT_STORE, JsonOption, ModelOption, StoreOption, example
from callmood.cli.output import describe, err, out, plural, print_json, print_summary, progress_bar, result_json
from callmood.errors import AlertError

if TYPE_CHECKING:
    from callmood.services.batch import FileResult
    from callmood.services.publish import Message
    from callmood.services.webhook import Webhook
    from callmood.types import JsonRow
    from callmood.warehouse.base import Warehouse
    from callmood.warehouse.duckdb import DuckDBWarehouse

commands = typer.Typer()


@commands.command(epilog=example("callmood analyze recordings/ --store calls.duckdb"))
def analyze(
    paths: Annotated[list[Path], typer.Argument(help="Recordings, and folders of recordings.", show_default=False)],
    store: StoreOption = DEFAULT_STORE,
    workers: Annotated[int, typer.Option(min=1, help="Number of processes; each uses one core.")] = os.cpu_count() or 1,
    force: Annotated[bool, typer.Option("--force", help="Re-analyze recordings that already have results.")] = False,
    model: ModelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Analyze recordings and write the results to the local store.

    Skip recordings that this software version and model have already analyzed. With 50 or more recordings and no
    population, calibrate to them in a first pass (see `callmood calibrate`). Several runs can share a store and its
    work. Stop with Ctrl-C; the same command continues. Exit code 1: a recording failed.
    """
    from callmood.cli.names import report_names
    from callmood.services.batch import BatchAnalyzer
    from callmood.sources.folder import find_recordings

    settings = read_settings(model)
    own = store_files(store)
    files = [file for file in find_recordings(paths) if file not in own]
    if not files:
        err.print(f"No recordings in {escape(', '.join(map(str, paths)))}.", highlight=False)
        return
    local_store = create_store(store, settings, lock_timeout_s=math.inf)
    settings = calibrated_settings(settings, store, files, workers)
    analyzer = BatchAnalyzer(local_store, settings, settings.model_uri, workers, on_wait=_report_other_run)
    analyzer.retire_readable_folders()
    results: list[FileResult] = []
    with (
        interruptible(lambda: f"{len(results)} of {len(files)} recordings are done."),
        progress_bar(len(files), "Analyzing") as advance,
        closing(analyzer.run(files, force=force)) as finished,
    ):
        for result in finished:
            results.append(result)
            advance()
            if as_json:
                print_json([result_json(result)])
    if not as_json:
        print_summary(results, _calls_of(local_store, [result.path for result in results]))
        report_names([result.path for result in results], settings)
    raise typer.Exit(1 if any(result.status == "failed" for result in results) else 0)


@commands.command(
    epilog=example(
        "callmood watch inbox/ --store calls.duckdb",
        "ALERT_SECRET=… callmood watch inbox/ --alert https://example.com/hook",
    )
)
def watch(
    folder: Annotated[
        Path, typer.Argument(help="Folder to watch, including its subfolders.", exists=True, file_okay=False)
    ],
    store: StoreOption = DEFAULT_STORE,
    alert: Annotated[
        str | None, typer.Option(help="URL of a webhook that receives a message for each call that needs attention.")
    ] = None,
    quiet_s: Annotated[
        float,
        typer.Option("--quiet", min=0, help="Seconds without a change after which a file is complete."),
    ] = 10.0,
    model: ModelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Analyze each recording that is added to a folder. Stop with Ctrl-C.

    Analyze existing recordings first. Analyze a file once it has not changed for the time of --quiet; six times as long
    if its header promises more data. Send one alert per call. If an alert cannot be delivered, print an error and
    continue.
    """
    from callmood.services.batch import BatchAnalyzer
    from callmood.services.publish import call_message
    from callmood.services.webhook import Webhook
    from callmood.settings import AlertSettings, load_settings
    from callmood.sources.folder import call_legs
    from callmood.sources.watcher import settled_files

    settings = read_settings(model)
    local_store = create_store(store, settings, lock_timeout_s=math.inf)
    settings = calibrated_settings(settings, store, [], workers=1)
    analyzer = BatchAnalyzer(local_store, settings, settings.model_uri)
    secret = load_settings(AlertSettings).alert_secret if alert else None
    webhook = Webhook(alert, secret.get_secret_value() if secret else None) if alert else None
    err.print(
        f"Watching {escape(str(folder))}, writing results to {escape(str(store))}. Stop with Ctrl-C.", highlight=False
    )
    done = 0
    files = settled_files(folder, quiet_s, lambda path: call_legs(path, settings), settings.leg_wait_s)
    own = store_files(store)
    with interruptible(lambda: f"{plural(done, 'recording')} analyzed."), closing(files) as paths:
        for path in paths:
            if path in own:
                continue
            for result in analyzer.run([path]):
                if result.status in ("skipped", "joined"):
                    continue
                done += result.status == "analyzed"
                recording = result.row if result.status == "analyzed" else None
                if as_json:
                    print_json([result_json(result)])
                else:
                    call = _call_of(local_store, recording) if recording else None
                    out.print(describe(result, call), highlight=False)
                if webhook and recording:
                    _alert(webhook, call_message(local_store, recording), local_store)


def _report_other_run(remaining: int) -> None:
    err.print(f"Waiting for {remaining} recordings, which another run is analyzing.", highlight=False)


def _calls_of(warehouse: Warehouse, paths: list[Path]) -> list[JsonRow]:
    """Return the rows of the `calls` view for local files, the calls that need attention first."""
    sql = "SELECT * FROM calls WHERE uri IN UNNEST(@uris) ORDER BY needs_attention DESC, negativity DESC, started_at"
    return warehouse.query(sql, {"uris": [path.absolute().as_uri() for path in paths]})


def _call_of(warehouse: Warehouse, recording: JsonRow) -> JsonRow | None:
    """Return the row of the `calls` view for a row of `recordings`; None if it duplicates another recording.

    The filter on the day keeps the cost of one file independent of the number of other days in the store.
    """
    rows = warehouse.query(
        "SELECT * FROM calls WHERE call_date = @call_date AND recording_id = @recording_id",
        {"call_date": date.fromisoformat(recording["call_date"]), "recording_id": recording["recording_id"]},
    )
    return rows[0] if rows else None


def _alert(webhook: Webhook, message: Message | None, store: DuckDBWarehouse) -> None:
    """Post a call that needs attention, once; an unreachable receiver must not stop the watch."""
    from callmood.warehouse.alerts import is_alerted, mark_alerted

    if not message or not message["needs_attention"]:
        return
    call = message["call_id"] or message["uri"]
    try:
        if not is_alerted(store, call):
            webhook.post(message["analysis_id"], json.dumps(message).encode())
            mark_alerted(store, call)
    except AlertError as error:
        err.print(f"[red]error:[/red] {escape(str(error))}", highlight=False)
