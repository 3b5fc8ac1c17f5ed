"""A warehouse in a BigQuery dataset."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import requests
from google.api_core.exceptions import BadRequest, GoogleAPIError, NotFound, ServerError, TooManyRequests
from google.api_core.retry import Retry
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError, TransportError
from google.cloud import bigquery

from callmood.errors import QueryError, SchemaError, WarehouseError
from callmood.types import JsonRow
from callmood.warehouse.schema import check_rows, tables

if TYPE_CHECKING:
    from google.cloud.bigquery import Row, SchemaField
    from pandas import DataFrame

# BigQuery recommends 500 rows per request and accepts 10 MB: https://cloud.google.com/bigquery/quotas#streaming_inserts
_BATCH_ROWS = 500
_BATCH_BYTES = 5_000_000

# Costs about 0.60 dollars on demand. Three months of segments, the most that a query of callmood reads, are about 60 GB
# at a million calls per month.
_MAXIMUM_BYTES_BILLED = 100 * 2**30

_REQUEST_TIMEOUT_S = 30.0
_RETRY_TIMEOUT_S = 60.0

_TRANSIENT_ERRORS = (
    TooManyRequests,
    ServerError,
    TransportError,
    requests.exceptions.ConnectionError,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.Timeout,
)

_PARAMETER_TYPES = {str: "STRING", bool: "BOOL", int: "INT64", float: "FLOAT64", date: "DATE", datetime: "TIMESTAMP"}

# The API names some types as legacy SQL does.
_PANDAS_TYPES = {
    "INTEGER": "Int64",
    "INT64": "Int64",
    "FLOAT": "float64",
    "FLOAT64": "float64",
    "BOOLEAN": "boolean",
    "BOOL": "boolean",
    "STRING": "str",
    "DATE": "datetime64[us]",
    "TIMESTAMP": "datetime64[us, UTC]",
}


def _is_transient(error: BaseException) -> bool:
    """Return whether a retry may succeed. BigQuery answers 403, not 429, to too many requests."""
    reasons = {cause.get("reason") for cause in getattr(error, "errors", ())}
    return isinstance(error, _TRANSIENT_ERRORS) or "rateLimitExceeded" in reasons


_RETRY = Retry(predicate=_is_transient, initial=0.5, multiplier=2.0, maximum=10.0, timeout=_RETRY_TIMEOUT_S)


def connect(project: str | None = None) -> bigquery.Client:
    """Return a client with the environment's credentials.

    If BIGQUERY_EMULATOR_HOST is set, the client connects to that emulator without credentials.

    Parameters
    ----------
    project : str, optional
        Project that runs and pays for queries; default: the environment's project.
    """
    # The library reads the emulator's address from the environment, but still asks for credentials.
    return bigquery.Client(
        project, credentials=AnonymousCredentials() if os.environ.get("BIGQUERY_EMULATOR_HOST") else None
    )


def _batches(rows: Sequence[JsonRow]) -> Iterator[list[JsonRow]]:
    batch: list[JsonRow] = []
    size = 0
    for row in rows:
        row_size = len(json.dumps(row))
        if batch and (len(batch) == _BATCH_ROWS or size + row_size > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += row_size
    if batch:
        yield batch


class BigQueryWarehouse:
    """A warehouse in one BigQuery dataset. Terraform creates its tables and views.

    Parameters
    ----------
    dataset : str
        ``dataset`` or ``project.dataset``.
    client : bigquery.Client, optional
        Default: `connect()`.
    maximum_bytes_billed : int
        BigQuery rejects a query that would bill more bytes, and does not bill it.
    """

    def __init__(
        self,
        dataset: str,
        client: bigquery.Client | None = None,
        maximum_bytes_billed: int = _MAXIMUM_BYTES_BILLED,
    ) -> None:
        self._client = client or connect()
        self._maximum_bytes_billed = maximum_bytes_billed
        self._dataset = bigquery.DatasetReference.from_string(dataset, default_project=self._client.project)

    def append(self, table: str, rows: Sequence[JsonRow]) -> None:
        """Validate rows against the table's schema and stream them in order, in batches of bounded size.

        The row's ID is its insert ID, so BigQuery drops most duplicates that arrive within a minute; the views drop the
        others. Lost connections, 429, and 5xx are retried for a minute.

        Parameters
        ----------
        table : str
            Name of a table in `schemas/tables`.
        rows : sequence of dict
            Rows with values that JSON can hold.

        Raises
        ------
        SchemaError
            A row does not match its schema (nothing was written) or BigQuery's table (its batch was not written).
        WarehouseError
            BigQuery did not accept the rows. Batches before the rejected one are written; write all rows again.
        """
        check_rows(table, rows)
        id_field = tables()[table].id_field
        for batch in _batches(rows):
            ids = [row[id_field] for row in batch]
            try:
                errors = self._client.insert_rows_json(
                    self._dataset.table(table), batch, row_ids=ids, retry=_RETRY, timeout=_REQUEST_TIMEOUT_S
                )
            except (GoogleAPIError, GoogleAuthError, requests.RequestException) as error:
                raise WarehouseError(f"BigQuery did not accept rows for {self._dataset}.{table}: {error}") from error
            if errors:
                raise _insert_error(table, ids, errors)

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[JsonRow]:
        """Run a BigQuery SQL query; a table name without a dataset is a table of this dataset.

        Parameters
        ----------
        sql : str
            One statement; ``@name`` is replaced by the parameter's value.
        parameters : dict, optional
            Values by name: str, bool, int, float, date, datetime, or list of str.

        Returns
        -------
        list of dict
            Timestamps with a time zone; dates as `datetime.date`.

        Raises
        ------
        QueryError
            The query is not valid BigQuery SQL, or names a table or column that does not exist.
        WarehouseError
            BigQuery did not answer.
        """
        _, rows = self._run(sql, parameters)
        return [dict(row.items()) for row in rows]

    def query_dataframe(self, sql: str, parameters: Mapping[str, Any] | None = None) -> DataFrame:
        """Run a query as `query` does, and return a DataFrame with the types of `Warehouse.query_dataframe`."""
        import pandas as pd

        fields, rows = self._run(sql, parameters)
        return pd.DataFrame(
            {
                field.name: pd.Series([row[column] for row in rows], dtype=_pandas_type(field))
                for column, field in enumerate(fields)
            }
        )

    def snapshot(
        self,
        condition: str,  # noqa: ARG002 - each query selects its recordings
        parameters: Mapping[str, object],  # noqa: ARG002
    ) -> AbstractContextManager[BigQueryWarehouse]:
        """Return this warehouse: see `Warehouse.snapshot`."""
        return nullcontext(self)

    def _run(self, sql: str, parameters: Mapping[str, Any] | None) -> tuple[list[SchemaField], list[Row]]:
        """Return the columns and the rows of a query."""
        config = bigquery.QueryJobConfig(
            default_dataset=self._dataset,
            maximum_bytes_billed=self._maximum_bytes_billed,
            query_parameters=[
                bigquery.ArrayQueryParameter(name, "STRING", value)
                if isinstance(value, list)
                else bigquery.ScalarQueryParameter(name, _PARAMETER_TYPES[type(value)], value)
                for name, value in (parameters or {}).items()
            ],
        )
        try:
            result = self._client.query(sql, job_config=config, retry=_RETRY).result(retry=_RETRY)
            return list(result.schema), list(result)
        except (BadRequest, NotFound) as error:
            raise QueryError(error.message) from None
        except (GoogleAPIError, GoogleAuthError, requests.RequestException) as error:
            raise WarehouseError(f"BigQuery did not answer the query: {error}") from error


def _pandas_type(field: SchemaField) -> str:
    return "object" if field.mode == "REPEATED" else _PANDAS_TYPES.get(field.field_type, "object")


def _insert_error(table: str, ids: Sequence[str], errors: Sequence[JsonRow]) -> SchemaError | WarehouseError:
    """Return the exception for the rows that BigQuery rejected.

    Its message contains IDs, reasons, and columns. BigQuery's own messages repeat values, which must not be logged.
    """
    causes = {
        (entry["index"], cause.get("reason", "unknown"), cause.get("location", ""))
        for entry in errors
        for cause in entry["errors"]
        if cause.get("reason") != "stopped"  # a valid row in a batch with an invalid one
    }
    details = "; ".join(
        f"row {ids[index]}: {reason}" + (f" at {column}" if column else "") for index, reason, column in sorted(causes)
    )
    error_type = SchemaError if any(reason == "invalid" for _, reason, _ in causes) else WarehouseError
    return error_type(f"BigQuery rejected rows for {table}: {details}")
