"""The command `details load`: add details of calls from the telephone system."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from callmood.cli.options import DEFAULT_STORE, JsonOption, StoreOption, example
from callmood.cli.output import out, plural, print_json
from callmood.errors import CallmoodError

DatasetOption = Annotated[str | None, typer.Option("--dataset", help="Use this BigQuery dataset instead of the store.")]

details = typer.Typer(
    help="Details of calls from the telephone system.",
    epilog=example("callmood details load cdr.csv"),
    no_args_is_help=True,
)
commands = typer.Typer()
commands.add_typer(details, name="details", rich_help_panel="Results")


@details.command(
    epilog=example(
        "callmood details load cdr.csv --store calls.duckdb",
        "callmood details load cdr.csv --column uniqueid=call_id --column calldate=started_at --dataset acme.callmood",
    )
)
def load(
    path: Annotated[Path, typer.Argument(help="CSV file with a header.", dir_okay=False, show_default=False)],
    store: StoreOption = DEFAULT_STORE,
    dataset: DatasetOption = None,
    column: Annotated[
        list[str] | None, typer.Option(help="Name of a column of the file, and its field: NAME=FIELD. Can be repeated.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Load call ID, start, agent, queue, customer, direction, and labels of calls from a CSV file.

    They fill fields that names and metadata leave empty, in all views and without a new analysis. A call without a
    start moves to the day of its start. A later load of a call replaces an earlier one.
    """
    from callmood.cli.environment import open_warehouse, read_settings
    from callmood.services.details import move_calls, read_details

    pairs = [text.partition("=") for text in column or ()]
    if any(not name or not field for name, _, field in pairs):
        raise CallmoodError("--column has the form NAME=FIELD, such as --column uniqueid=call_id")
    settings = read_settings()
    rows = read_details(path, settings, {name: field for name, _, field in pairs})
    warehouse = open_warehouse(store, dataset)
    if rows:
        warehouse.append("call_details", rows)
    moved = move_calls(warehouse, settings.zone)
    if as_json:
        print_json([{"loaded": len(rows), "moved": moved}])
    else:
        out.print(f"{plural(len(rows), 'call')} loaded. {_moved(moved)}", highlight=False)


@details.command(epilog=example("callmood details apply --dataset acme.callmood"))
def apply(store: StoreOption = DEFAULT_STORE, dataset: DatasetOption = None, as_json: JsonOption = False) -> None:
    """Move calls without a start to the day of their start in the details.

    Run it after a load into BigQuery by other means, and each day if recordings arrive after their details.
    """
    from callmood.cli.environment import open_warehouse, read_settings
    from callmood.services.details import move_calls

    moved = move_calls(open_warehouse(store, dataset), read_settings().zone)
    if as_json:
        print_json([{"moved": moved}])
    else:
        out.print(_moved(moved), highlight=False)


def _moved(number: int) -> str:
    return f"{plural(number, 'call')} moved to the day of the start."
