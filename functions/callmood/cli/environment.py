"""The settings and warehouses that commands work with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from callmood.errors import CallmoodError

if TYPE_CHECKING:
    from pathlib import Path

    from callmood.settings import ScoreSettings, Settings
    from callmood.warehouse.base import Warehouse
    from callmood.warehouse.duckdb import DuckDBWarehouse


def read_settings(model: str | None = None) -> Settings:
    """Read the settings from the environment.

    Parameters
    ----------
    model : str, optional
        Replaces `MODEL_URI`.

    Raises
    ------
    SettingsError
        A variable has an invalid value.
    """
    from callmood.settings import load_settings

    settings = load_settings()
    return settings.model_copy(update={"model_uri": model}) if model else settings


def read_realtime_settings() -> ScoreSettings:
    """Read the settings of the real-time service from the environment.

    Raises
    ------
    SettingsError
        A variable has an invalid value.
    """
    from callmood.settings import ScoreSettings, load_settings

    return load_settings(ScoreSettings)


def create_store(path: Path, settings: Settings) -> DuckDBWarehouse:
    """Open a local store, and create it if it does not exist.

    Parameters
    ----------
    path : Path
        The DuckDB file.
    settings : Settings
        Time zone and minimum group size of the views.
    """
    from callmood.warehouse.duckdb import DuckDBWarehouse

    return DuckDBWarehouse(path, settings.time_zone, settings.min_calls_per_group)


def open_store(path: Path) -> DuckDBWarehouse:
    """Open a local store that must exist: a query of a new, empty store would only leave a file behind.

    Parameters
    ----------
    path : Path
        The DuckDB file.

    Raises
    ------
    CallmoodError
        The file does not exist.
    """
    if not path.exists():
        raise CallmoodError(f"store {path} does not exist; create it with: callmood analyze FOLDER --store {path}")
    return create_store(path, read_settings())


def open_warehouse(store: Path, dataset: str | None) -> Warehouse:
    """Open a BigQuery dataset, or an existing local store if no dataset is named.

    Parameters
    ----------
    store : Path
        The DuckDB file.
    dataset : str or None
        ``PROJECT.DATASET``.

    Raises
    ------
    CallmoodError
        No dataset is named, and the file does not exist.
    """
    if dataset is None:
        return open_store(store)
    from callmood.warehouse.bigquery import BigQueryWarehouse

    return BigQueryWarehouse(dataset)
