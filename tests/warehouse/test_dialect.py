"""Translated BigQuery SQL: DuckDB returns the values that BigQuery returns."""

from datetime import UTC, date, datetime

import duckdb
import pytest

from callmood.errors import QueryError
from callmood.warehouse.dialect import render, to_duckdb, view_templates


@pytest.fixture
def store():
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


# The expected values follow BigQuery's documentation.
VALUES = {
    "COUNTIF(x > 1) FROM UNNEST([1, 2, 3]) AS x": 2,
    "COUNTIF(x) FROM UNNEST([CAST(NULL AS BOOL)]) AS x": 0,
    "SAFE_DIVIDE(1, 0)": None,
    "SAFE_DIVIDE(1, 4)": 0.25,
    "7 / 2": 3.5,
    "0.1 + 0.2": 0.30000000000000004,  # FLOAT64, not NUMERIC
    "'wav$'": "wav$",
    "REGEXP_CONTAINS('a.wav', r'\\.wav$')": True,
    "EXTRACT(DAYOFWEEK FROM DATE '2024-02-04')": 1,  # a Sunday
    "EXTRACT(ISOWEEK FROM DATE '2024-12-30')": 1,
    "EXTRACT(HOUR FROM TIMESTAMP '2024-01-01 23:30:00+00' AT TIME ZONE 'Europe/Berlin')": 0,
    "DATE(TIMESTAMP '2024-01-01 23:30:00+00', 'Europe/Berlin')": date(2024, 1, 2),
    "DATE_TRUNC(DATE '2024-02-07', WEEK(MONDAY))": date(2024, 2, 5),
    "DATE_TRUNC(DATE '2024-02-07', WEEK)": date(2024, 2, 4),
    "DATE_TRUNC(DATE '2024-02-07', MONTH)": date(2024, 2, 1),
    "TIMESTAMP_TRUNC(TIMESTAMP '2024-02-07 10:40:00+00', HOUR)": datetime(2024, 2, 7, 10, tzinfo=UTC),
    "DATE_TRUNC(TIMESTAMP '2024-02-07 10:40:00+00', MINUTE)": datetime(2024, 2, 7, 10, 40, tzinfo=UTC),
    "TIMESTAMP_TRUNC(TIMESTAMP '2024-02-07 23:40:00+00', DAY, 'Europe/Berlin')": datetime(2024, 2, 7, 23, tzinfo=UTC),
    "DATETIME_TRUNC(DATETIME '2024-02-07 10:40:00', WEEK)": datetime(2024, 2, 4),
    "DATE_TRUNC('2024-02-07', MONTH)": date(2024, 2, 1),
    "DATE_ADD(DATE '2024-02-28', INTERVAL 1 DAY)": date(2024, 2, 29),
    "DATE_SUB(DATE '2024-03-01', INTERVAL 1 DAY)": date(2024, 2, 29),
    "DATE_DIFF(DATE '2024-03-01', DATE '2024-02-28', DAY)": 2,
    "TIMESTAMP_DIFF(TIMESTAMP '2024-01-01 00:01:00+00', TIMESTAMP '2024-01-01', SECOND)": 60,
    "TIMESTAMP_DIFF(TIMESTAMP '2024-01-01 11:00:00+00', TIMESTAMP '2024-01-01 10:59:30+00', HOUR)": 0,
    "TIMESTAMP_DIFF(TIMESTAMP '2024-01-01 10:00:00+00', TIMESTAMP '2024-01-02 09:00:00+00', DAY)": 0,
    "DATETIME_DIFF(DATETIME '2024-01-01 11:00:00', DATETIME '2024-01-01 10:59:30', HOUR)": 1,
    "UNIX_SECONDS(TIMESTAMP '2024-01-01 00:00:00.9+00')": 1704067200,
    "CAST(2.5 AS INT64)": 3,
    "CAST(-2.5 AS INT64)": -3,
    "SAFE_CAST(0.5 AS INT64)": 1,
    "CAST('2' AS INT64)": 2,
    "FORMAT_TIMESTAMP('%Y-%m-%d %H:%M', TIMESTAMP '2024-06-01 22:30:00+00', 'Europe/Berlin')": "2024-06-02 00:30",
    "FORMAT_DATE('%Y-%m', DATE '2024-06-01')": "2024-06",
    "FORMAT('%.1f s in %d calls of %s', 1.26, 3, 'sales')": "1.3 s in 3 calls of sales",
    "APPROX_QUANTILES(x, 2)[OFFSET(1)] FROM UNNEST([1, 2, 3]) AS x": 2,
    "MAX_BY(s, x) FROM (SELECT 1 AS x, 'a' AS s UNION ALL SELECT 3, 'c')": "c",
    "ARRAY_AGG(x ORDER BY x DESC LIMIT 1)[OFFSET(0)] FROM UNNEST([1, 3, 2]) AS x": 3,
    "ARRAY_TO_STRING(ARRAY_AGG(x ORDER BY x DESC LIMIT 2), ',') FROM UNNEST(['a', 'c', 'b']) AS x": "c,b",
    "STRING_AGG(x, ', ' ORDER BY x) FROM UNNEST(['b', 'a']) AS x": "a, b",
    "COUNT(*) FROM UNNEST(GENERATE_ARRAY(0, 5)) AS bin": 6,
    "COUNT(*) FROM UNNEST(GENERATE_DATE_ARRAY(DATE '2024-01-01', DATE '2024-01-03')) AS day": 3,
    "label.k FROM (SELECT [STRUCT('product' AS k)] AS labels) AS t, UNNEST(t.labels) AS label": "product",
    "LEAST(1, NULL)": None,
    "x FROM UNNEST([2, NULL, 1]) AS x ORDER BY x LIMIT 1": None,
    "p FROM (SELECT 0.5 AS p_fear) UNPIVOT (p FOR emotion IN (p_fear AS 'fear')) WHERE emotion = 'fear'": 0.5,
}


@pytest.mark.parametrize("expression", VALUES)
def test_expression_has_the_value_and_type_of_bigquery(store, expression):
    value = store.execute(to_duckdb(f"SELECT {expression}")).fetchone()[0]
    assert value == VALUES[expression]
    assert type(value) is type(VALUES[expression])


@pytest.mark.parametrize(
    "name",
    ["calls", "callmood.calls", "`callmood.calls`", "`my-project.callmood.calls`", "`my-project`.callmood.calls"],
)
def test_table_is_found_by_each_form_of_its_name(store, name):
    store.execute("CREATE TABLE calls AS SELECT 7 AS n")
    assert store.execute(to_duckdb(f"SELECT n FROM {name}")).fetchall() == [(7,)]
    assert store.execute(to_duckdb(f"SELECT calls.n FROM {name}")).fetchall() == [(7,)]


def test_dataset_with_a_project_is_recognized(store):
    store.execute("CREATE TABLE calls AS SELECT 7 AS n")
    assert store.execute(to_duckdb("SELECT n FROM `${dataset}.calls`", "my-project.voice")).fetchall() == [(7,)]


@pytest.mark.parametrize(
    "sql", ["SELEC 1", "SELECT (", "", "SELECT 1; SELECT 2", "SELECT x FROM UNNEST([1]) AS x WITH OFFSET AS o"]
)
def test_unsupported_sql_is_a_query_error(sql):
    with pytest.raises(QueryError, match="local store"):
        to_duckdb(sql)


def test_template_variables_are_replaced():
    template = "SELECT '${time_zone}' FROM `${dataset}.calls` WHERE calls >= ${min_calls_per_group} AND uri LIKE '%$'"
    assert (
        render(template, dataset="p.d", time_zone="Asia/Tokyo", min_calls_per_group=7)
        == "SELECT 'Asia/Tokyo' FROM `p.d.calls` WHERE calls >= 7 AND uri LIKE '%$'"
    )


def test_unknown_variable_is_an_error():
    with pytest.raises(QueryError, match=r"\$\{datset\}"):
        render("SELECT 1 FROM `${datset}.calls`", dataset="d")


def test_views_follow_the_views_that_they_read(tmp_path):
    (tmp_path / "a.sql").write_text("SELECT * FROM `${dataset}.b`, `${dataset}.table`")
    (tmp_path / "b.sql").write_text("SELECT * FROM `${dataset}.c`")
    (tmp_path / "c.sql").write_text("SELECT 1 AS x")
    assert list(view_templates(tmp_path)) == ["c", "b", "a"]


PAIRS = [(1, "a"), (1, "b")]


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT id, tag FROM t CROSS JOIN UNNEST(tags) AS tag", PAIRS),
        ("SELECT x.id, tag FROM t AS x CROSS JOIN UNNEST(x.tags) AS tag", PAIRS),
        ("SELECT id, tag FROM t, UNNEST(tags) AS tag", PAIRS),
        ("SELECT id FROM t CROSS JOIN UNNEST(tags)", [(1,), (1,)]),
        ("SELECT id, tag FROM t LEFT JOIN UNNEST(tags) AS tag", [*PAIRS, (2, None), (3, None)]),
        ("SELECT x.id, n FROM t AS x CROSS JOIN UNNEST(GENERATE_ARRAY(2, x.id)) AS n", [(2, 2), (3, 2), (3, 3)]),
        ("SELECT id, n FROM t CROSS JOIN UNNEST([7]) AS n", [(1, 7), (2, 7), (3, 7)]),
        (
            "SELECT id, tag, n FROM t CROSS JOIN UNNEST(tags) AS tag CROSS JOIN UNNEST([7]) AS n",
            [(1, "a", 7), (1, "b", 7)],
        ),
    ],
)
def test_unnest_returns_the_rows_of_a_join(query, rows):
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE t AS SELECT * FROM (VALUES (1, ['a', 'b']), (2, []), (3, NULL)) AS v(id, tags)"
        )
        assert sorted(connection.execute(to_duckdb(query)).fetchall(), key=str) == rows
