"""Layout of rows on terminals of any width, and text that cannot control the terminal."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from callmood.cli.tables import column_widths, format_cell, plain, render_rows, shorten


def printed(rows, width, **options):
    console = Console(file=io.StringIO(), width=width or 1000, soft_wrap=True)
    console.print(render_rows(rows, width, **options), highlight=False)
    return console.file.getvalue()


NAME = "2026-11-03T16-22-10Z_call-1004_queue-billing_agent-a17_customer-c560.wav"


def test_long_name_is_shortened_in_the_middle_and_numbers_are_complete():
    text = printed([{"call": NAME, "duration_s": 123456.789, "queue": "billing"}], 60)
    row = text.splitlines()[1]
    assert row.startswith("2026-11-03T16-2")
    assert "customer-c560.wav" in row
    assert "123456.789" in row
    assert "billing" in row
    assert max(map(cell_len, text.splitlines())) <= 60


def test_first_column_is_shortened_last():
    text = printed([{"call": "a" * 30, "uri": "file:///" + "b" * 60, "n": 1}], 60)
    assert "a" * 30 in text
    assert "file:///" in text
    assert "…" in text


def test_name_is_shortened_before_a_figure_with_words():
    cells = [["call", "duration", "worst moment"], ["c" * 40, "1:04", "12:45 happiness 98%"]]
    assert column_widths(cells, 60) == [29, 8, 19]


def test_prose_wraps_and_is_not_shortened():
    prose = "the customer was more negative at the end than at the start of this call"
    text = printed([{"call": "1001", "reason": prose}], 50)
    assert "…" not in text
    assert " ".join(text.split()) == f"call reason 1001 {prose}"


def test_rows_wider_than_the_terminal_are_printed_with_one_column_per_line():
    rows = [{f"column_{i}": 1000.5 + i for i in range(30)}, {f"column_{i}": None for i in range(30)}]
    lines = printed(rows, 80).splitlines()
    assert lines[:3] == ["row 1", "  column_0   1000.5", "  column_1   1001.5"]
    assert lines[32] == "row 2"
    assert len(lines) == 63


def test_nothing_is_shortened_without_a_terminal():
    assert NAME * 5 in printed([{"name": NAME * 5, **{f"c{i}": i for i in range(50)}}], None)


@given(st.text(max_size=60), st.integers(3, 40))
def test_shortened_text_fits(text, width):
    short = shorten(text, width)
    assert cell_len(short) <= max(width, 0)
    if cell_len(text) <= width:
        assert short == text


@given(
    st.lists(st.lists(st.text(max_size=50), min_size=3, max_size=3), min_size=2, max_size=4),
    st.integers(20, 120),
)
def test_columns_fit_the_terminal(cells, width):
    cells = [[format_cell(cell) for cell in row] for row in cells]
    widths = column_widths(cells, width)
    assert widths is None or sum(widths) + 4 <= width


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[4mSELECT\x1b[0m", "SELECT"),
        ("\x1b]0;title\x07x", "x"),
        ("a\x00\x08b", "a\\x00\\x08b"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("Bücher, 通話", "Bücher, 通話"),
    ],
)
def test_text_cannot_control_the_terminal(text, expected):
    assert plain(text) == expected
