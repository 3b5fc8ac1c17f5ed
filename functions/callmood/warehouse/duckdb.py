"""A warehouse in one DuckDB file: the local store."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, Literal

import duckdb

from callmood.errors import QueryError, WarehouseError
from callmood.resources import SCHEMAS
from callmood.types import JsonRow
from callmood.warehouse.dialect import to_duckdb, view_templates
from callmood.warehouse.formulas import formula_as_text_sql
from callmood.warehouse.migration import rename_old_schema
from callmood.warehouse.schema import Field, Table, check_rows, tables, views

if TYPE_CHECKING:
    from pandas import DataFrame

_COLUMN_TYPES = {
    "STRING": "VARCHAR",
    "INT64": "BIGINT",
    "FLOAT64": "DOUBLE",
    "BOOL": "BOOLEAN",
    "DATE": "DATE",
    "TIMESTAMP": "TIMESTAMPTZ",
}

_PANDAS_TYPES = {
    "BIGINT": "Int64",
    "INTEGER": "Int64",
    "HUGEINT": "Int64",  # a SUM of BIGINT, which is INT64 in BigQuery
    "DOUBLE": "float64",
    "BOOLEAN": "boolean",
    "VARCHAR": "str",
    "DATE": "datetime64[us]",
    "TIMESTAMP WITH TIME ZONE": "datetime64[us, UTC]",
}

# Writers of callmood hold the lock for milliseconds. After this time another program holds it.
_LOCK_TIMEOUT_S = 10.0


def _column_type(field: Field) -> str:
    inner = ", ".join(f'"{sub.name}" {_column_type(sub)}' for sub in field.fields)
    single = f"STRUCT({inner})" if field.type == "RECORD" else _COLUMN_TYPES[field.type]
    return single + "[]" * (field.mode == "REPEATED")


def _json_structure(field: Field) -> Any:
    single = {sub.name: _json_structure(sub) for sub in field.fields} if field.fields else _COLUMN_TYPES[field.type]
    return [single] if field.mode == "REPEATED" else single


class DuckDBWarehouse:
    """A warehouse in one DuckDB file. Each operation opens and closes the file, so several processes can share it.

    Parameters
    ----------
    path : Path
        The file. If it does not exist, it is created with all tables and views. If an older version created it, its
        schema is migrated.
    time_zone : str
        IANA time zone of days and hours in views.
    min_calls_per_group : int
        Minimum number of calls of one agent for a row to show more than the number of calls.

    Raises
    ------
    WarehouseError
        The file is not a store, is locked by another program, or cannot be migrated.
    """

    def __init__(self, path: Path, time_zone: str = "UTC", min_calls_per_group: int = 5) -> None:
        self.path = path
        self._translate = partial(to_duckdb, time_zone=time_zone, min_calls_per_group=min_calls_per_group)
        with self._connect() as connection:
            self._update_schema(connection)

    @contextmanager
    def _connect(self, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        deadline = time.monotonic() + _LOCK_TIMEOUT_S
        while True:
            try:
                connection = duckdb.connect(str(self.path), read_only=read_only)
                break
            except duckdb.IOException as error:
                if "Could not set lock" not in str(error):
                    raise WarehouseError(f"{self.path} cannot be opened as a store: {error}") from None
                if time.monotonic() > deadline:
                    raise WarehouseError(
                        f"{self.path} is locked by another program; close that program and try again."
                    ) from None
                time.sleep(0.05)
        try:
            connection.execute("SET TimeZone = 'UTC'")  # BigQuery's default time zone
            yield connection
        finally:
            connection.close()

    def _update_schema(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Rename what older versions named differently, add missing tables and columns, and replace changed views."""
        view_sql = {name: self._translate(sql) for name, sql in view_templates(SCHEMAS / "views").items()}
        version = hashlib.sha256(repr((tables(), view_sql)).encode()).hexdigest()
        connection.execute("CREATE TABLE IF NOT EXISTS store_version (version VARCHAR)")
        if connection.execute("SELECT version FROM store_version").fetchall() == [(version,)]:
            return
        with _transaction(connection):
            rename_old_schema(connection)
            for table in tables().values():
                self._update_table(connection, table)
            for name, sql in view_sql.items():
                connection.execute(f'CREATE OR REPLACE VIEW "{name}" AS {sql}')
            connection.execute("DELETE FROM store_version")
            connection.execute("INSERT INTO store_version VALUES (?)", [version])

    def _update_table(self, connection: duckdb.DuckDBPyConnection, table: Table) -> None:
        columns = ", ".join(
            f'"{field.name}" {_column_type(field)}{" NOT NULL" * (field.mode == "REQUIRED")}' for field in table.fields
        )
        connection.execute(f'CREATE TABLE IF NOT EXISTS "{table.name}" ({columns})')
        existing = {row[0] for row in connection.execute(f'DESCRIBE "{table.name}"').fetchall()}
        for field in table.fields:
            if field.name in existing:
                continue
            if field.mode == "REQUIRED":
                raise WarehouseError(
                    f"{self.path} was created by an older version of callmood: its table {table.name} lacks the "
                    f"required column {field.name}. Analyze the recordings again into a new store: "
                    "callmood analyze … --store NEW.duckdb"
                )
            connection.execute(f'ALTER TABLE "{table.name}" ADD COLUMN "{field.name}" {_column_type(field)}')

    def append(self, table: str, rows: Sequence[JsonRow]) -> None:
        """Validate rows against the table's schema and append them.

        Parameters
        ----------
        table : str
            Name of the table.
        rows : sequence of dict
            Rows with values that JSON can hold.

        Raises
        ------
        SchemaError
            A row does not match the schema; nothing was written.
        """
        check_rows(table, rows)
        structure = json.dumps([{field.name: _json_structure(field) for field in tables()[table].fields}])
        with self._connect() as connection:
            connection.execute(
                f"INSERT INTO \"{table}\" BY NAME SELECT unnest(from_json($1, '{structure}'), max_depth := 2)",
                [json.dumps(rows)],
            )

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[JsonRow]:
        """Run a BigQuery SQL query. It cannot change the store.

        Parameters
        ----------
        sql : str
            One statement; ``@name`` is replaced by the parameter's value.
        parameters : dict, optional
            Values by name.

        Returns
        -------
        list of dict
            Timestamps with a time zone; dates as `datetime.date`.

        Raises
        ------
        QueryError
            The query is not valid BigQuery SQL, names a table or column that does not exist, or would change the store.
        """
        with self._run(sql, parameters) as result:
            columns = [column[0] for column in result.description or ()]
            return [dict(zip(columns, values, strict=True)) for values in result.fetchall()]

    def query_dataframe(self, sql: str, parameters: Mapping[str, object] | None = None) -> DataFrame:
        """Run a query as `query` does, and return a DataFrame with the types of `Warehouse.query_dataframe`."""
        import pandas as pd

        with self._run(sql, parameters) as result:
            types = [str(column[1]) for column in result.description or ()]
            columns = result.fetchnumpy()
        return pd.DataFrame(
            {
                name: pd.Series(_unmask(values), dtype=_PANDAS_TYPES.get(column_type, "object"))
                for (name, values), column_type in zip(columns.items(), types, strict=True)
            }
        )

    @contextmanager
    def _run(self, sql: str, parameters: Mapping[str, object] | None) -> Iterator[duckdb.DuckDBPyConnection]:
        translated = self._translate(sql)
        with self._connect(read_only=True) as connection:
            try:
                yield connection.execute(translated, parameters)
            except duckdb.Error as error:
                raise QueryError(str(error)) from None

    def export(self, name: str, path: Path, form: Literal["csv", "parquet"], *, formulas_as_text: bool = False) -> int:
        """Write all rows of a view or table to a file.

        Parameters
        ----------
        name : str
            Name of a view or table.
        path : Path
            An existing file is replaced after all rows are written.
        form : {"csv", "parquet"}
            Format of the file. Both contain the column names, and times in UTC.
        formulas_as_text : bool
            Put an apostrophe before text that a spreadsheet would execute as a formula.

        Returns
        -------
        int
            Number of rows.

        Raises
        ------
        QueryError
            The view or table does not exist.
        WarehouseError
            The file cannot be written.
        """
        known = sorted({*views(), *tables()})
        if name not in known:
            raise QueryError(f"unknown view or table {name!r}; choose one of {', '.join(known)}")
        options = "FORMAT csv, HEADER" if form == "csv" else "FORMAT parquet"
        with self._connect() as connection:
            try:
                # COPY does not accept parameters.
                target = "'" + str(path).replace("'", "''") + "'"
                source = f'"{name}"'
                if formulas_as_text:
                    columns = connection.execute(f"DESCRIBE {source}").fetchall()
                    texts = [formula_as_text_sql(column) for column, kind, *_ in columns if kind == "VARCHAR"]
                    source = f"(SELECT * REPLACE ({', '.join(texts)}) FROM {source})"  # noqa: S608
                written = connection.execute(f"COPY {source} TO {target} ({options}, USE_TMP_FILE true)").fetchone()
            except duckdb.IOException as error:
                raise WarehouseError(f"{path} cannot be written: {error}") from None
        return int(written[0]) if written else 0


def _unmask(values: Any) -> Any:
    """Return a column's values with None for NULL, and with lists for arrays; large integers keep their precision."""
    import numpy as np  # here, because `query` does not need it

    if type(values) is np.ndarray and values.dtype != object:  # neither NULL nor arrays
        return values
    return [value.tolist() if isinstance(value, np.ndarray) else value for value in values.tolist()]


class InMemoryWarehouse(DuckDBWarehouse):
    """A warehouse in memory, for the rows of one call at a time. Safe to share between threads.

    Parameters
    ----------
    time_zone : str
        IANA time zone of days and hours in views.
    """

    def __init__(self, time_zone: str = "UTC") -> None:
        self._lock = RLock()
        self._connection = duckdb.connect()
        self._connection.execute("SET TimeZone = 'UTC'")
        super().__init__(Path(":memory:"), time_zone)

    @contextmanager
    def _connect(self, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:  # noqa: ARG002 - one connection
        with self._lock:
            yield self._connection

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the warehouse for one thread, and delete all rows afterward."""
        with self._lock:
            try:
                yield
            finally:
                for name in tables():
                    self._connection.execute(f'DELETE FROM "{name}"')  # noqa: S608 - a name from the schemas


@contextmanager
def _transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    connection.execute("BEGIN")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
