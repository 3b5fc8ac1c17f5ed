"""The calls of a local store that an alert was sent for. Only local stores have this table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from callmood.types import text_sha256
from callmood.warehouse.dialect import bind

if TYPE_CHECKING:
    from callmood.warehouse.duckdb import DuckDBWarehouse

_TABLE = "CREATE TABLE IF NOT EXISTS alerts (call_sha256 VARCHAR NOT NULL, sent_at TIMESTAMPTZ NOT NULL)"


def is_alerted(store: DuckDBWarehouse, call: str) -> bool:
    """Return whether an alert was sent for a call.

    Parameters
    ----------
    store : DuckDBWarehouse
        The store.
    call : str
        ID of the call, or the URI of a recording without one.
    """
    with store.session() as connection:
        connection.execute(_TABLE)
        sql = bind("SELECT 1 FROM alerts WHERE call_sha256 = $call", {"call": text_sha256(call)})
        return bool(connection.execute(sql).fetchall())


def mark_alerted(store: DuckDBWarehouse, call: str) -> None:
    """Record that an alert was sent for a call; parameters as in `is_alerted`. Only a hash of the ID is stored."""
    with store.session() as connection:
        connection.execute(bind("INSERT INTO alerts VALUES ($call, now())", {"call": text_sha256(call)}))
