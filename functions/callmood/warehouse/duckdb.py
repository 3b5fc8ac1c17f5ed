"""The local store: BigQuery's tables and views in one DuckDB file."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal

import duckdb

from callmood.errors import QueryError, WarehouseError
from callmood.resources import SCHEMAS
from callmood.types import JsonRow
from callmood.warehouse.dialect import to_duckdb, view_templates
from callmood.warehouse.schema import Field, Table, check_rows, tables, views

_TYPES = {
    "STRING": "VARCHAR",
    "INT64": "BIGINT",
    "FLOAT64": "DOUBLE",
    "BOOL": "BOOLEAN",
    "DATE": "DATE",
    "TIMESTAMP": "TIMESTAMPTZ",
}

# Another process writes for milliseconds at a time; whoever still holds the file after this long is no writer of ours.
_LOCK_TIMEOUT_S = 10.0


def _column_type(field: Field) -> str:
    inner = ", ".join(f'"{sub.name}" {_column_type(sub)}' for sub in field.fields)
    single = f"STRUCT({inner})" if field.type == "RECORD" else _TYPES[field.type]
    return single + "[]" * (field.mode == "REPEATED")


def _json_structure(field: Field) -> Any:
    single = {sub.name: _json_structure(sub) for sub in field.fields} if field.fields else _TYPES[field.type]
    return [single] if field.mode == "REPEATED" else single


class DuckDBWarehouse:
    """A warehouse in one DuckDB file, safe to use from several processes: each operation opens and closes it.

    Parameters
    ----------
    path : Path
        Made with its tables and views where it does not exist; an older one gains what is new.
    time_zone : str
        Zone of days and hours in views.
    min_calls_per_group : int
        Calls from which on a row about one agent shows more than their number.

    Raises
    ------
    WarehouseError
        The file is no store, is locked by another program, or is too old a callmood's.
    """

    def __init__(self, path: Path, time_zone: str = "UTC", min_calls_per_group: int = 5) -> None:
        self.path = path
        self._translate = partial(to_duckdb, time_zone=time_zone, min_calls_per_group=min_calls_per_group)
        with self._open() as connection:
            self._bring_up_to_date(connection)

    @contextmanager
    def _open(self, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        deadline = time.monotonic() + _LOCK_TIMEOUT_S
        while True:
            try:
                connection = duckdb.connect(str(self.path), read_only=read_only)
                break
            except duckdb.IOException as error:
                if "Could not set lock" not in str(error):
                    raise WarehouseError(f"{self.path} cannot be opened as a store: {error}") from None
                if time.monotonic() > deadline:
                    raise WarehouseError(f"{self.path} is held by another program; close it and try again.") from None
                time.sleep(0.05)
        try:
            connection.execute("SET TimeZone = 'UTC'")  # BigQuery's zone where none is said
            yield connection
        finally:
            connection.close()

    def _bring_up_to_date(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Make what is missing: tables, columns that a newer version added, and all views when their SQL changed."""
        translated = {name: self._translate(sql) for name, sql in view_templates(SCHEMAS / "views").items()}
        wanted = hashlib.sha256(repr((tables(), translated)).encode()).hexdigest()
        connection.execute("CREATE TABLE IF NOT EXISTS store_version (version VARCHAR)")
        if connection.execute("SELECT version FROM store_version").fetchall() == [(wanted,)]:
            return
        with _transaction(connection):
            for table in tables().values():
                self._bring_table_up_to_date(connection, table)
            for name, sql in translated.items():
                connection.execute(f'CREATE OR REPLACE VIEW "{name}" AS {sql}')
            connection.execute("DELETE FROM store_version")
            connection.execute("INSERT INTO store_version VALUES (?)", [wanted])

    def _bring_table_up_to_date(self, connection: duckdb.DuckDBPyConnection, table: Table) -> None:
        columns = ", ".join(
            f'"{field.name}" {_column_type(field)}{" NOT NULL" * (field.mode == "REQUIRED")}' for field in table.fields
        )
        connection.execute(f'CREATE TABLE IF NOT EXISTS "{table.name}" ({columns})')
        there = {row[0] for row in connection.execute(f'DESCRIBE "{table.name}"').fetchall()}
        for field in table.fields:
            if field.name in there:
                continue
            if field.mode == "REQUIRED":
                raise WarehouseError(
                    f"{self.path} was made by an older callmood: {table.name} lacks {field.name}, which cannot be "
                    f"made up. Analyze the recordings again into a new store: callmood analyze … --store NEW.duckdb"
                )
            connection.execute(f'ALTER TABLE "{table.name}" ADD COLUMN "{field.name}" {_column_type(field)}')

    def append(self, table: str, rows: Sequence[JsonRow]) -> None:
        """Check rows against the table's schema and append them.

        Parameters
        ----------
        table : str
            Name of the table.
        rows : sequence of dict
            JSON-able rows.

        Raises
        ------
        SchemaError
            A row does not fit; nothing was written.
        """
        check_rows(table, rows)
        structure = json.dumps([{field.name: _json_structure(field) for field in tables()[table].fields}])
        with self._open() as connection:
            connection.execute(
                f"INSERT INTO \"{table}\" BY NAME SELECT unnest(from_json($1, '{structure}'), max_depth := 2)",
                [json.dumps(rows)],
            )

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[JsonRow]:
        """Rows of a BigQuery SQL query; it cannot change the store.

        Parameters
        ----------
        sql : str
            One statement; ``@name`` takes the parameter's value.
        parameters : dict, optional
            Values by name.

        Returns
        -------
        list of dict
            Timestamps with their zone, dates as `datetime.date`.

        Raises
        ------
        QueryError
            The query is no valid BigQuery SQL, names what is not there, or would change the store.
        """
        translated = self._translate(sql)
        with self._open(read_only=True) as connection:
            try:
                result = connection.execute(translated, parameters)
            except duckdb.Error as error:
                raise QueryError(str(error)) from None
            columns = [column[0] for column in result.description or ()]
            return [dict(zip(columns, values, strict=True)) for values in result.fetchall()]

    def export(self, name: str, path: Path, form: Literal["csv", "parquet"]) -> int:
        """Write all rows of a view or table into a file.

        Parameters
        ----------
        name : str
            Of a view or table.
        path : Path
            Replaced where it exists, and only once all rows are written.
        form : {"csv", "parquet"}
            The file's format; both carry the names of columns, and times in UTC.

        Returns
        -------
        int
            How many rows.

        Raises
        ------
        QueryError
            There is no such view or table.
        WarehouseError
            The file cannot be written.
        """
        known = sorted({*views(), *tables()})
        if name not in known:
            raise QueryError(f"there is no view or table {name!r}; there are {', '.join(known)}")
        options = "FORMAT csv, HEADER" if form == "csv" else "FORMAT parquet"
        with self._open() as connection:
            try:
                # COPY takes no parameters.
                target = "'" + str(path).replace("'", "''") + "'"
                written = connection.execute(f'COPY "{name}" TO {target} ({options}, USE_TMP_FILE true)').fetchone()
            except duckdb.IOException as error:
                raise WarehouseError(f"{path} cannot be written: {error}") from None
        return int(written[0]) if written else 0


@contextmanager
def _transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    connection.execute("BEGIN")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
