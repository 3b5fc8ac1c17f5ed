"""What a person wants to read in a terminal after recordings were analyzed: the `calls` view in a few columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from callmood.types import EMOTIONS

if TYPE_CHECKING:
    from callmood.services.batch import Outcome
    from callmood.types import JsonRow
    from callmood.warehouse.base import Warehouse

_COLORS = {
    "anger": "red",
    "disgust": "dark_orange",
    "fear": "magenta",
    "happiness": "green",
    "neutral": "default",
    "sadness": "blue",
    "uncertain": "bright_black",
}
_COLUMNS = ("call", "length", "agent", "customer", "both", "sounds mostly", "worst moment", "odd")
_AT_MOST = 40

# Below this a call has no worst moment worth hearing: the least neutral of neutral segments.
_WORTH_HEARING = 0.25


def clock(seconds: float) -> str:
    """Minutes and seconds, as in ``3:07``.

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


def calls_of(warehouse: Warehouse, paths: Iterable[Path]) -> list[JsonRow]:
    """Rows of the `calls` view for local files, the ones that need attention first.

    Parameters
    ----------
    warehouse : Warehouse
        Where they are.
    paths : iterable of Path
        The files.
    """
    uris = [path.absolute().as_uri() for path in paths]
    sql = "SELECT * FROM calls WHERE uri IN UNNEST(@uris) ORDER BY needs_attention DESC, negativity DESC, started_at"
    return warehouse.query(sql, {"uris": uris})


def _share(emotion: str, share: float) -> str:
    return f"[{_COLORS[emotion]}]{emotion}[/] {share:.0%}"


def _mostly(call: JsonRow) -> str:
    shares = {name: call[f"{name}_share"] or 0.0 for name in (*EMOTIONS, "uncertain")}
    most = max(shares, key=shares.__getitem__)
    return _share(most, shares[most]) if shares[most] else ""


def _name(call: JsonRow) -> str:
    name = call["call_id"] or unquote(call["uri"].rpartition("/")[2])
    return escape(name if len(name) <= 30 else f"{name[:29]}…")


def _cells(call: JsonRow) -> tuple[str, ...]:
    peak = call["peak_emotion"] if (call["peak_probability"] or 0) >= _WORTH_HEARING else None
    return (
        _name(call),
        clock(call["duration_s"]),
        *(
            "" if call[f"{who}_talk_s"] is None else clock(call[f"{who}_talk_s"])
            for who in ("agent", "customer", "mixed")
        ),
        _mostly(call),
        f"{clock(call['peak_start_s'])} {_share(peak, call['peak_probability'])}" if peak else "",
        escape(call["warnings"] or ""),
    )


def print_calls(outcomes: Sequence[Outcome], calls: Sequence[JsonRow], console: Console) -> None:
    """Print the calls as a table, the failed files with their reasons below it.

    Parameters
    ----------
    outcomes : sequence of Outcome
        What became of each file.
    calls : sequence of dict
        Rows of the `calls` view.
    console : rich.console.Console
        Where to.
    """
    cells = [_cells(call) for call in calls[:_AT_MOST]]
    if cells:
        shown = [i for i, column in enumerate(zip(*cells, strict=True)) if any(column)]
        table = Table(header_style="bold")
        for i in shown:
            # What is said in words may take several lines; a figure must stay whole.
            table.add_column(_COLUMNS[i], justify="right" if 1 <= i <= 4 else "left", no_wrap=1 <= i <= 6)
        for row in cells:
            table.add_row(*(row[i] for i in shown))
        console.print(table)
    for call in calls[:_AT_MOST]:
        if call["needs_attention"]:
            console.print(f"Hear {_name(call)}: {escape(call['attention_reason'])}", highlight=False)
    if len(calls) > _AT_MOST:
        console.print(f"… and {len(calls) - _AT_MOST} more")
    for outcome in outcomes:
        if outcome.status == "failed" and outcome.row:
            console.print(
                f"{escape(outcome.path.name)}: [red]{outcome.row['code']}[/] {escape(outcome.row['message'])}"
            )
    counts = Counter(outcome.status for outcome in outcomes)
    console.print(", ".join(f"{counts[word]} {word}" for word in ("analyzed", "skipped", "failed") if counts[word]))


def describe(outcome: Outcome, calls: Sequence[JsonRow]) -> str:
    """One line, in rich's markup, on what became of a file.

    Parameters
    ----------
    outcome : Outcome
        Analyzed or failed.
    calls : sequence of dict
        Its row of the `calls` view; none for a failed file.
    """
    name = escape(outcome.path.name)
    if outcome.row and outcome.status == "failed":
        return f"{name}: [red]{outcome.row['code']}[/] {escape(outcome.row['message'])}"
    said = [
        f"{title} {cell}" for call in calls for title, cell in zip(_COLUMNS[1:], _cells(call)[1:], strict=True) if cell
    ]
    return f"{name}: {', '.join(said) or 'a copy of a call that is already there'}"
