"""Terminal output of the commands: tables, JSON lines, progress bars, and the summary of analyzed calls."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from rich.console import Console
from rich.markup import escape

from callmood.cli.tables import column_widths, one_line, plain, render_rows
from callmood.types import EMOTIONS

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.progress import Progress, Task
    from rich.text import Text

    from callmood.services.batch import FileResult
    from callmood.types import JsonRow


class SafeConsole(Console):
    """A console that shows control and bidirectional characters of names and messages as escape sequences."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Convert a string with markup to text."""
        return super().render_str(plain(text), **options)


# Without soft wrapping, a narrow terminal would split log lines and file paths, so that search and copy fail.
out = SafeConsole(soft_wrap=True)
err = SafeConsole(stderr=True, soft_wrap=True)

_COLORS = {
    "anger": "red",
    "disgust": "dark_orange",
    "fear": "magenta",
    "happiness": "green",
    "neutral": "default",
    "sadness": "blue",
    "uncertain": "bright_black",
}
_NOT_ASCII = re.compile(r"[^\x20-\x7e]")
_COLUMNS = ("call", "duration", "agent", "customer", "unknown", "main emotion", "worst moment", "warnings")
_LEAST_IMPORTANT = ("warnings", "agent", "unknown", "customer", "duration", "main emotion", "worst moment")
_MAX_CALLS = 40
_MAX_ROWS = 100
_UNLIMITED = 1_000_000
_ALL_CALLS = 'callmood query "SELECT * FROM calls" --format csv'

# A less negative peak is only the least neutral of neutral segments.
_MIN_PEAK_PROBABILITY = 0.25


def print_json(rows: Iterable[object]) -> None:
    """Print one JSON object per line.

    Parameters
    ----------
    rows : iterable of object
        Dates and times become ISO 8601 strings.
    """
    for row in rows:
        text = json.dumps(row, default=_jsonable, ensure_ascii=False)
        print(_NOT_ASCII.sub(_json_escape, text), flush=True)  # a pipe reads each line at once


def print_table(rows: Sequence[JsonRow], title: str | None = None, all_rows: str | None = None) -> None:
    """Print rows as a table, or one column per line if the table is wider than the terminal.

    Parameters
    ----------
    rows : sequence of dict
        Rows with the same keys.
    title : str, optional
        Printed above the table.
    all_rows : str, optional
        Option that prints all rows. If set, a terminal shows only the first 100 rows.
    """
    if not rows:
        out.print("no rows")
        return
    shown = rows[:_MAX_ROWS] if out.is_terminal and all_rows else rows
    width = out.width if out.is_terminal else None
    _print_layout(render_rows(shown, width, title))
    if len(shown) < len(rows):
        err.print(f"{len(shown)} of {len(rows):,} rows. To get all rows, add: {all_rows}", highlight=False)


def _print_layout(layout: RenderableType) -> None:
    # Without a terminal, rich would wrap at 80 columns.
    console = out if out.is_terminal else SafeConsole(soft_wrap=True, width=_UNLIMITED)
    console.print(layout, highlight=False)


def print_rows(
    rows: Sequence[JsonRow], *, as_json: bool, title: str | None = None, all_rows: str | None = None
) -> None:
    """Print rows as JSON lines or as a table.

    Parameters
    ----------
    rows : sequence of dict
        Rows with the same keys.
    as_json : bool
        The option `--json`.
    title, all_rows : str, optional
        As in `print_table`.
    """
    if as_json:
        print_json(rows)
    else:
        print_table(rows, title, all_rows)


def _json_escape(match: re.Match[str]) -> str:
    """Return a control or bidirectional character as JSON escapes it, which means the same to a program."""
    return match[0] if match[0].isprintable() else json.dumps(match[0])[1:-1]


def _jsonable(value: object) -> object:
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


class ProgressBar:
    """A progress bar on standard error, if it is a terminal: number, total, speed, and remaining time.

    Parameters
    ----------
    bar : rich.progress.Progress
        The display.
    description : str
        Printed before the bar.
    total : int or None
        Number of steps; None until it is known.
    """

    def __init__(self, bar: Progress, description: str, total: int | None) -> None:
        self._bar = bar
        self._task = bar.add_task(description, total=total)

    def __call__(self) -> None:
        """Advance by one step."""
        self._bar.advance(self._task)

    def update(self, done: int, total: int) -> None:
        """Set the number of completed steps and of all steps."""
        self._bar.update(self._task, completed=done, total=total)


@contextmanager
def progress_bar(total: int | None, description: str) -> Iterator[ProgressBar]:
    """Show a progress bar on standard error if it is a terminal.

    Parameters
    ----------
    total : int or None
        Number of steps; None until it is known.
    description : str
        Printed before the bar.

    Yields
    ------
    ProgressBar
        Call it after each step.
    """
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class SpeedColumn(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:,.{0 if speed >= 10 else 1}f}/s")

    class CountColumn(MofNCompleteColumn):
        def render(self, task: Task) -> Text:
            return Text() if task.total is None else super().render(task)

    columns = (TextColumn("{task.description}"), BarColumn(), CountColumn(), SpeedColumn())
    times = (TimeElapsedColumn(), TextColumn("remaining"), TimeRemainingColumn())
    with Progress(*columns, *times, console=err, transient=True, disable=not err.is_terminal) as bar:
        yield ProgressBar(bar, description, total)


def plural(number: int, noun: str) -> str:
    """Return a number with its noun.

    Parameters
    ----------
    number : int
        Printed with thousands separators.
    noun : str
        Singular; the plural adds an s.

    Examples
    --------
    >>> plural(1, "call"), plural(1200, "call")
    ('1 call', '1,200 calls')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def clock(seconds: float) -> str:
    """Format a duration as minutes and seconds, such as ``3:07``.

    Parameters
    ----------
    seconds : float
        Not negative.

    Examples
    --------
    >>> clock(187.6)
    '3:07'
    """
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def result_json(result: FileResult) -> JsonRow:
    """Return the JSON object of one analyzed file.

    Parameters
    ----------
    result : FileResult
        Any status.
    """
    return {"path": str(result.path), "status": result.status, **(result.row or {})}


def print_summary(results: Sequence[FileResult], calls: Sequence[JsonRow]) -> None:
    """Print the calls as a table, then the calls to review, the failed files, and the number of files by status.

    Parameters
    ----------
    results : sequence of FileResult
        One per file.
    calls : sequence of dict
        Rows of the `calls` view.
    """
    width = out.width if out.is_terminal else None
    rows = [dict(zip(_COLUMNS, _cells(call), strict=True)) for call in calls[:_MAX_CALLS]]
    if rows:
        used = [name for name in _COLUMNS if any(row[name] for row in rows)]
        # On a narrow terminal, the name of the call is worth more than the last columns.
        while len(used) > 1 and column_widths([used, *([row[name] for name in used] for row in rows)], width) is None:
            used.remove(next(name for name in _LEAST_IMPORTANT if name in used))
        table = render_rows([{name: row[name] for name in used} for row in rows], width, colors=_COLORS)
        _print_layout(table)
    for call in calls[:_MAX_CALLS]:
        if call["needs_attention"]:
            out.print(f"Review {escape(_name(call))}: {escape(call['attention_reason'])}", highlight=False)
    if len(calls) > _MAX_CALLS:
        out.print(f"… and {plural(len(calls) - _MAX_CALLS, 'more call')}. To list all calls: {_ALL_CALLS}")
    for result in results:
        if result.status == "failed" and result.row:
            out.print(_failure(result.path.name, result.row))
    counts = Counter(result.status for result in results)
    out.print(
        ", ".join(
            f"{counts[status]} {status}" for status in ("analyzed", "joined", "skipped", "failed") if counts[status]
        )
    )


def describe(result: FileResult, call: JsonRow | None) -> str:
    """Return one line about a file, in rich markup.

    Parameters
    ----------
    result : FileResult
        Analyzed or failed.
    call : dict or None
        Row of the `calls` view; None for a failed file or a duplicate of another recording.
    """
    name = escape(one_line(result.path.name))
    if result.status == "failed" and result.row:
        return _failure(result.path.name, result.row)
    if call is None:
        return f"{name}: duplicate of a recording that is already in the store"
    cells = zip(_COLUMNS[1:], _cells(call)[1:], strict=True)
    return f"{name}: {', '.join(f'{column} {escape(cell)}' for column, cell in cells if cell)}"


def _failure(name: str, row: JsonRow) -> str:
    return f"{escape(one_line(name))}: [red]{row['code']}[/] {escape(plain(row['message']))}"


def _cells(call: JsonRow) -> tuple[str, ...]:
    peak = call["peak_emotion"] if (call["peak_probability"] or 0) >= _MIN_PEAK_PROBABILITY else None
    unknown_s = [call[f"{role}_talk_s"] for role in ("mixed", "unknown") if call[f"{role}_talk_s"] is not None]
    talk_s = [call["agent_talk_s"], call["customer_talk_s"], sum(unknown_s) if sum(unknown_s) >= 1 else None]
    return (
        _name(call),
        clock(call["duration_s"]),
        *("" if seconds is None else clock(seconds) for seconds in talk_s),
        _main_emotion(call),
        f"{clock(call['peak_start_s'])} {_share(peak, call['peak_probability'])}" if peak else "",
        call["warnings"] or "",
    )


def _name(call: JsonRow) -> str:
    name = call["call_id"] or unquote(call["uri"].rpartition("/")[2])
    return one_line(name)


def _main_emotion(call: JsonRow) -> str:
    shares = {name: call[f"{name}_share"] or 0.0 for name in (*EMOTIONS, "uncertain")}
    emotion = max(shares, key=shares.__getitem__)
    return _share(emotion, shares[emotion]) if shares[emotion] else ""


def _share(emotion: str, share: float) -> str:
    return f"{emotion} {share:.0%}"
