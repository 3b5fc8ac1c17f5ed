"""What a person wants to read in a terminal after recordings were analysed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from callmood.recording import EMOTIONS

if TYPE_CHECKING:
    from callmood.local import Outcome
    from callmood.rows import JsonRow
    from callmood.warehouse import Warehouse

COLOURS = {
    "anger": "red",
    "disgust": "dark_orange",
    "fear": "magenta",
    "happiness": "green",
    "neutral": "white",
    "sadness": "blue",
}
_NEGATIVE = ("anger", "disgust", "fear", "sadness")


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


def judged(segments: Sequence[JsonRow]) -> list[JsonRow]:
    """Segments on which a call's emotion rests: the customer's, else those of channels that hold both parties.

    Parameters
    ----------
    segments : sequence of dict
        Rows of `segments`.
    """
    heard = [segment for segment in segments if segment["p_anger"] is not None]
    return [s for s in heard if s["role"] == "customer"] or [s for s in heard if s["role"] == "mixed"]


def dominant_emotion(segments: Sequence[JsonRow]) -> tuple[str, float] | None:
    """The emotion with most of the speech time, each segment's time shared out by its probabilities.

    Parameters
    ----------
    segments : sequence of dict
        Rows of `segments` with probabilities.

    Returns
    -------
    tuple of (str, float) or None
        The emotion and its share, 0 to 1; None without segments.
    """
    seconds: Counter[str] = Counter()
    for segment in segments:
        for emotion in EMOTIONS:
            seconds[emotion] += (segment["end_s"] - segment["start_s"]) * segment[f"p_{emotion}"]
    if not seconds:
        return None
    emotion, most = seconds.most_common(1)[0]
    return emotion, most / seconds.total()


def worst_moment(segments: Sequence[JsonRow]) -> tuple[float, str, float] | None:
    """The segment with the most anger, disgust, fear and sadness together.

    Parameters
    ----------
    segments : sequence of dict
        Rows of `segments` with probabilities.

    Returns
    -------
    tuple of (float, str, float) or None
        Its start in seconds, the strongest of the four, and that one's probability; None without segments.
    """
    if not segments:
        return None
    worst = max(segments, key=lambda segment: sum(segment[f"p_{emotion}"] for emotion in _NEGATIVE))
    emotion = max(_NEGATIVE, key=lambda name: worst[f"p_{name}"])
    return worst["start_s"], emotion, worst[f"p_{emotion}"]


def _coloured(emotion: str, share: float) -> str:
    return f"[{COLOURS[emotion]}]{emotion}[/] {share:.0%}"


def _cells(name: str, row: JsonRow, segments: Sequence[JsonRow]) -> tuple[str, ...]:
    mood = judged(segments)
    dominant, worst = dominant_emotion(mood), worst_moment(mood)
    talk = [row.get(f"{role}_talk_s") for role in ("agent", "customer", "mixed")]
    return (
        escape(name),
        clock(row["duration_s"]),
        *("" if seconds is None else clock(seconds) for seconds in talk),
        _coloured(*dominant) if dominant else "",
        f"{clock(worst[0])} {_coloured(*worst[1:])}" if worst else "",
        escape(", ".join(row["warnings"])),
    )


def calls_of(warehouse: Warehouse, paths: Iterable[Path]) -> list[dict[str, Any]]:
    """Rows of `recordings` for local files that count, by start, each with its ``segments``.

    Parameters
    ----------
    warehouse : Warehouse
        Where they are.
    paths : iterable of Path
        The files.
    """
    uris = {"uris": [path.absolute().as_uri() for path in paths]}
    rows = warehouse.query("SELECT * FROM recordings_current WHERE uri IN UNNEST(@uris) ORDER BY started_at", uris)
    segments: dict[str, list[JsonRow]] = {row["analysis_id"]: [] for row in rows}
    for segment in warehouse.query("SELECT * FROM segments_current ORDER BY start_s"):
        if segment["analysis_id"] in segments:
            segments[segment["analysis_id"]].append(segment)
    return [{**row, "segments": segments[row["analysis_id"]]} for row in rows]


_COLUMNS = ("call", "length", "agent", "customer", "both", "sounds mostly", "worst moment", "odd")


def print_calls(outcomes: Sequence[Outcome], rows: Sequence[dict[str, Any]], console: Console) -> None:
    """Print the calls as a table, the failed ones with their reasons below it.

    Parameters
    ----------
    outcomes : sequence of Outcome
        What became of each file.
    rows : sequence of dict
        The `recordings` rows to show, each with its `segments`.
    console : rich.console.Console
        Where to.
    """
    cells = [_cells(row["call_id"] or Path(row["object"]).name, row, row["segments"]) for row in rows]
    shown = [i for i, column in enumerate(zip(*cells, strict=True)) if any(column)]
    table = Table(header_style="bold")
    for i in shown:
        table.add_column(_COLUMNS[i], justify="right" if 1 <= i <= 4 else "left", overflow="ellipsis", no_wrap=i < 7)
    for row in cells:
        table.add_row(*(row[i] for i in shown))
    if cells:
        console.print(table)
    for outcome in outcomes:
        if outcome.status == "failed" and outcome.row:
            console.print(describe(outcome), highlight=False)
    counts = Counter(outcome.status for outcome in outcomes)
    console.print(
        ", ".join(f"{counts[status]} {status}" for status in ("analysed", "skipped", "failed") if counts[status])
    )


def describe(outcome: Outcome) -> str:
    """One line, in rich's markup, on what became of a file.

    Parameters
    ----------
    outcome : Outcome
        Analysed or failed.
    """
    name = escape(outcome.path.name)
    if outcome.row is None:
        return f"{name}: skipped"
    if outcome.status == "failed":
        return f"{name}: [red]{outcome.row['code']}[/] {escape(outcome.row['message'])}"
    cells = _cells(outcome.path.name, outcome.row, outcome.segments)
    said = [f"{title} {cell}" for title, cell in zip(_COLUMNS[1:], cells[1:], strict=True) if cell]
    return f"{name}: {', '.join(said)}"
