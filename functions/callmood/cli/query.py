"""Commands that read the local store: `query`, `export`, and `failures`."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from callmood.cli.environment import open_store
from callmood.cli.options import DEFAULT_STORE, JsonOption, StoreOption, example
from callmood.cli.output import err, out, plural, print_rows
from callmood.cli.tables import plain
from callmood.errors import CallmoodError, QueryError
from callmood.warehouse.formulas import formula_as_text

if TYPE_CHECKING:
    from pandas import DataFrame

commands = typer.Typer()


SpreadsheetOption = Annotated[
    bool,
    typer.Option(
        "--spreadsheet",
        help="Put an apostrophe before CSV text that a spreadsheet would execute: text that begins with =, +, -, or @.",
    ),
]


class QueryFormat(StrEnum):
    """Output format of `query`."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


class FileFormat(StrEnum):
    """File format of `export`."""

    CSV = "csv"
    PARQUET = "parquet"


@commands.command(
    epilog=example('callmood query "SELECT emotion, COUNT(*) AS n FROM segments_current GROUP BY emotion"')
)
def query(
    sql: Annotated[str, typer.Argument(help="One statement in BigQuery SQL.", show_default=False)],
    store: StoreOption = DEFAULT_STORE,
    fmt: Annotated[QueryFormat, typer.Option("--format", help="Output format.")] = QueryFormat.TABLE,
    as_json: JsonOption = False,
    spreadsheet: SpreadsheetOption = False,
) -> None:
    """Query the local store in BigQuery SQL. Tables and views have the same names as in BigQuery.

    If ZetaSQL is installed (`pip install 'callmood[bigquery-check]'`), report SQL that BigQuery rejects.
    """
    local_store = open_store(store)
    if fmt is QueryFormat.CSV and not as_json:
        _print_csv(local_store.query_dataframe(sql), spreadsheet)
    else:
        print_rows(local_store.query(sql), as_json=as_json or fmt is QueryFormat.JSON, all_rows="--format csv")
    _report_rejection(sql)


def _print_csv(rows: DataFrame, spreadsheet: bool) -> None:
    """Print rows as CSV. A terminal shows control characters as escape sequences; a file or a pipe receives them."""
    text = (rows.map(formula_as_text) if spreadsheet else rows).to_csv(index=False)
    sys.stdout.write(plain(text) if sys.stdout.isatty() else text)


def _report_rejection(sql: str) -> None:
    """Print BigQuery's message on standard error if it rejects a statement that the local store accepts."""
    from callmood.warehouse.bigquery_check import BigQueryAnalyzer, is_installed

    if not is_installed():
        return
    try:
        with err.status("Checking the query with ZetaSQL; the first time takes about 20 seconds"):
            BigQueryAnalyzer().output_columns(sql)
    except QueryError as error:
        err.print(f"BigQuery rejects this query: {error}", markup=False, highlight=False)


@commands.command(
    epilog=example("callmood export calls calls.csv", "callmood export worst_moments out --format parquet")
)
def export(
    view: Annotated[str, typer.Argument(help="View or table, such as calls.", show_default=False)],
    path: Annotated[Path, typer.Argument(metavar="OUT", help="Output file.", dir_okay=False, show_default=False)],
    fmt: Annotated[
        FileFormat | None,
        typer.Option("--format", help="File format. Default: the extension of OUT.", show_default=False),
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    spreadsheet: SpreadsheetOption = False,
) -> None:
    """Write all rows of a view or table to a CSV or Parquet file. Replace an existing file."""
    extension = path.suffix[1:].lower()
    if fmt is None and extension not in list(FileFormat):
        raise CallmoodError(f"unknown file format of {path}; set --format csv or --format parquet")
    count = open_store(store).export(view, path, (fmt or FileFormat(extension)).value, formulas_as_text=spreadsheet)
    err.print(f"{plural(count, 'row')} written to {escape(str(path))}", highlight=False)


@commands.command(epilog=example("callmood failures --json"))
def failures(store: StoreOption = DEFAULT_STORE, as_json: JsonOption = False) -> None:
    """List the recordings that could not be analyzed, with the reason for each."""
    rows = open_store(store).query("SELECT failed_at, code, message, uri FROM failures_current ORDER BY failed_at DESC")
    if rows or as_json:
        print_rows(rows, as_json=as_json, all_rows="--json")
    else:
        out.print("No failures.")
