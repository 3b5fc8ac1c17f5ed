"""Fill warehouses with rows, and compare the rows of queries."""

import pytest

BERLIN = {"time_zone": "Europe/Berlin", "min_calls_per_group": 5}


def fill(warehouse, rows):
    for table, more in rows.items():
        warehouse.append(table, more)


def sort_rows(rows):
    """Return rows in an order that does not depend on floats."""
    return sorted(rows, key=lambda row: [str(value) for value in row.values() if not isinstance(value, float)])


def assert_equal_rows(one, other):
    """Compare rows. The last digits of sums may differ, because the order of summation is undefined."""
    assert len(one) == len(other)
    for left, right in zip(one, other, strict=True):
        assert list(left) == list(right)
        for name, value in left.items():
            expected = pytest.approx(right[name], rel=1e-9, abs=1e-12) if isinstance(value, float) else right[name]
            assert value == expected, name
