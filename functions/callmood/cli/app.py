"""The command line `callmood`: assemble the commands, print the version, and report errors."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from rich.markup import escape
from typer.core import TyperGroup

from callmood import __version__
from callmood.cli import (
    analyze,
    bucket,
    calibrate,
    demo,
    details,
    digest,
    erase,
    monitor,
    names,
    operations,
    query,
    realtime,
    report,
)
from callmood.cli.output import err, out
from callmood.cli.tables import plain
from callmood.errors import CallmoodError


class ErrorReportingGroup(TyperGroup):
    """A command group that prints expected errors in one line; only a bug prints a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command; exit with code 2 on an error of callmood, the system, or a Google Cloud library."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # the reader of a pipe, such as `head`, has finished
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # no second error at exit
            raise typer.Exit(1) from None
        except Exception as error:
            message = _expected_message(error)
            if message is None:
                raise
            err.print(f"[red]error:[/red] {escape(plain(message))}", highlight=False)
            raise typer.Exit(2) from None


def _expected_message(error: Exception) -> str | None:
    """Return the message of an error that is not a bug, as one sentence."""
    if isinstance(error, CallmoodError) or _is_google_error(error):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        files = " to ".join(str(name) for name in (error.filename, error.filename2) if name is not None)
        reason = error.strerror[0].lower() + error.strerror[1:]
        return f"{files}: {reason}" if files else reason
    return None


def _is_google_error(error: Exception) -> bool:
    """Whether a Google Cloud library raised the error. Compare names: most commands never load these libraries."""
    return type(error).__module__.startswith(("google.auth.", "google.api_core."))


app = typer.Typer(
    cls=ErrorReportingGroup,
    name="callmood",
    help="Analyze the emotion of customers in call recordings, second by second.",
    epilog="Exit codes: 0 success. 1 a recording failed, or a check found a problem. "
    "2 invalid usage, or an error that stopped the command.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
_PANELS = {
    "Start": ("demo", "analyze", "watch", "calibrate", "names", "realtime"),
    "Results": ("report", "serve", "query", "export", "digest"),
    "Quality": ("failures", "retry-failures", "monitor", "import-labels"),
    "Personal data": ("erase",),
    "Google Cloud": ("doctor", "backfill", "looker-links", "cost", "capacity"),
}
"""dict of str to tuple of str: commands by heading of the help."""

for group in (
    demo,
    analyze,
    calibrate,
    names,
    details,
    query,
    report,
    digest,
    realtime,
    erase,
    monitor,
    bucket,
    operations,
):
    for command in group.commands.registered_commands:
        name = command.name or getattr(command.callback, "__name__", "").replace("_", "-")
        command.rich_help_panel = next((panel for panel, members in _PANELS.items() if name in members), "More")
    app.add_typer(group.commands)


def _print_version(requested: bool) -> None:
    if requested:
        out.print(f"callmood {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def _main(
    _version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version),
    ] = False,
) -> None:
    if isinstance(sys.stdout, TextIOWrapper):  # a file name can contain characters that the terminal cannot show
        sys.stdout.reconfigure(errors="backslashreplace")
