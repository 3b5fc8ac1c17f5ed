"""The interface of a warehouse, and the order in which an analysis is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from callmood.types import JsonRow

if TYPE_CHECKING:
    from pandas import DataFrame


class Warehouse(Protocol):
    """The tables and views of one BigQuery dataset or one DuckDB file."""

    def append(self, table: str, rows: Sequence[JsonRow]) -> None:
        """Validate rows against the table's schema and append them.

        Raises
        ------
        SchemaError
            A row does not match the schema; nothing was written.
        WarehouseError
            The warehouse did not accept the rows.
        """
        ...

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[JsonRow]:
        """Run a BigQuery SQL query and return its rows; ``@name`` in the query is replaced by the parameter's value."""
        ...

    def query_dataframe(self, sql: str, parameters: Mapping[str, object] | None = None) -> DataFrame:
        """Run a BigQuery SQL query as `query` does, and return a DataFrame.

        The column types are the same for both warehouses, also without rows:

        ==========  =======================  ========
        BigQuery    pandas                   NULL
        ==========  =======================  ========
        INT64       ``Int64``                ``NA``
        FLOAT64     ``float64``              ``NaN``
        BOOL        ``boolean``              ``NA``
        STRING      ``str``                  ``NaN``
        DATE        ``datetime64[us]``       ``NaT``
        TIMESTAMP   ``datetime64[us, UTC]``  ``NaT``
        others      ``object``               ``None``
        ==========  =======================  ========

        `DataFrame.to_csv` writes dates without a time and integers without a decimal point.
        """
        ...

    def snapshot(self, condition: str, parameters: Mapping[str, object]) -> AbstractContextManager[Warehouse]:
        """Return a warehouse for several queries about the same recordings, as a context manager.

        Parameters
        ----------
        condition : str
            BigQuery SQL of a condition on `call_date` and `recording_id`. All queries must be limited to these
            recordings: a local store selects the recordings once, and BigQuery for each query.
        parameters : dict
            Values of the condition by name.
        """
        ...


def write_analysis(warehouse: Warehouse, segments: Sequence[JsonRow], commit: JsonRow) -> None:
    """Write an analysis: first its segments, then its row of `recordings`.

    The last row is the commit. Views contain only segments of committed analyses, so an interrupted write leaves
    nothing visible, and a repeated write completes it.

    Parameters
    ----------
    warehouse : Warehouse
        Destination.
    segments : sequence of dict
        Rows of `segments`.
    commit : dict
        Row of `recordings`.
    """
    if segments:
        warehouse.append("segments", segments)
    warehouse.append("recordings", [commit])
