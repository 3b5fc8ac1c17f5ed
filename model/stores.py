"""The local stores that commands read and write."""

from __future__ import annotations

from pathlib import Path

from callmood.settings import ReportSettings, load_settings
from callmood.warehouse.duckdb import DuckDBWarehouse, require_store


def open_store(path: Path) -> DuckDBWarehouse:
    """Open a local store that must exist, with the time zone and the group size of the settings.

    With others, the views of the store would change for every program.

    Raises
    ------
    WarehouseError
        The store does not exist, or cannot be opened.
    SettingsError
        A setting has an invalid value.
    """
    settings = load_settings(ReportSettings)
    return DuckDBWarehouse(require_store(path), settings.time_zone, settings.min_calls_per_group)
