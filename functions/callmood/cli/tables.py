"""Lay out rows for a terminal: as a table if it fits, otherwise one column per line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from rich.cells import cell_len

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

    from callmood.types import JsonRow

_GAP = 2  # spaces between columns
_MIN_PROSE = 30  # prose wraps; it stays legible down to this width
_MIN_NAME = 20  # the first column names the row, so it is shortened last
_MIN_IDENTIFIER = 12

_FIGURE = re.compile(r" \d|\d\S* ")  # a number with words, such as "0:45 anger 98%": illegible if it is shortened

_ANSI = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|[@-_])")


def plain(text: str) -> str:
    r"""Return text without terminal control sequences. Other control characters become escape sequences.

    Parameters
    ----------
    text : str
        Text from a recording, a store, or a library.

    Examples
    --------
    >>> plain("\x1b[31mred\x1b[0m\x07")
    'red\\x07'
    """
    text = _ANSI.sub("", text)
    return "".join(c if c in "\n\t" or c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def one_line(text: str) -> str:
    r"""Return text as `plain` does, on one line, so that a name cannot look like another line of output.

    Parameters
    ----------
    text : str
        The name of a file, a call, or a store.

    Examples
    --------
    >>> one_line("a\n1 analyzed.wav")
    'a\\n1 analyzed.wav'
    """
    return plain(text).replace("\n", "\\n").replace("\t", "\\t")


def format_cell(value: object) -> str:
    """Return the text of a value: floats with three digits, NULL as an empty text.

    Parameters
    ----------
    value : object
        A value of a row.

    Examples
    --------
    >>> format_cell(0.12345), format_cell(None), format_cell(1.0)
    ('0.123', '', '1')
    """
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    if isinstance(value, date | datetime):
        return value.isoformat()
    return plain(str(value))


def shorten(text: str, width: int) -> str:
    """Shorten a name in the middle: its start and its end distinguish it from others.

    Parameters
    ----------
    text : str
        One line.
    width : int
        Maximum number of terminal cells, at least 3.

    Examples
    --------
    >>> shorten("2026-11-03_call-1004_queue-billing.wav", 17)
    '2026-11-…ling.wav'
    """
    if cell_len(text) <= width:
        return text
    head, tail = text, text
    while cell_len(head) > width // 2:
        head = head[:-1]
    while cell_len(tail) > width - cell_len(head) - 1:
        tail = tail[1:]
    return f"{head}…{tail}"


def column_widths(cells: Sequence[Sequence[str]], width: int | None) -> list[int] | None:
    """Divide the width of a terminal among columns.

    Prose wraps, identifiers are shortened, and the first column, which names the row, yields last.

    Parameters
    ----------
    cells : sequence of sequence of str
        The header and all rows.
    width : int or None
        Width of the terminal; None: unlimited.

    Returns
    -------
    list of int or None
        Width of each column. None if the columns do not fit.
    """
    columns = list(zip(*cells, strict=True))
    natural = [max(map(_longest_line, column)) for column in columns]
    if width is None:
        return natural
    minimum = [_minimum(index, column, natural[index]) for index, column in enumerate(columns)]
    widths = list(natural)
    excess = sum(widths) + _GAP * (len(widths) - 1) - width
    # The first column is last; of the others, the longest is first.
    order = sorted(range(1, len(widths)), key=lambda index: -natural[index])
    for index in [*order, 0]:
        saved = max(0, min(excess, widths[index] - minimum[index]))
        widths[index] -= saved
        excess -= saved
    return None if excess > 0 else widths


def _minimum(index: int, column: Sequence[str], natural: int) -> int:
    if _is_prose(column[1:]):
        return min(natural, max(_MIN_PROSE, cell_len(column[0])))
    if index > 0 and any(_FIGURE.search(cell) for cell in column[1:]):
        return natural
    if any(character.isalpha() for cell in column[1:] for character in cell):
        return min(natural, max(_MIN_NAME if index == 0 else _MIN_IDENTIFIER, cell_len(column[0])))
    return natural  # a shortened number would be another number


def _longest_line(cell: str) -> int:
    return max(map(cell_len, cell.split("\n")))


def _is_prose(cells: Sequence[str]) -> bool:
    return any(cell_len(cell) > _MIN_PROSE and " " in cell for cell in cells)


def render_rows(
    rows: Sequence[JsonRow], width: int | None, title: str | None = None, colors: Mapping[str, str] | None = None
) -> RenderableType:
    """Lay out rows.

    Parameters
    ----------
    rows : sequence of dict
        At least one row; all rows have the same keys.
    width : int or None
        Width of the terminal; None: not a terminal, so that nothing is shortened.
    title : str, optional
        Above the rows.
    colors : mapping of str to str, optional
        Styles of words.

    Returns
    -------
    RenderableType
        A table, or records with one column per line if the table is wider than the terminal.
    """
    from rich.table import Table
    from rich.text import Text

    header = list(rows[0])
    cells = [[format_cell(value) for value in row.values()] for row in rows]
    widths = column_widths([header, *cells], width)
    if widths is None:
        return _render_records(header, cells, title)
    table = Table(
        title=title, title_justify="left", header_style="bold", box=None, padding=(0, _GAP, 0, 0), pad_edge=False
    )
    for name, value, column_width in zip(header, rows[0].values(), widths, strict=True):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        table.add_column(name, justify="right" if is_number else "left", width=column_width, overflow="fold")
    prose = [_is_prose(column) for column in zip(*cells, strict=True)]
    for row in cells:
        shortened = (
            cell if wraps else "\n".join(shorten(line, max(3, column_width)) for line in cell.split("\n"))
            for cell, column_width, wraps in zip(row, widths, prose, strict=True)
        )
        table.add_row(*(_colored(Text(cell), colors or {}) for cell in shortened))
    return table


def _colored(text: Text, colors: Mapping[str, str]) -> Text:
    for word, style in colors.items():
        text.highlight_words([word], style)
    return text


def _render_records(header: Sequence[str], cells: Sequence[Sequence[str]], title: str | None) -> RenderableType:
    from rich.text import Text

    margin = max(map(cell_len, header)) + _GAP
    text = Text()
    if title:
        text.append(f"{title}\n", "italic")
    for number, row in enumerate(cells, 1):
        text.append(f"{'' if number == 1 else chr(10)}row {number}\n", "bold")
        for name, cell in zip(header, row, strict=True):
            text.append(f"  {name.ljust(margin)}{cell}\n")
    text.rstrip()
    return text
