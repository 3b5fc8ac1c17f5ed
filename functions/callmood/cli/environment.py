"""The settings and warehouses that commands work with."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from callmood.settings import LocalSettings, ReportSettings
    from callmood.warehouse.base import Warehouse
    from callmood.warehouse.duckdb import DuckDBWarehouse


def read_settings(model: str | None = None) -> LocalSettings:
    """Read the settings of `analyze` and `watch` from the environment.

    Parameters
    ----------
    model : str, optional
        Replaces `MODEL_URI`.

    Raises
    ------
    SettingsError
        A variable has an invalid value.
    """
    from callmood.settings import LocalSettings, load_settings

    settings = load_settings(LocalSettings)
    return settings.model_copy(update={"model_uri": model}) if model else settings


def read_report_settings() -> ReportSettings:
    """Read the settings of views and reports from the environment.

    Raises
    ------
    SettingsError
        A variable has an invalid value.
    """
    from callmood.settings import ReportSettings, load_settings

    return load_settings(ReportSettings)


def create_store(
    path: Path, settings: ReportSettings, lock_timeout_s: float | None = None, threads: int | None = None
) -> DuckDBWarehouse:
    """Open a local store, and create it if it does not exist.

    Parameters
    ----------
    path : Path
        The DuckDB file.
    settings : ReportSettings
        Time zone and minimum group size of the views.
    lock_timeout_s : float, optional
        Seconds to wait while another program holds the store.
    threads : int, optional
        Threads of a query. Default: one for each processor.
    """
    from callmood.cli.output import err
    from callmood.warehouse.duckdb import LOCK_TIMEOUT_S, DuckDBWarehouse

    return DuckDBWarehouse(
        path,
        settings.time_zone,
        settings.min_calls_per_group,
        lock_timeout_s=LOCK_TIMEOUT_S if lock_timeout_s is None else lock_timeout_s,
        on_wait=lambda sentence: err.print(sentence, markup=False, highlight=False),
        threads=threads,
    )


def store_files(path: Path) -> set[Path]:
    """Return the absolute paths of the files of a local store, which are not recordings of its folder."""
    file = path.parent.resolve() / path.name
    return {file, file.with_name(f"{file.name}.wal")}


def open_store(path: Path) -> DuckDBWarehouse:
    """Open a local store that must exist: a query of a new, empty store would only leave a file behind.

    Parameters
    ----------
    path : Path
        The DuckDB file.

    Raises
    ------
    WarehouseError
        The file does not exist.
    """
    from callmood.warehouse.duckdb import require_store

    return create_store(require_store(path), read_report_settings())


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
    WarehouseError
        No dataset is named, and the file does not exist.
    """
    if dataset is None:
        return open_store(store)
    from callmood.warehouse.bigquery import BigQueryWarehouse

    return BigQueryWarehouse(dataset)
