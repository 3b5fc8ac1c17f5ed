"""ZetaSQL, the analyzer of BigQuery, accepts every statement of the project."""

import re

import pytest
from sql_statements import (
    documented_statements,
    outcomes_statements,
    python_statements,
    scheduled_statements,
    storing_statements,
)

from callmood.errors import QueryError
from callmood.resources import SCHEMAS
from callmood.warehouse.bigquery_check import BigQueryAnalyzer, sql_type, to_zetasql
from callmood.warehouse.dialect import render, view_templates
from callmood.warehouse.schema import views

VIEWS = view_templates(SCHEMAS / "views")


@pytest.fixture(scope="session")
def analyzer():
    return BigQueryAnalyzer(datasets=("callmood", "callmood_reports"))


@pytest.mark.parametrize("view", VIEWS)
def test_view_has_the_columns_of_its_json_schema(analyzer, view):
    """Each view reads tables and views with the columns of their schemas, so the order of the views does not matter."""
    sql = render(VIEWS[view], dataset="callmood", time_zone="Europe/Berlin")
    assert analyzer.output_columns(sql) == [(field.name, sql_type(field)) for field in views()[view].fields]


@pytest.mark.parametrize("statement", python_statements(), ids=lambda statement: statement.name)
def test_bigquery_accepts_every_statement_in_python(analyzer, statement):
    assert analyzer.output_columns(statement.sql, statement.parameters)


@pytest.mark.parametrize("statement", list(scheduled_statements()), ids=lambda statement: statement.name)
def test_bigquery_accepts_every_scheduled_statement(analyzer, statement):
    assert analyzer.output_columns(statement.sql) == []


def test_bigquery_accepts_the_script_that_stores_metrics(analyzer):
    days, *changes = storing_statements()
    assert [kind for _, kind in analyzer.output_columns(days.sql)] == ["ARRAY<DATE>"]
    assert len(changes) == 3
    for change in changes:
        assert analyzer.output_columns(change.sql, change.parameters) == []


def test_bigquery_accepts_the_script_that_stores_outcomes(analyzer):
    for change in outcomes_statements():
        assert analyzer.output_columns(change.sql) == []


@pytest.mark.parametrize("statement", list(documented_statements()), ids=lambda statement: statement.name)
def test_bigquery_accepts_every_documented_statement(analyzer, statement):
    analyzer.output_columns(statement.sql, statement.parameters)


@pytest.mark.parametrize(
    ("sql", "message"),
    {
        "SELECT ROW_NUMBER() OVER (PARTITION BY start_s) FROM segments": "expressions of type FLOAT64 is not allowed",
        "SELECT label.key AS label FROM recordings, UNNEST(labels) AS label GROUP BY label.key": "GROUP BY field",
        "SELECT no_such FROM calls": "Unrecognized name: no_such [at 1:8]",
        "SELECT * FROM no_such": "Table not found",
        "SELECT * FROM other.calls": "Table not found",
        "SELECT * FROM calls WHERE started_at > call_date": "No matching signature",
        "SELECT * FROM calls; SELECT 1": "Expected end of input",
        "SELECT MEDIAN(duration_s) FROM calls": "Function not found",
        "SELECT 'a": "Error tokenizing",
    }.items(),
)
def test_rejected_statement_raises_the_message_of_bigquery(analyzer, sql, message):
    with pytest.raises(QueryError, match=re.escape(message)):
        analyzer.output_columns(sql)


@pytest.mark.parametrize("name", ["calls", "callmood.calls", "`callmood.calls`", "`callmood`.calls"])
def test_tables_have_names_with_and_without_dataset(analyzer, name):
    assert analyzer.output_columns(f"SELECT calls.call_date FROM {name}") == [("call_date", "DATE")]


@pytest.mark.parametrize(
    ("sql", "expected"),
    {
        "SELECT max_by(a, b) FROM t": "SELECT ANY_VALUE(a HAVING MAX b) FROM t",
        "MIN_BY(STRUCT(a, b), [c, d][OFFSET(0)])": "ANY_VALUE(STRUCT(a, b) HAVING MIN [c, d][OFFSET(0)])",
        "MAX_BY(MIN_BY(a, b), c)": "ANY_VALUE(ANY_VALUE(a HAVING MIN b) HAVING MAX c)",
        "SELECT 'MAX_BY(a, b)', MAX_BY -- MAX_BY(a, b)": "SELECT 'MAX_BY(a, b)', MAX_BY -- MAX_BY(a, b)",
        "FROM `p-1.d.t`": "FROM `p-1`.`d`.`t`",
    }.items(),
)
def test_functions_that_zetasql_lacks_are_replaced(sql, expected):
    assert to_zetasql(sql) == expected
