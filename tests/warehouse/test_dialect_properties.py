"""Properties of translated BigQuery SQL: for random values, DuckDB returns what BigQuery's documentation defines."""

import contextlib
import math
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from zetasql_warehouse import ZetaSQLWarehouse

from callmood.errors import QueryError
from callmood.warehouse.dialect import bind, render, to_duckdb

PROPERTY = settings(deadline=None, max_examples=60)

DATES = st.dates(date(1900, 1, 1), date(2100, 12, 31))
TIMESTAMPS = st.datetimes(datetime(1971, 1, 1), datetime(2100, 12, 31)).map(lambda t: t.replace(tzinfo=UTC))
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"])
INTEGERS = st.integers(-(2**40), 2**40)
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,12}", fullmatch=True)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=("Cs",)), max_size=20)

CONNECTION = duckdb.connect(":memory:")
CONNECTION.execute("SET TimeZone = 'UTC'")


def evaluate(expression):
    [value] = CONNECTION.execute(to_duckdb(f"SELECT {expression}")).fetchone()
    return value


def array(values):
    return f"UNNEST([{', '.join('NULL' if value is None else str(value) for value in values)}]) AS x"


def string(text):
    """Return a BigQuery string literal with each character as an escape sequence."""
    return "'" + "".join(f"\\U{ord(character):08x}" for character in text) + "'"


def monday_of(day):
    return day - timedelta(days=day.weekday())


@PROPERTY
@given(DATES, st.integers(-5000, 5000))
def test_date_arithmetic_returns_dates(day, days):
    for function, sign in (("DATE_ADD", 1), ("DATE_SUB", -1)):
        value = evaluate(f"{function}(DATE '{day}', INTERVAL {days} DAY)")
        assert value == day + timedelta(days=sign * days)
        assert type(value) is date
    other = day + timedelta(days=days)
    assert evaluate(f"DATE_DIFF(DATE '{other}', DATE '{day}', DAY)") == days


@PROPERTY
@given(DATES)
def test_date_trunc_returns_the_first_day_of_the_period(day):
    periods = {
        "WEEK(MONDAY)": monday_of(day),
        "WEEK": monday_of(day + timedelta(days=1)) - timedelta(days=1),
        "MONTH": day.replace(day=1),
        "QUARTER": day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1),
        "YEAR": day.replace(month=1, day=1),
    }
    for period, first in periods.items():
        value = evaluate(f"DATE_TRUNC(DATE '{day}', {period})")
        assert value == first, period
        assert type(value) is date


TIME_UNITS = ["MICROSECOND", "MILLISECOND", "SECOND", "MINUTE", "HOUR"]
WEEKDAYS = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]
WEEKS = [f"WEEK({day})" for day in WEEKDAYS]
DATE_UNITS = ["DAY", "WEEK", *WEEKS, "ISOWEEK", "MONTH", "QUARTER", "YEAR", "ISOYEAR"]


def literals(at):
    """Return a time as a TIMESTAMP, a DATETIME, and a DATE."""
    return f"TIMESTAMP '{at:%F %T.%f}+00'", f"DATETIME '{at:%F %T.%f}'", f"DATE '{at:%F}'"


@pytest.fixture(scope="module")
def zetasql():
    return ZetaSQLWarehouse("UTC", 5)


@settings(deadline=None, max_examples=2)
@given(TIMESTAMPS, TIMESTAMPS | st.timedeltas(timedelta(-3), timedelta(3)), ZONES, st.floats(-1e15, 1e15), INTEGERS)
@example(datetime(2026, 10, 25, 1, 40, tzinfo=UTC), timedelta(hours=1), "Europe/Berlin", 0.49999999999999994, -5)
def test_times_and_integers_are_those_of_bigquery(zetasql, at, other, zone, number, halves):
    stamp, local, day = literals(at)
    other_stamp, other_local, other_day = literals(at + other if isinstance(other, timedelta) else other)
    expressions = [f"UNIX_SECONDS({stamp})", *(f"CAST({x!r} AS INT64)" for x in (number, halves / 2))]
    for unit in (*TIME_UNITS, "DAY"):
        expressions += [f"{function}_DIFF({stamp}, {other_stamp}, {unit})" for function in ("TIMESTAMP", "DATE")]
    for unit in DATE_UNITS:
        expressions += [f"DATE_TRUNC({day}, {unit})", f"DATE_DIFF({day}, {other_day}, {unit})"]
    for unit in (*TIME_UNITS, *DATE_UNITS):
        expressions += [
            f"DATETIME_DIFF({local}, {other_local}, {unit})",
            f"TIMESTAMP(DATETIME_TRUNC({local}, {unit}))",
            f"DATE_TRUNC({stamp}, {unit})",
            f"TIMESTAMP_TRUNC({stamp}, {unit}, '{zone}')",
        ]
    sql = "SELECT " + ", ".join(f"{expression} AS x{index}" for index, expression in enumerate(expressions))
    values = CONNECTION.execute(to_duckdb(sql)).fetchone()
    [expected] = zetasql.query(sql)
    assert dict(zip(expressions, values, strict=True)) == dict(zip(expressions, expected.values(), strict=True))


@PROPERTY
@given(DATES)
def test_extract_counts_weekdays_from_sunday_and_weeks_by_iso(day):
    assert evaluate(f"EXTRACT(DAYOFWEEK FROM DATE '{day}')") == day.isoweekday() % 7 + 1
    assert evaluate(f"EXTRACT(ISOWEEK FROM DATE '{day}')") == day.isocalendar().week


@PROPERTY
@given(TIMESTAMPS, ZONES)
def test_timestamps_are_converted_to_the_time_zone(at, zone):
    local = at.astimezone(ZoneInfo(zone))
    literal = f"TIMESTAMP '{at:%Y-%m-%d %H:%M:%S}+00'"
    assert evaluate(f"DATE({literal}, '{zone}')") == local.date()
    assert evaluate(f"EXTRACT(HOUR FROM {literal} AT TIME ZONE '{zone}')") == local.hour
    assert evaluate(f"FORMAT_TIMESTAMP('%Y-%m-%d %H:%M', {literal}, '{zone}')") == f"{local:%Y-%m-%d %H:%M}"


@PROPERTY
@given(st.lists(st.none() | INTEGERS, min_size=1))
def test_countif_and_sums_ignore_null(values):
    known = [value for value in values if value is not None]
    assert evaluate(f"COUNTIF(x > 0) FROM {array(values)}") == sum(value > 0 for value in known)
    assert evaluate(f"SUM(x) FROM {array(values)}") == (sum(known) if known else None)
    assert evaluate(f"LOGICAL_AND(x > 0) FROM {array(values)}") == (all(v > 0 for v in known) if known else None)


@PROPERTY
@given(st.lists(INTEGERS, min_size=1, max_size=30), st.integers(1, 10))
def test_array_agg_with_limit_keeps_the_first_values(values, limit):
    expression = f"ARRAY_AGG(x ORDER BY x DESC LIMIT {limit}) FROM {array(values)}"
    assert evaluate(expression) == sorted(values, reverse=True)[:limit]


@PROPERTY
@given(st.lists(INTEGERS, min_size=1, max_size=30), st.integers(1, 100))
def test_approx_quantiles_are_values_in_ascending_order(values, count):
    quantiles = evaluate(f"APPROX_QUANTILES(x, {count}) FROM {array(values)}")
    assert len(quantiles) == count + 1
    assert quantiles == sorted(quantiles)
    assert (quantiles[0], quantiles[-1]) == (min(values), max(values))
    assert set(quantiles) <= set(values)


@PROPERTY
@given(INTEGERS, INTEGERS)
def test_division_returns_floats(a, b):
    assert evaluate(f"SAFE_DIVIDE({a}, {b})") == (None if b == 0 else pytest.approx(a / b))
    if b:
        assert evaluate(f"{a} / {b}") == pytest.approx(a / b)
        assert type(evaluate(f"{a} / {b}")) is float


@PROPERTY
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_decimal_literals_are_double_precision(number):
    value = evaluate(repr(number))
    assert type(value) is float
    assert value == number
    assert math.copysign(1, value) == math.copysign(1, number) or number == 0


@PROPERTY
@given(TEXT)
def test_string_literals_keep_every_character(text):
    assert evaluate(string(text)) == text


@PROPERTY
@given(TEXT, st.floats(-1e6, 1e6), INTEGERS)
def test_format_replaces_its_arguments(text, number, count):
    assert evaluate(f"FORMAT('%s: %d, %.2f', {string(text)}, {count}, {number!r})") == f"{text}: {count}, {number:.2f}"


@PROPERTY
@given(NAMES, NAMES, NAMES)
def test_dataset_is_removed_from_every_form_of_a_table_name(project, dataset, table):
    for name in (f"`{dataset}.{table}`", f"`{project}.{dataset}.{table}`", f"`{project}`.`{dataset}`.`{table}`"):
        assert to_duckdb(f"SELECT 1 FROM {name}", dataset) == to_duckdb(f"SELECT 1 FROM `{table}`")
    assert to_duckdb(f"SELECT 1 FROM `${{dataset}}.{table}`", f"{project}.{dataset}") == to_duckdb(
        f"SELECT 1 FROM `{table}`"
    )


@PROPERTY
@given(TEXT.filter(lambda text: "${" not in text), NAMES, st.integers(0, 1000))
def test_rendering_replaces_variables_only(text, dataset, least):
    template = f"{text}${{dataset}}{text}${{min_calls_per_group}}{text}"
    assert render(template, dataset=dataset, min_calls_per_group=least) == f"{text}{dataset}{text}{least}{text}"
    assert render(text, dataset=dataset) == text


@PROPERTY
@given(NAMES.filter(lambda name: name not in ("dataset", "time_zone", "min_calls_per_group")))
def test_rendering_rejects_unknown_variables(name):
    with pytest.raises(QueryError, match="unknown variable"):
        render(f"SELECT ${{{name}}}", dataset="d")


@PROPERTY
@given(TEXT)
def test_any_text_is_translated_or_rejected_as_a_query_error(text):
    with contextlib.suppress(QueryError):
        assert isinstance(to_duckdb(text), str)


VALUES = (
    TEXT | INTEGERS | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.none() | DATES | TIMESTAMPS
)


@PROPERTY
@given(VALUES | st.lists(TEXT, max_size=3))
def test_bound_value_is_the_value_of_the_query(value):
    sql = bind('SELECT $value, \'$value\', "$value" FROM (SELECT 1 AS "$value") /* it\'s $value */', {"value": value})
    assert CONNECTION.execute(sql).fetchall() == [(value, "$value", 1)]


def test_query_without_the_value_of_a_parameter_is_an_error():
    with pytest.raises(QueryError, match="@day"):
        bind("SELECT $day", {"days": 1})
    with pytest.raises(QueryError, match="NUL"):
        bind("SELECT $name", {"name": "a\0b"})
