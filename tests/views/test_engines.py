"""DuckDB, the BigQuery emulator, and ZetaSQL return the same rows, with the columns that the schemas describe."""

import os
from datetime import date, datetime

import pytest
from example_days import check
from stack.services import PROJECT
from warehouse_data import BERLIN, assert_equal_rows, sort_rows
from zetasql_warehouse import NOT_EXECUTED, ZetaSQLWarehouse

from callmood.errors import QueryError
from callmood.warehouse.schema import views

TYPES = {
    "STRING": str,
    "INT64": int,
    "FLOAT64": float,
    "BOOL": bool,
    "DATE": date,
    "TIMESTAMP": datetime,
    "RECORD": dict,
}


@pytest.mark.parametrize("engine", ["cloud_reports", "zetasql_reports"])
@pytest.mark.parametrize("view", views())
def test_engine_returns_the_rows_of_the_local_store(local_reports, request, engine, view):
    expected = sort_rows(local_reports.rows(view))
    assert expected, "the example days have rows for every view"
    assert_equal_rows(expected, sort_rows(request.getfixturevalue(engine).rows(view)))


def test_emulator_is_not_in_the_environment_of_later_tests(bigquery_client):
    assert "BIGQUERY_EMULATOR_HOST" not in os.environ
    assert bigquery_client.project == PROJECT


def test_only_named_views_are_not_executed_by_zetasql(zetasql_reports):
    for view in NOT_EXECUTED:
        with pytest.raises(QueryError, match="Unsupported built-in function"):
            zetasql_reports.warehouse.query(f"SELECT * FROM {view}")


def test_threshold_of_zero_has_no_ratio():
    """A division by 0 is an error in BigQuery, but not in DuckDB."""
    warehouse = ZetaSQLWarehouse(**BERLIN)
    warehouse.append("drift_checks", [check("noise_db", "ks", statistic=0.2, threshold=0.0, reference="abc")])
    assert warehouse.query("SELECT threshold_ratio FROM drift_checks_current") == [{"threshold_ratio": None}]


@pytest.mark.parametrize("view", views())
def test_columns_have_the_described_names_order_and_types(reports, view):
    rows = reports.rows(view)
    fields = views()[view].fields
    assert list(rows[0]) == [field.name for field in fields]
    for field in fields:
        assert field.description
        for value in (row[field.name] for row in rows):
            for item in value if isinstance(value, list) else [value]:
                assert item is None or type(item) is TYPES[field.type], (field.name, item)


@pytest.mark.parametrize("view", views())
def test_example_days_have_a_value_in_every_column(local_reports, view):
    """Prevent columns that are NULL in all rows, and therefore untested."""
    empty = {"mixed_talk_s", "direction", "language", "event_id"}
    for field in views()[view].fields:
        if field.name not in empty:
            assert any(row[field.name] is not None for row in local_reports.rows(view)), field.name
