"""History scored again by another model version, shown when it is complete.

Rows are appended only, so what reports show is stated by rows too, in `releases`: a version's new analyses are *held*
back until the version is *shown*, which is one row, so reports change all at once.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from datetime import UTC, datetime

from callmood.analysis.rows import release_row
from callmood.errors import CloudError, RegistryError
from callmood.models.registry import PRODUCTION, Registry, parse_address
from callmood.warehouse.base import Warehouse

_ASK_EVERY_S = 10.0
# Longer than the last attempt at an event comes after the first: who is still without rows then will not get any.
_PATIENCE_S = 45 * 60.0


def wanted_version(uri: str) -> tuple[Registry, str]:
    """The registry and the version that an address names; the version works.

    Parameters
    ----------
    uri : str
        ``REGISTRY@VERSION``, or ``REGISTRY@ALIAS`` for the version that it means now.

    Raises
    ------
    RegistryError
        It names no registry, or nothing in it.
    ModelError
        The version cannot be loaded, or fails its self-test.
    """
    address = parse_address(uri)
    if address is None:
        raise RegistryError(f"{uri!r} names no version of a registry; write REGISTRY@VERSION (docs/registry.md)")
    registry = Registry(address[0])
    version = registry.release(address[1]).version
    registry.load(version)
    return registry, version


def hold(warehouse: Warehouse, version: str) -> None:
    """Keep a version's analyses of from now on from being shown before others; held already, it stays so."""
    known = warehouse.query(
        "SELECT state FROM releases WHERE model_version = @version ORDER BY stated_at DESC LIMIT 1",
        {"version": version},
    )
    if not known or known[0]["state"] != "held":
        warehouse.append("releases", [release_row(version, "held", datetime.now(UTC))])


def show(warehouse: Warehouse, version: str) -> None:
    """Show a version's analyses before those of all versions shown earlier, from now on and all at once."""
    warehouse.append("releases", [release_row(version, "shown", datetime.now(UTC))])


def show_if_serving(warehouse: Warehouse, registry: Registry, version: str) -> bool:
    """Show a version if it is in production; else that is for its promotion to do."""
    serving = registry.releases().get(PRODUCTION)
    if serving is None or serving.version != version:
        return False
    show(warehouse, version)
    return True


def scored(warehouse: Warehouse, version: str, since: datetime) -> set[str]:
    """Ids of recordings that a version has analyzed, and of those that never will be: failed since then, or erased."""
    rows = warehouse.query(
        "SELECT recording_id FROM recordings WHERE model_version = @version "
        "UNION DISTINCT SELECT recording_id FROM failures WHERE failed_at >= @since AND recording_id IS NOT NULL "
        "UNION DISTINCT SELECT recording_id FROM erasures",
        {"version": version, "since": since},
    )
    return {row["recording_id"] for row in rows}


def wait(warehouse: Warehouse, version: str, since: datetime, recording_ids: Collection[str]) -> Iterator[int]:
    """Wait until every recording is scored or has failed.

    Parameters
    ----------
    warehouse : Warehouse
        Where the rows arrive.
    version : str
        The version.
    since : datetime
        When they were asked for; failures before do not count.
    recording_ids : collection of str
        The recordings.

    Yields
    ------
    int
        How many are left, again and again; 0 is the last.

    Raises
    ------
    CloudError
        For three quarters of an hour none has arrived.
    """
    left, arrived_at = len(recording_ids) + 1, time.monotonic()
    while True:
        before, left = left, len(set(recording_ids) - scored(warehouse, version, since))
        yield left
        if left == 0:
            return
        if left < before:
            arrived_at = time.monotonic()
        elif time.monotonic() - arrived_at > _PATIENCE_S:
            raise CloudError(
                f"{left} recordings have neither rows of {version} nor a failure, and none arrives any more: "
                "the log of analyze says why; once it is mended, the same command goes on"
            )
        time.sleep(_ASK_EVERY_S)
