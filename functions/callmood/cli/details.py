"""The command `details load`: add details of calls from the telephone system."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from callmood.cli.options import DEFAULT_STORE, JsonOption, StoreOption, example
from callmood.cli.output import out, print_json
from callmood.errors import CallmoodError

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
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="Load into this BigQuery dataset instead of the store.")
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option(help="Name of a column of the file, and its field: NAME=FIELD. Can be repeated.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Load call ID, start, agent, queue, customer, direction, and labels of calls from a CSV file.

    They fill fields that names and metadata leave empty, in all views and without a new analysis. A later load of a
    call replaces an earlier one.
    """
    from callmood.cli.environment import open_warehouse, read_settings
    from callmood.services.details import read_details

    pairs = [text.partition("=") for text in column or ()]
    if any(not name or not field for name, _, field in pairs):
        raise CallmoodError("--column has the form NAME=FIELD, such as --column uniqueid=call_id")
    rows = read_details(path, read_settings(), {name: field for name, _, field in pairs})
    warehouse = open_warehouse(store, dataset)
    if rows:
        warehouse.append("call_details", rows)
    if as_json:
        print_json([{"loaded": len(rows)}])
    else:
        out.print(f"{len(rows):,} calls loaded.", highlight=False)
