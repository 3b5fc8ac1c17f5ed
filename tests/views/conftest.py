"""The same rows in three engines: a local store, the BigQuery emulator, and ZetaSQL."""

import uuid

import pytest
from bigquery_dataset import create_dataset
from example_days import DAY
from stack.services import PROJECT, ServiceMissing, bigquery_emulator, do_without
from warehouse_data import BERLIN, fill
from zetasql_warehouse import NOT_EXECUTED, ZetaSQLWarehouse

from callmood.warehouse.bigquery import BigQueryWarehouse, connect
from callmood.warehouse.duckdb import DuckDBWarehouse


@pytest.fixture(scope="session")
def emulator_url(tmp_path_factory):
    try:
        with bigquery_emulator(tmp_path_factory.mktemp("logs")) as url:
            yield url
    except ServiceMissing as missing:
        do_without(missing)


@pytest.fixture(scope="session")
def bigquery_client(emulator_url):
    """Return a client of the emulator. The environment of later tests in the session stays as it was."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("BIGQUERY_EMULATOR_HOST", emulator_url)
        patched.setenv("GOOGLE_CLOUD_PROJECT", PROJECT)
        return connect()


@pytest.fixture(scope="session")
def local_day(tmp_path_factory):
    """Return a local store with the example days."""
    store = DuckDBWarehouse(tmp_path_factory.mktemp("store") / "day.duckdb", **BERLIN)
    fill(store, DAY)
    return store


@pytest.fixture(scope="session")
def cloud_day(bigquery_client):
    """Return a dataset with the same rows."""
    dataset = f"{PROJECT}.views_{uuid.uuid4().hex[:8]}"
    create_dataset(bigquery_client, dataset, **BERLIN)
    warehouse = BigQueryWarehouse(dataset, bigquery_client)
    fill(warehouse, DAY)
    return warehouse


class Reports:
    """Rows of views, queried once per view."""

    def __init__(self, warehouse):
        self.warehouse = warehouse
        self._rows = {}

    def rows(self, view, **values):
        """Return all rows of a view with these values."""
        if view not in self._rows:
            self._rows[view] = self.warehouse.query(f"SELECT * FROM {view}")
        return [row for row in self._rows[view] if all(row[name] == value for name, value in values.items())]

    def row(self, view, **values):
        [row] = self.rows(view, **values)
        return row


@pytest.fixture(scope="session")
def local_reports(local_day):
    return Reports(local_day)


@pytest.fixture(scope="session")
def cloud_reports(cloud_day):
    return Reports(cloud_day)


class ZetaSQLReports(Reports):
    """Rows of views from ZetaSQL. Skip the tests of views that it cannot execute."""

    def rows(self, view, **values):
        if view in NOT_EXECUTED:
            pytest.skip(NOT_EXECUTED[view])
        return super().rows(view, **values)


@pytest.fixture(scope="session")
def zetasql_reports():
    warehouse = ZetaSQLWarehouse(**BERLIN)
    fill(warehouse, DAY)
    return ZetaSQLReports(warehouse)


@pytest.fixture(params=["local_reports", "cloud_reports", "zetasql_reports"], ids=["duckdb", "bigquery", "zetasql"])
def reports(request):
    """Run a test with each engine."""
    return request.getfixturevalue(request.param)
