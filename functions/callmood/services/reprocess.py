"""Reprocess recordings with another model version, and publish the results once they are complete.

Tables are append-only, so rows of `releases` state which results the views show. A version is *staged* first: the
views do not prefer its results. *Publishing* the version is one row, so all reports switch to its results at once.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from datetime import UTC, datetime

from callmood.analysis.rows import release_row
from callmood.errors import CloudError, RegistryError
from callmood.models.registry import PRODUCTION, Registry, parse_registry_uri
from callmood.warehouse.base import Warehouse

_POLL_INTERVAL_S = 10.0
# Longer than the last delivery attempt of an event takes: a recording without rows by then gets none.
_TIMEOUT_S = 45 * 60.0


def resolve_version(uri: str) -> tuple[Registry, str]:
    """Return the registry and the model version that a URI names, after a self-test of the version.

    Parameters
    ----------
    uri : str
        ``REGISTRY@VERSION``, or ``REGISTRY@ALIAS`` for the current version of the alias.

    Raises
    ------
    RegistryError
        The URI does not name a version of a registry.
    ModelError
        The version cannot be loaded, or fails its self-test.
    """
    address = parse_registry_uri(uri)
    if address is None:
        raise RegistryError(f"{uri!r} does not name a version of a registry; use REGISTRY@VERSION (docs/registry.md)")
    registry = Registry(address[0])
    version = registry.release(address[1]).version
    registry.load(version)
    return registry, version


def stage_version(warehouse: Warehouse, version: str) -> None:
    """Stage a version: until it is published, views prefer results of other versions. A staged version stays staged.

    Parameters
    ----------
    warehouse : Warehouse
        Receives the row of `releases`.
    version : str
        Model version.
    """
    latest = warehouse.query(
        "SELECT state FROM releases WHERE model_version = @version ORDER BY changed_at DESC LIMIT 1",
        {"version": version},
    )
    if not latest or latest[0]["state"] != "staged":
        warehouse.append("releases", [release_row(version, "staged", datetime.now(UTC))])


def publish_version(warehouse: Warehouse, version: str) -> None:
    """Publish a version: from now on, views prefer its results to those of versions published earlier.

    Parameters
    ----------
    warehouse : Warehouse
        Receives the row of `releases`.
    version : str
        Model version.
    """
    warehouse.append("releases", [release_row(version, "published", datetime.now(UTC))])


def publish_if_in_production(warehouse: Warehouse, registry: Registry, version: str) -> bool:
    """Publish a version if it is in production. Otherwise, its promotion publishes it.

    Parameters
    ----------
    warehouse : Warehouse
        Receives the row of `releases`.
    registry : Registry
        Contains the version.
    version : str
        Model version.

    Returns
    -------
    bool
        Whether the version is in production, and is now published.
    """
    production = registry.releases().get(PRODUCTION)
    if production is None or production.version != version:
        return False
    publish_version(warehouse, version)
    return True


def completed_recordings(warehouse: Warehouse, version: str, since: datetime) -> set[str]:
    """Return the IDs of recordings that need no further processing: analyzed by the version, failed, or erased.

    Parameters
    ----------
    warehouse : Warehouse
        Contains the rows.
    version : str
        Model version.
    since : datetime
        Earliest time of a failure that counts, with its time zone.
    """
    rows = warehouse.query(
        "SELECT recording_id FROM recordings WHERE model_version = @version "
        "UNION DISTINCT SELECT recording_id FROM failures WHERE failed_at >= @since AND recording_id IS NOT NULL "
        "UNION DISTINCT SELECT recording_id FROM erasures",
        {"version": version, "since": since},
    )
    return {row["recording_id"] for row in rows}


def wait_until_completed(
    warehouse: Warehouse, version: str, since: datetime, recording_ids: Collection[str]
) -> Iterator[int]:
    """Wait until every recording is completed.

    Parameters
    ----------
    warehouse : Warehouse
        Receives the rows.
    version : str
        Model version.
    since : datetime
        Start of the reprocessing; earlier failures do not count.
    recording_ids : collection of str
        The recordings.

    Yields
    ------
    int
        The number of remaining recordings, repeatedly; 0 is the last.

    Raises
    ------
    CloudError
        No recording completed within 45 minutes.
    """
    remaining, progress_at = len(recording_ids) + 1, time.monotonic()
    while True:
        before = remaining
        remaining = len(set(recording_ids) - completed_recordings(warehouse, version, since))
        yield remaining
        if remaining == 0:
            return
        if remaining < before:
            progress_at = time.monotonic()
        elif time.monotonic() - progress_at > _TIMEOUT_S:
            raise CloudError(
                f"{remaining} recordings have neither results of {version} nor a failure, without progress for "
                f"{_TIMEOUT_S / 60:.0f} minutes; see the log of the function analyze, fix the cause, and repeat the "
                "command to resume"
            )
        time.sleep(_POLL_INTERVAL_S)
