"""Command that shows the product: `demo`."""

from __future__ import annotations

import os
import webbrowser
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from callmood.cli.analyze import analyze
from callmood.cli.options import StoreOption, example
from callmood.cli.output import err
from callmood.cli.report import report

commands = typer.Typer()

_QUERY = "SELECT start_s, emotion, confidence FROM segments_current WHERE role != 'agent' ORDER BY p_anger DESC LIMIT 5"


@commands.command(epilog=example("callmood demo", "callmood demo recordings/ --open"))
def demo(
    folder: Annotated[
        Path | None, typer.Argument(help="Recordings.", show_default="synthetic example calls", exists=True)
    ] = None,
    store: StoreOption = Path("demo.duckdb"),
    out: Annotated[Path, typer.Option(help="Output folder of the report.", file_okay=False)] = Path("report"),
    open_report: Annotated[bool, typer.Option("--open", help="Open the report in a browser.")] = False,
) -> None:
    """Analyze recordings, build the report, and suggest a query.

    Exit code 1: a recording failed.
    """
    from callmood.resources import EXAMPLES

    failed = 0
    try:
        analyze([folder or EXAMPLES], store=store, workers=os.cpu_count() or 1)
    except typer.Exit as done:
        failed = done.exit_code
    err.print(
        f"\nThe rows are in {escape(str(store))}. Query them in BigQuery SQL:\n"
        f'  callmood query "{_QUERY}" --store {escape(str(store))}\n',
        highlight=False,
        soft_wrap=True,
    )
    report(out, store=store)
    if open_report:
        page = (out / "index.html").absolute().as_uri()
        if not webbrowser.open(page):
            err.print(f"No browser found. Open {escape(page)}", highlight=False)
    raise typer.Exit(failed)
