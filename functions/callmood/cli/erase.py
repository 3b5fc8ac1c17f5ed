"""The command `erase`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from callmood.cli.environment import open_warehouse, read_settings
from callmood.cli.options import DEFAULT_STORE, JsonOption, StoreOption, example
from callmood.cli.output import err, out, print_rows
from callmood.errors import CallmoodError

if TYPE_CHECKING:
    from callmood.types import JsonRow, ObjectRef
    from callmood.warehouse.base import Warehouse

commands = typer.Typer()

_REMAINS_IN_STORE = (
    "Remains: hashes of the content, the path, and the IDs in the table erasures, so that the erasure is final; freed "
    "blocks of the store file until new rows overwrite them; your own exports, reports, and backups."
)
_REMAINS_IN_CLOUD = (
    "Remains: the rows, hidden in every view, until the nightly deletion (rows of the last two hours: until the next "
    "one); BigQuery's time travel (2 to 7 days, time_travel_hours) and fail-safe storage (7 more days); deleted audio "
    "in the bucket's soft delete (soft_delete_days) and in noncurrent versions until their retention ends; messages of "
    "the results topic until their retention ends; hashes of the content, the object, and the IDs in the table "
    "erasures; your own exports, reports, and backups."
)


@commands.command(epilog=example("callmood erase --customer-id c204 --dry-run", "callmood erase --call-id 1001"))
def erase(
    call_id: Annotated[str | None, typer.Option("--call-id", help="Erase this call.")] = None,
    customer_id: Annotated[str | None, typer.Option("--customer-id", help="Erase all calls of this customer.")] = None,
    store: StoreOption = DEFAULT_STORE,
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="Erase in this BigQuery dataset instead of the store.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the recordings without erasing them.")] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Undo an erasure, so that its recordings can be analyzed again.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Erase a call or a customer: hide the results in every view, and delete the audio.

    The erasure covers analyses, failures, details, all generations, and copies of the same bytes without a call ID,
    also later ones. The same bytes with another call ID are another call, which stays if it was known before, or if it
    has no speech or cannot be analyzed. A link is deleted with its target, unless the name of the target has another
    call ID. The report states what was removed, and what remains for how long. Exit code 1: the ID is unknown, or some
    audio could not be deleted. The results are hidden even then. Repeating the command is safe.
    """
    from callmood.services import erase as service
    from callmood.warehouse.duckdb import DuckDBWarehouse

    if (call_id is None) == (customer_id is None):
        raise CallmoodError("set either --call-id or --customer-id")
    warehouse = open_warehouse(store, dataset)
    ids = {"call_id": call_id, "customer_id": customer_id}
    requests = service.find_requests(warehouse, **ids)
    if undo:
        _undo(warehouse, requests, dry_run=dry_run)
    candidates = service.find_recordings(warehouse, **ids, config=read_settings())
    details = service.find_details(warehouse, **ids)
    if not candidates and not details:
        what = "call" if call_id is not None else "customer"
        if requests:
            err.print(f"This {what} is already erased; nothing remains to remove.")
            raise typer.Exit(0)
        err.print(f"No recording, failure, or detail of this {what} is known. Check the ID.")
        raise typer.Exit(1)
    rows: list[JsonRow]
    if dry_run:
        rows = [
            {"uri": each.ref.uri, "started_at": each.started_at, "already_erased": each.already_erased}
            for each in candidates
        ]
        removed = {"call_details": len(details)}
    else:
        results = service.erase_recordings(warehouse, candidates, _object_deleter(dataset), details, customer_id)
        rows = [
            {"uri": result.ref.uri, "audio_deleted": result.audio_deleted, "error": result.error} for result in results
        ]
        removed = warehouse.purge() if isinstance(warehouse, DuckDBWarehouse) else {}
    print_rows(rows, as_json=as_json)
    if not as_json:
        _report(removed, dataset, dry_run=dry_run)
    raise typer.Exit(1 if any(row.get("error") for row in rows) else 0)


def _undo(warehouse: Warehouse, requests: list[str], *, dry_run: bool) -> None:
    from callmood.services.erase import undo_requests

    if not requests:
        err.print("No erasure of this ID is known.")
        raise typer.Exit(1)
    if not dry_run:
        undo_requests(warehouse, requests)
    err.print(
        f"{len(requests)} erasures {'would be' if dry_run else 'are'} undone. Upload or restore the recordings, and "
        "analyze them again."
    )
    raise typer.Exit(0)


def _report(removed: Mapping[str, int], dataset: str | None, *, dry_run: bool) -> None:
    """Print what was removed, and what remains for how long."""
    counts = ", ".join(f"{count} of {table}" for table, count in removed.items() if count)
    if counts:
        out.print(f"Rows {'to remove' if dry_run else 'removed'}: {counts}.", highlight=False)
    out.print(_REMAINS_IN_CLOUD if dataset else _REMAINS_IN_STORE, highlight=False)


def _object_deleter(dataset: str | None) -> Callable[[ObjectRef], bool]:
    """Return a function that deletes an object in Cloud Storage and returns whether it existed."""
    if dataset is None:

        def refuse(ref: ObjectRef) -> bool:
            raise CallmoodError(f"{ref.uri} is in a bucket; name its dataset: callmood erase … --dataset DATASET")

        return refuse
    from google.cloud.storage import Client

    from callmood.sources import gcs

    client = Client()
    return lambda ref: gcs.delete(client, ref)
