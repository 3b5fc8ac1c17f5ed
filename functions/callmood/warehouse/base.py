"""Where rows go: what BigQuery and the local store have in common, and the order in which an analysis is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from callmood.types import JsonRow


class Warehouse(Protocol):
    """A store of rows by table."""

    def append(self, table: str, rows: Sequence[JsonRow]) -> None:
        """Check rows against the table's schema and append them.

        Raises
        ------
        SchemaError
            A row does not fit; nothing was written.
        WarehouseError
            The warehouse did not take the rows.
        """
        ...

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[JsonRow]:
        """Rows of a BigQuery SQL query; ``@name`` in it takes the parameter's value."""
        ...


def write_analysis(warehouse: Warehouse, segments: Sequence[JsonRow], commit: JsonRow) -> None:
    """Write an analysis: its segments first, the row of `recordings` last.

    That row is the commit: views show only segments of committed analyses, so a writer that dies half way
    leaves nothing visible, and writing again completes the work.

    Parameters
    ----------
    warehouse : Warehouse
        Where to.
    segments : sequence of dict
        Rows of `segments`.
    commit : dict
        Row of `recordings`.
    """
    if segments:
        warehouse.append("segments", segments)
    warehouse.append("recordings", [commit])
