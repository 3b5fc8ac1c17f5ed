"""Remove a canary, or return to the previous version."""

from __future__ import annotations

from callmood.errors import RegistryError
from callmood.models.registry import Registry, Release


def rollback(registry: Registry, alias: str, canary: str | None = None) -> Release:
    """Undo the last promotion of an alias.

    Parameters
    ----------
    registry : Registry
    alias : str
    canary : str, optional
        Remove only this canary. If it is not the canary, nothing changes, so the call can be repeated.

    Returns
    -------
    Release
        The new release of the alias.

    Raises
    ------
    RegistryError
        The alias does not exist, or has no previous version.
    """

    def changed(present: Release | None) -> Release:
        if present is None:
            raise RegistryError(f"{registry.uri} has no alias {alias!r}, so there is nothing to roll back")
        return present if canary not in (None, present.canary) else present.rolled_back()

    return registry.update(alias, "rollback", changed)
