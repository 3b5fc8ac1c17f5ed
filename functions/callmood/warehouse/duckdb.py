"""A warehouse in one DuckDB file: the local store."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from datetime import date
from functools import cache, partial
from importlib.metadata import version as package_version
from pathlib import Path
from threading import Condition, Event, RLock
from typing import TYPE_CHECKING, Any, Literal

import duckdb

from callmood.errors import QueryError, WarehouseError
from callmood.resources import SCHEMAS
from callmood.types import JsonRow
from callmood.warehouse import dialect
from callmood.warehouse.dialect import LAST_DAY, bind, to_duckdb, view_parts, view_templates
from callmood.warehouse.formulas import formula_as_text_sql
from callmood.warehouse.migration import complete_erasures, rename_old_schema
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

# The rows of the newest day may all be replaced, for example because their calls moved to the days of their starts.
_LAST_DAY_SQL = "SELECT MAX(call_date) FROM recordings_current"
_NEWEST_DAY_SQL = "SELECT MAX(call_date) FROM recordings"

# DuckDB would parse a constant twice: VALUES hides it from the optimizer.
_APPEND = """
INSERT INTO "{table}" BY NAME
SELECT unnest(from_json(json, $structure), max_depth := 2) FROM (VALUES ($rows)) AS given(json)
"""

# Which analysis of a recording counts depends on analyses of the same bytes, and on later ones of the same objects.
_RELATED = """
SELECT *
FROM recordings
WHERE uri IN (
  SELECT uri
  FROM recordings
  WHERE content_sha256 IN (SELECT content_sha256 FROM recordings WHERE {condition})
)
"""
_SELECTED = "SELECT * FROM recordings_current WHERE {condition}"
# The constant day lets DuckDB skip the rows of other days.
_SEGMENTS = """
SELECT s.*
FROM segments AS s
JOIN recordings_current AS r ON r.call_date = s.call_date AND r.recording_id = s.recording_id
WHERE s.call_date = $day
"""

# Writers of callmood hold the lock for milliseconds. After this time another program holds it.
_REPORT_AFTER_S = 1.0
LOCK_TIMEOUT_S = 60.0
"""float: seconds that a command waits while another program holds the store."""


@cache
def _view_sql(time_zone: str, min_calls_per_group: int) -> Mapping[str, str]:
    """Return the SQL of all views by name, in the order of their creation."""
    translate = partial(to_duckdb, time_zone=time_zone, min_calls_per_group=min_calls_per_group)
    return {name: translate(sql) for name, sql in view_templates(SCHEMAS / "views").items()}


@cache
def _last_day_names() -> tuple[str, ...]:
    """Return the names in SQL that depends on the last day: of the macro, and of views."""
    names = [LAST_DAY.removesuffix("()")]
    for name, sql in view_templates(SCHEMAS / "views").items():
        if "${last_day}" in sql or any(f"${{dataset}}.{other}" in sql for other in names):
            names.append(name)
    return tuple(names)


@cache
def _schema_version(time_zone: str, min_calls_per_group: int) -> str:
    """Return a hash of what determines the tables and views, without the translation, which takes 0.3 s."""
    translation = package_version("sqlglot"), Path(dialect.__file__).read_bytes()
    given = tables(), view_templates(SCHEMAS / "views"), view_parts(), _LAST_DAY_SQL, time_zone, min_calls_per_group
    return hashlib.sha256(repr((given, translation)).encode()).hexdigest()


def _column_type(field: Field) -> str:
    inner = ", ".join(f'"{sub.name}" {_column_type(sub)}' for sub in field.fields)
    single = f"STRUCT({inner})" if field.type == "RECORD" else _COLUMN_TYPES[field.type]
    return single + "[]" * (field.mode == "REPEATED")


def _json_structure(field: Field) -> Any:
    single = {sub.name: _json_structure(sub) for sub in field.fields} if field.fields else _COLUMN_TYPES[field.type]
    return [single] if field.mode == "REPEATED" else single


class _ThreadLock:
    """Let several threads of this process read, or one write: DuckDB does not open a file for both."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._readers = self._waiting_writers = 0
        self._is_writing = False

    @contextmanager
    def hold(self, read_only: bool) -> Iterator[None]:
        """Hold the lock. A waiting writer precedes new readers, so that constant reading cannot keep it waiting."""
        with self._changed:
            if read_only:
                self._changed.wait_for(lambda: not self._is_writing and not self._waiting_writers)
                self._readers += 1
            else:
                self._waiting_writers += 1
                self._changed.wait_for(lambda: not self._is_writing and not self._readers)
                self._waiting_writers -= 1
                self._is_writing = True
        try:
            yield
        finally:
            with self._changed:
                if read_only:
                    self._readers -= 1
                else:
                    self._is_writing = False
                self._changed.notify_all()


def require_store(path: Path) -> Path:
    """Return the path of a store that must exist: opening a missing store would create an empty one.

    Raises
    ------
    WarehouseError
        The file does not exist.
    """
    if not path.exists():
        raise WarehouseError(f"store {path} does not exist; create it with: callmood analyze FOLDER --store {path}")
    return path


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
    lock_timeout_s : float
        Seconds to wait while another program holds the store; infinity for a run that must not stop.
    on_wait : callable
        Receives a sentence when the store has been locked for a second, once for each wait.
    threads : int, optional
        Threads of a query. Default: one for each processor. One thread is faster for queries of a few rows.

    Raises
    ------
    WarehouseError
        The file is not a store, is locked by another program, or cannot be migrated.
    """

    def __init__(
        self,
        path: Path,
        time_zone: str = "UTC",
        min_calls_per_group: int = 5,
        *,
        lock_timeout_s: float = LOCK_TIMEOUT_S,
        on_wait: Callable[[str], None] = lambda _: None,
        threads: int | None = None,
    ) -> None:
        self.path = path
        self._config: dict[str, Any] = {} if threads is None else {"threads": threads}
        self._translate = partial(to_duckdb, time_zone=time_zone, min_calls_per_group=min_calls_per_group)
        self._lock_timeout_s, self._on_wait = lock_timeout_s, on_wait
        self._session: duckdb.DuckDBPyConnection | None = None
        self._reading: set[duckdb.DuckDBPyConnection] = set()
        self._stopped = Event()
        self._threads = _ThreadLock()
        version = _schema_version(time_zone, min_calls_per_group)
        # A current store is only read, so that a query needs neither write access nor an exclusive lock.
        if not self._has_version(version):
            with self._connect() as connection:
                self._update_schema(connection, _view_sql(time_zone, min_calls_per_group), version)

    def _has_version(self, version: str) -> bool:
        if not self.path.exists():
            return False
        with self._connect(read_only=True) as connection:
            known = "SELECT 1 FROM duckdb_tables() WHERE table_name = 'store_version'"
            return bool(connection.execute(known).fetchall()) and (
                connection.execute("SELECT version FROM store_version").fetchall() == [(version,)]
            )

    @contextmanager
    def _connect(self, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        if self._session is not None:
            yield self._session
            return
        with self._threads.hold(read_only):
            connection = self._open(read_only)
            try:
                connection.execute("SET TimeZone = 'UTC'")  # BigQuery's default time zone
                yield connection
            except duckdb.Error as error:
                if (full := self._disk_full(error)) is not None:
                    raise full from None
                raise
            finally:
                self._close(connection)

    def _open(self, read_only: bool) -> duckdb.DuckDBPyConnection:
        """Open the file; wait while another program holds it."""
        started, is_reported = time.monotonic(), False
        while True:
            try:
                return duckdb.connect(str(self.path), read_only=read_only, config=self._config)
            except duckdb.Error as error:
                if (full := self._disk_full(error)) is not None:
                    raise full from None
                if "Could not set lock" not in str(error):
                    raise WarehouseError(self._not_opened(error, read_only)) from None
                holder = re.search(r"PID (\d+)", str(error))
                program = f"the process {holder[1]}" if holder else "another program"
                waited_s = time.monotonic() - started
                if waited_s > self._lock_timeout_s:
                    raise WarehouseError(f"{self.path} is locked by {program}; close it and try again.") from None
                if waited_s > _REPORT_AFTER_S and not is_reported:
                    self._on_wait(f"Waiting for {self.path}, which {program} has locked.")
                    is_reported = True
                time.sleep(0.05)

    def _not_opened(self, error: duckdb.Error, read_only: bool) -> str:
        is_readable = os.access(self.path, os.R_OK)
        if not read_only and is_readable and not os.access(self.path, os.W_OK):
            return f"{self.path} is read-only, and this command writes to it; copy it to a folder with write access."
        if self.path.exists() and not is_readable:
            return f"{self.path} is not readable; give read access to the user of callmood."
        return f"{self.path} cannot be opened as a store: {error}"

    def _disk_full(self, error: duckdb.Error) -> WarehouseError | None:
        """Return the error for a full disk, or None for another error."""
        if not re.search(r"[Nn]o space left|[Dd]isk (?:is )?full|[Dd]isk quota exceeded|File too large", str(error)):
            return None
        return WarehouseError(
            f"The disk of {self.path} is full: free some space and repeat the command. All earlier results are kept."
        )

    def _close(self, connection: duckdb.DuckDBPyConnection) -> None:
        try:
            connection.close()
        except duckdb.Error as error:
            raise (self._disk_full(error) or WarehouseError(f"{self.path} cannot be closed: {error}")) from None

    @contextmanager
    def session(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Run several operations in one transaction. An error in the block undoes all of them. Sessions can be nested.

        Yields
        ------
        DuckDBPyConnection
            The connection, for tables that only a local store has.
        """
        if self._session is not None:
            yield self._session
            return
        with self._connect() as connection, _transaction(connection):
            self._session = connection
            try:
                yield connection
            finally:
                self._session = None

    def _update_schema(self, connection: duckdb.DuckDBPyConnection, view_sql: Mapping[str, str], version: str) -> None:
        """Rename what older versions named differently, add missing tables and columns, and replace changed views."""
        with _transaction(connection):
            connection.execute("CREATE TABLE IF NOT EXISTS store_version (version VARCHAR)")
            rename_old_schema(connection)
            for table in tables().values():
                self._update_table(connection, table)
            complete_erasures(connection)
            for name, sql in view_sql.items():
                connection.execute(f'CREATE OR REPLACE VIEW "{name}" AS {sql}')
                if name == "recordings_current":  # for the views that follow
                    connection.execute(f"CREATE OR REPLACE MACRO {LAST_DAY} AS ({_LAST_DAY_SQL})")
            connection.execute("DELETE FROM store_version")
            connection.execute(bind("INSERT INTO store_version VALUES ($version)", {"version": version}))

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
        if not rows:
            return
        structure = json.dumps([{field.name: _json_structure(field) for field in tables()[table].fields}])
        sql = _APPEND.format(table=table)
        with self._connect() as connection:
            connection.execute(bind(sql, {"rows": json.dumps(rows), "structure": structure}))

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
            The query is not valid BigQuery SQL, names a table or column that does not exist, returns two columns with
            the same name, or would change the store.
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
    def snapshot(self, condition: str, parameters: Mapping[str, object]) -> Iterator[DuckDBWarehouse]:
        """Select recordings once for several queries. Otherwise each reads all rows of `recordings` several times.

        The segments of a single recording are also selected once.

        Parameters
        ----------
        condition : str
            BigQuery SQL of a condition on `call_date` and `recording_id`.
        parameters : dict
            Values of the condition by name.

        Yields
        ------
        DuckDBWarehouse
            A warehouse whose views contain only these recordings, without `insights` and `agents_compared`, which
            depend on the last day of the store. No program can write to the store meanwhile.
        """
        with self._read() as connection, self._selected(connection, condition, parameters):
            days = connection.execute("SELECT call_date FROM recordings_current LIMIT 2").fetchall()
            if len(days) == 1:  # the segments of many recordings need too much memory
                connection.execute("CREATE TEMP TABLE segments AS" + bind(_SEGMENTS, {"day": days[0][0]}))
            reader = copy(self)
            reader._session = connection
            yield reader

    @contextmanager
    def _selected(
        self, connection: duckdb.DuckDBPyConnection, condition: str, parameters: Mapping[str, object]
    ) -> Iterator[None]:
        """Select recordings into temporary tables. Names refer to these first, also in views."""
        related, selected = (
            bind(self._translate(sql.format(condition=condition)), parameters) for sql in (_RELATED, _SELECTED)
        )
        try:
            connection.execute(f"CREATE TEMP TABLE recordings AS {related}")
            connection.execute(f"CREATE TEMP TABLE recordings_current AS {selected}")
            yield
        finally:
            for name in ("segments", "recordings_current", "recordings"):
                connection.execute(f"DROP TABLE IF EXISTS temp.{name}")

    @contextmanager
    def _read(self, sql: str = "") -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the file for reading. For SQL that depends on the last day, it is a constant: see `LAST_DAY`."""
        with self._connect(read_only=True) as connection, self._interruptible(connection):
            if any(name in sql.lower() for name in _last_day_names()):
                day = self._last_day(connection)
                value = f"'{day}'" if day else "NULL"
                connection.execute(f"CREATE OR REPLACE TEMP MACRO {LAST_DAY} AS CAST({value} AS DATE)")
            yield connection

    def _last_day(self, connection: duckdb.DuckDBPyConnection) -> date | None:
        """Return the last day with calls. Usually it is the newest day, which is checked without reading the others."""
        newest: date | None
        [newest] = connection.execute(_NEWEST_DAY_SQL).fetchone() or (None,)
        if newest is not None and self._session is None:  # the recordings are not selected yet
            with self._selected(connection, "call_date = @day", {"day": newest}):
                if connection.execute("SELECT 1 FROM recordings_current LIMIT 1").fetchall():
                    return newest
        [newest] = connection.execute(_LAST_DAY_SQL).fetchone() or (None,)
        return newest

    @contextmanager
    def _interruptible(self, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
        self._reading.add(connection)
        try:
            if self._stopped.is_set():
                raise QueryError("queries have been stopped")
            yield
        except duckdb.InterruptException as error:
            raise QueryError(str(error)) from None
        finally:
            self._reading.discard(connection)

    def stop_queries(self) -> None:
        """End the running queries of all threads with `QueryError`, and refuse later ones. Writing continues."""
        self._stopped.set()
        for connection in tuple(self._reading):
            connection.interrupt()

    @contextmanager
    def _run(self, sql: str, parameters: Mapping[str, object] | None) -> Iterator[duckdb.DuckDBPyConnection]:
        bound = bind(self._translate(sql), parameters or {})
        with self._read(bound) as connection:
            try:
                result = connection.execute(bound)
                _check_names([column[0] for column in result.description or ()])
                yield result
            except duckdb.Error as error:
                raise QueryError(str(error)) from None

    def purge(self) -> dict[str, int]:
        """Delete the rows of recordings and details that requests erased. In BigQuery, a nightly query does this.

        Returns
        -------
        dict of str to int
            Number of deleted rows by table.
        """
        deleted = {}
        with self.session() as connection:
            requests = "FROM erasures_current WHERE reason = 'request'"
            for table in tables().values():
                columns = {field.name for field in table.fields}
                if table.name == "erasures":
                    continue
                if "recording_id" in columns:
                    condition = f"recording_id IN (SELECT recording_id {requests})"
                elif table.name == "call_details":
                    condition = f"sha256(call_id) IN (SELECT call_id_sha256 {requests})"
                else:
                    continue
                [count] = connection.execute(f"DELETE FROM {table.name} WHERE {condition}").fetchone() or (0,)  # noqa: S608
                deleted[table.name] = int(count)
        with self._connect() as connection:
            connection.execute("CHECKPOINT")
        return deleted

    def export(self, name: str, path: Path, form: Literal["csv", "parquet"], *, formulas_as_text: bool = False) -> int:
        """Write all rows of a view or table to a file.

        Parameters
        ----------
        name : str
            Name of a view or table.
        path : Path
            An existing file is replaced after all rows are written; a device or a pipe receives the rows.
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
        is_file = path.is_file() or not path.exists()
        with self._read(name) as connection:
            try:
                # COPY does not accept parameters.
                target = bind("$path", {"path": str(path.resolve() if is_file else path)})
                source = f'"{name}"'
                if formulas_as_text:
                    columns = connection.execute(f"DESCRIBE {source}").fetchall()
                    texts = [formula_as_text_sql(column) for column, kind, *_ in columns if kind == "VARCHAR"]
                    source = f"(SELECT * REPLACE ({', '.join(texts)}) FROM {source})"  # noqa: S608
                written = connection.execute(
                    f"COPY {source} TO {target} ({options}, USE_TMP_FILE {is_file})"
                ).fetchone()
            except duckdb.IOException as error:
                raise WarehouseError(f"{path} cannot be written: {error}") from None
        return int(written[0]) if written else 0


def _check_names(columns: Sequence[str]) -> None:
    """Raise QueryError if two columns of a result have the same name, which BigQuery does not support."""
    counts = Counter(name.lower() for name in columns)
    if repeated := [name for name, count in counts.items() if count > 1]:
        raise QueryError(f"several columns of the result are named {', '.join(repeated)}; name each of them with AS")


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
        with suppress(duckdb.Error):  # an error of the disk has ended the transaction
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
