"""The command `erase`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from callmood.cli.environment import open_warehouse
from callmood.cli.options import DEFAULT_STORE, JsonOption, StoreOption, example
from callmood.cli.output import print_rows
from callmood.errors import CallmoodError

if TYPE_CHECKING:
    from callmood.types import ObjectRef

commands = typer.Typer()


@commands.command(epilog=example("callmood erase --customer-id c204 --dry-run", "callmood erase --call-id 1001"))
def erase(
    call_id: Annotated[str | None, typer.Option("--call-id", help="Erase this call.")] = None,
    customer_id: Annotated[str | None, typer.Option("--customer-id", help="Erase all calls of this customer.")] = None,
    store: StoreOption = DEFAULT_STORE,
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="Erase in this BigQuery dataset instead of the store.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the recordings without erasing them.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Erase a call or a customer: hide the results in every view, and delete the audio.

    Exit code 1: some audio could not be deleted. The results are hidden even then. Repeating the command is safe.
    """
    from callmood.services.erase import erase_recordings, find_recordings

    if (call_id is None) == (customer_id is None):
        raise CallmoodError("set either --call-id or --customer-id")
    warehouse = open_warehouse(store, dataset)
    candidates = find_recordings(warehouse, call_id=call_id, customer_id=customer_id)
    if dry_run:
        rows = [
            {"uri": each.ref.uri, "started_at": each.started_at, "already_erased": each.already_erased}
            for each in candidates
        ]
    else:
        rows = [
            {"uri": result.ref.uri, "audio_deleted": result.audio_deleted, "error": result.error}
            for result in erase_recordings(warehouse, candidates, _object_deleter(dataset))
        ]
    print_rows(rows, as_json=as_json)
    raise typer.Exit(1 if any(row.get("error") for row in rows) else 0)


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
