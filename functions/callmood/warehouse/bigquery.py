"""The warehouse in BigQuery."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import requests
from google.api_core.exceptions import BadRequest, GoogleAPIError, NotFound, ServerError, TooManyRequests
from google.api_core.retry import Retry
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError, TransportError
from google.cloud import bigquery

from callmood.errors import QueryError, SchemaError, WarehouseError
from callmood.types import JsonRow
from callmood.warehouse.schema import check_rows, tables

# BigQuery advises 500 rows a request and takes 10 MB: https://cloud.google.com/bigquery/quotas#streaming_inserts
_BATCH_ROWS = 500
_BATCH_BYTES = 5_000_000

_REQUEST_TIMEOUT_S = 30.0
_RETRY_FOR_S = 60.0

_TRANSIENT = (
    TooManyRequests,
    ServerError,
    TransportError,
    requests.exceptions.ConnectionError,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.Timeout,
)

_SQL_TYPES = {str: "STRING", bool: "BOOL", int: "INT64", float: "FLOAT64", date: "DATE", datetime: "TIMESTAMP"}


def _is_transient(error: BaseException) -> bool:
    """Whether asking again may help. Too many requests at once is a 403 in BigQuery, not a 429."""
    reasons = {cause.get("reason") for cause in getattr(error, "errors", ())}
    return isinstance(error, _TRANSIENT) or "rateLimitExceeded" in reasons


_RETRY = Retry(predicate=_is_transient, initial=0.5, multiplier=2.0, maximum=10.0, timeout=_RETRY_FOR_S)


def connect(project: str | None = None) -> bigquery.Client:
    """Client of the environment's credentials; of BIGQUERY_EMULATOR_HOST, with none, where that is set.

    Parameters
    ----------
    project : str, optional
        Whose queries they are; default: the environment's project.
    """
    # The library takes the emulator's address from the environment, but looks for credentials all the same.
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
    """A warehouse in one BigQuery dataset, whose tables and views are already there.

    Parameters
    ----------
    dataset : str
        ``dataset`` or ``project.dataset``.
    client : bigquery.Client, optional
        Default: `connect()`.
    """

    def __init__(self, dataset: str, client: bigquery.Client | None = None) -> None:
        self._client = client or connect()
        self._dataset = bigquery.DatasetReference.from_string(dataset, default_project=self._client.project)

    def append(self, table: str, rows: Sequence[JsonRow]) -> None:
        """Check rows against the table's schema and stream them in, in bounded batches, in order.

        Each row's id is its insert id, so BigQuery drops most repetitions that follow within a minute; the views drop
        the others. A lost connection, 429 and 5xx are tried again for a minute.

        Parameters
        ----------
        table : str
            Name of a table in `schemas/tables`.
        rows : sequence of dict
            JSON-able rows.

        Raises
        ------
        SchemaError
            A row does not fit its schema (nothing was written), or not BigQuery's table (its batch was not written).
        WarehouseError
            BigQuery did not take the rows. Batches before the refused one are written; write all again.
        """
        check_rows(table, rows)
        id_field = tables()[table].id_field
        for batch in _batches(rows):
            ids = [row[id_field] for row in batch]
            try:
                refused = self._client.insert_rows_json(
                    self._dataset.table(table), batch, row_ids=ids, retry=_RETRY, timeout=_REQUEST_TIMEOUT_S
                )
            except (GoogleAPIError, GoogleAuthError, requests.RequestException) as error:
                raise WarehouseError(f"BigQuery took no rows for {self._dataset}.{table}: {error}") from error
            if refused:
                raise _refusal(table, ids, refused)

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[JsonRow]:
        """Rows of a BigQuery SQL query, in which a table's name alone means this dataset's.

        Parameters
        ----------
        sql : str
            One statement; ``@name`` takes the parameter's value.
        parameters : dict, optional
            Values by name: str, bool, int, float, date or datetime.

        Returns
        -------
        list of dict
            Timestamps with their zone, dates as `datetime.date`.

        Raises
        ------
        QueryError
            The query is no valid BigQuery SQL, or names what is not there.
        WarehouseError
            BigQuery did not answer.
        """
        config = bigquery.QueryJobConfig(
            default_dataset=self._dataset,
            query_parameters=[
                bigquery.ScalarQueryParameter(name, _SQL_TYPES[type(value)], value)
                for name, value in (parameters or {}).items()
            ],
        )
        try:
            rows = self._client.query(sql, job_config=config, retry=_RETRY).result(retry=_RETRY)
            return [dict(row.items()) for row in rows]
        except (BadRequest, NotFound) as error:
            raise QueryError(error.message) from None
        except (GoogleAPIError, GoogleAuthError, requests.RequestException) as error:
            raise WarehouseError(f"BigQuery did not answer the query: {error}") from error


def _refusal(table: str, ids: Sequence[str], refused: Sequence[JsonRow]) -> SchemaError | WarehouseError:
    """The error for the rows that BigQuery names as refused.

    It tells ids, reasons and columns: BigQuery's own messages repeat values, which belong in no log.
    """
    causes = {
        (entry["index"], cause.get("reason", "unknown"), cause.get("location", ""))
        for entry in refused
        for cause in entry["errors"]
        if cause.get("reason") != "stopped"  # sound itself, in a batch with one that is not
    }
    told = "; ".join(
        f"row {ids[index]}: {reason}" + (f" at {column}" if column else "") for index, reason, column in sorted(causes)
    )
    kind = SchemaError if any(reason == "invalid" for _, reason, _ in causes) else WarehouseError
    return kind(f"BigQuery refused rows for {table}: {told}")
