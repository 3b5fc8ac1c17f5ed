"""DuckDB and BigQuery return the same rows, with the columns that the schemas describe."""

from datetime import date, datetime

import pytest
from warehouse_data import assert_equal_rows, sort_rows

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


@pytest.mark.parametrize("view", views())
def test_both_warehouses_return_the_same_rows(local_reports, cloud_reports, view):
    local, cloud = sort_rows(local_reports.rows(view)), sort_rows(cloud_reports.rows(view))
    assert local, "the example days have rows for every view"
    assert_equal_rows(local, cloud)


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
