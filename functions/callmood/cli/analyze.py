"""Commands that analyze local files: `analyze` and `watch`."""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from callmood.cli.environment import create_store, read_settings
from callmood.cli.options import DEFAULT_STORE, JsonOption, ModelOption, StoreOption, example
from callmood.cli.output import describe, err, out, print_json, print_summary, progress_bar, result_json
from callmood.errors import AlertError

if TYPE_CHECKING:
    from callmood.services.publish import Message
    from callmood.services.webhook import Webhook
    from callmood.types import JsonRow
    from callmood.warehouse.base import Warehouse

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

    Skip recordings that this software version and model have already analyzed. Exit code 1: a recording failed.
    """
    from callmood.services.batch import BatchAnalyzer
    from callmood.sources.folder import find_recordings

    settings = read_settings(model)
    files = list(find_recordings(paths))
    if not files:
        err.print(f"No recordings in {escape(', '.join(map(str, paths)))}.", highlight=False)
        return
    local_store = create_store(store, settings)
    results = []
    with progress_bar(len(files), "Analyzing") as advance:
        for result in BatchAnalyzer(local_store, settings, settings.model_uri, workers).run(files, force=force):
            results.append(result)
            advance()
            if as_json:
                print_json([result_json(result)])
    if not as_json:
        print_summary(results, _calls_of(local_store, [result.path for result in results]))
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
    model: ModelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Analyze each recording that is added to a folder. Stop with Ctrl-C.

    Analyze existing recordings first. Analyze a file once it stops growing. If an alert cannot be delivered, print an
    error and continue.
    """
    from callmood.services.batch import BatchAnalyzer
    from callmood.services.publish import call_message
    from callmood.services.webhook import Webhook
    from callmood.settings import AlertSettings, load_settings
    from callmood.sources.watcher import settled_files

    settings = read_settings(model)
    local_store = create_store(store, settings)
    analyzer = BatchAnalyzer(local_store, settings, settings.model_uri)
    secret = load_settings(AlertSettings).alert_secret if alert else None
    webhook = Webhook(alert, secret.get_secret_value() if secret else None) if alert else None
    err.print(
        f"Watching {escape(str(folder))}, writing results to {escape(str(store))}. Stop with Ctrl-C.", highlight=False
    )
    for path in settled_files(folder):
        for result in analyzer.run([path]):
            if result.status == "skipped":
                continue
            recording = result.row if result.status == "analyzed" else None
            if as_json:
                print_json([result_json(result)])
            else:
                out.print(describe(result, _call_of(local_store, recording) if recording else None), highlight=False)
            if webhook and recording:
                _alert(webhook, call_message(local_store, recording))


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


def _alert(webhook: Webhook, message: Message | None) -> None:
    """Post a call that needs attention; an unreachable receiver must not stop the watch."""
    try:
        if message and message["needs_attention"]:
            webhook.post(message["analysis_id"], json.dumps(message).encode())
    except AlertError as error:
        err.print(f"[red]error:[/red] {escape(str(error))}", highlight=False)
