"""Promote a registered version to production, for all recordings or for a share of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from google.api_core.exceptions import GoogleAPIError
from google.auth.exceptions import GoogleAuthError

from callmood.errors import CallmoodError, RegistryError, WarehouseError
from callmood.models.registry import Registry, Release
from callmood.services import reprocess
from callmood.warehouse.base import Warehouse
from model.stores import open_store


def promote(registry: Registry, alias: str, version: str, canary: float | None) -> Release:
    """Point an alias at a version, after a self-test of the version.

    Parameters
    ----------
    registry : Registry
    alias : str
    version : str
    canary : float or None
        Share of the recordings that the version analyzes as a canary; None for all. A version that analyzes all
        recordings already is not changed to a canary.

    Returns
    -------
    Release
        The new release of the alias.

    Raises
    ------
    ModelError
        The version does not exist, or fails its self-test.
    RegistryError
        The alias does not exist, so it cannot have a canary.
    """
    registry.version(version)
    registry.load(version)

    def changed(present: Release | None) -> Release:
        if canary is None:
            return present.promoted(version) if present else Release(version)
        if present is None:
            raise RegistryError(f"the alias {alias} does not exist; promote a first version without --canary")
        return present if version == present.version else present.with_canary(version, canary)

    return registry.update(alias, "promote" if canary is None else "canary", changed)


def open_warehouses(store: Path | None, dataset: str | None) -> list[Warehouse]:
    """Open the warehouses whose reports a promotion changes.

    Raises
    ------
    WarehouseError
        The store does not exist, or cannot be opened.
    """
    warehouses: list[Warehouse] = []
    if store:
        warehouses.append(open_store(store))
    if dataset:
        from callmood.warehouse.bigquery import BigQueryWarehouse

        warehouses.append(BigQueryWarehouse(dataset))
    return warehouses


def publish_results(version: str, warehouses: Iterable[Warehouse]) -> None:
    """Make reports use a version's analyses of calls that earlier versions analyzed too.

    Raises
    ------
    WarehouseError
        A warehouse is not updated. The alias is changed nevertheless.
    """
    try:
        for warehouse in warehouses:
            reprocess.publish_version(warehouse, version)
    except (CallmoodError, GoogleAPIError, GoogleAuthError) as error:
        raise WarehouseError(
            f"{version} is in production, but reports still use earlier versions: {error}. Fix the cause, and repeat "
            f"python -m model promote {version} with the same options"
        ) from error


def describe(alias: str, release: Release) -> str:
    """Describe a release in one sentence."""
    canary = f"; the canary {release.canary} analyzes {release.share:.0%} of the recordings" if release.canary else ""
    return f"{alias} is {release.version}{canary}."
