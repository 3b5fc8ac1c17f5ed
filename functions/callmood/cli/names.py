"""The command `names`: show what a pattern reads from the names of recordings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from callmood.cli.options import JsonOption, example
from callmood.cli.output import err, print_rows

if TYPE_CHECKING:
    from callmood.config import AnalysisConfig
    from callmood.types import JsonRow

commands = typer.Typer()


@commands.command(
    epilog=example(
        "callmood names freepbx recordings/",
        "callmood names '(?P<call_id>[0-9]+)_(?P<started_at>[0-9]{14})' recordings/",
    )
)
def names(
    pattern: Annotated[str, typer.Argument(help="Value of NAME_FORMAT, or of FILENAME_PATTERN.", show_default=False)],
    paths: Annotated[list[Path], typer.Argument(help="Recordings, and folders of recordings.", show_default=False)],
    as_json: JsonOption = False,
) -> None:
    """Show what a pattern reads from the names of recordings, without an analysis.

    Exit code 1: a name has no call ID.
    """
    from callmood.cli.environment import read_settings
    from callmood.config import AnalysisConfig
    from callmood.names.formats import NAME_FORMATS
    from callmood.sources.folder import find_recordings

    chosen = {"name_format": pattern} if pattern in NAME_FORMATS else {"filename_pattern": pattern}
    config = _checked(AnalysisConfig, time_zone=read_settings().time_zone, **chosen)
    files = list(find_recordings(paths))
    rows = [_row(path, config) for path in files]
    print_rows(rows, as_json=as_json)
    report_names(files, config)
    raise typer.Exit(1 if any(row["call_id"] is None for row in rows) else 0)


def _checked(kind: type[AnalysisConfig], **values: str) -> AnalysisConfig:
    from pydantic import ValidationError

    from callmood.errors import SettingsError

    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise SettingsError("; ".join(str(cause["msg"]) for cause in error.errors())) from None


def _row(path: Path, config: AnalysisConfig) -> JsonRow:
    from callmood.sources.metadata import call_metadata

    call = call_metadata(path.as_posix(), {}, config)
    return {
        "name": path.name,
        "call_id": call.call_id,
        "started_at": call.started_at,
        "queue": call.queue,
        "agent_id": call.agent_id,
        "customer_id": call.customer_id,
        "direction": call.direction,
        "labels": ", ".join(f"{key}={value}" for key, value in call.labels.items()) or None,
    }


def report_names(paths: Sequence[Path], config: AnalysisConfig) -> None:
    """Print on standard error how many names have a call ID.

    Parameters
    ----------
    paths : sequence of Path
        Recordings.
    config : AnalysisConfig
        Pattern and time zone.
    """
    from callmood.sources.metadata import call_metadata

    calls = [call_metadata(path.absolute().as_posix(), {}, config) for path in paths]
    read = sum(call.call_id is not None for call in calls)
    message = f"{read} of {len(calls)} names have a call ID"
    if unread := sum("start_unread" in call.warnings for call in calls):
        message += f"; {unread} have a start time that cannot be read"
    hint = "" if read == len(calls) else " (see NAME_FORMAT and FILENAME_PATTERN in docs/settings.md)"
    err.print(f"{message}{hint}.", markup=False, highlight=False)
