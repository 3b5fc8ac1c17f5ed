"""Estimate the monthly cost of a deployment in Google Cloud from its speed and public list prices."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from callmood.errors import CallmoodError

PRICES = Path(__file__).with_name("prices.json")

# Two channels of 8 kHz mu-law, the usual format of telephone systems.
_BYTES_PER_S = 2 * 8000
# BigQuery's minimum billed size of a streamed row; a row of `segments` is smaller.
_ROW_BYTES = 1000
# Bytes that BigQuery reads per call for a tile of the dashboard, by the referenced columns and the sizes of its types
# (`./run bench views month`): stored metrics and columns of recordings, or segments; and the columns that decide which
# analysis counts, with stored metrics of the month, otherwise of all days.
_TILE_BYTES, _TILE_SEGMENT_BYTES, _IDENTITY_BYTES = 290, 15_700, 310
# The hourly query reads the columns that identify analyses of all days, and the segments of the current day, on average
# half of them.
_STORING_RUNS, _STORING_BYTES = 24 * 30.4, 115 + _IDENTITY_BYTES
# Size of an event in Pub/Sub, billed for publishing and for delivery, and of the log entries of one analysis.
_EVENT_BYTES, _LOG_BYTES = 2 * 2000, 2000


@dataclass(frozen=True)
class Workload:
    """The calls of a month.

    Parameters
    ----------
    hours : float
        Total duration of the calls in hours.
    call_minutes : float
        Mean duration of a call in minutes.
    segments_per_hour : float
        Speech segments per hour of call, all channels together.
    keep_months : float
        Retention of audio and rows in months. The estimate is for a month with this much stored data.
    tiles : float
        Tiles of the dashboard that readers load per month, each about one month of calls.
    stores_metrics : bool
        Terraform's `store_metrics`: an hourly query stores the metrics of calls.
    """

    hours: float
    call_minutes: float = 6.0
    segments_per_hour: float = 900.0
    keep_months: float = 1.0
    tiles: float = 0.0
    stores_metrics: bool = False

    @property
    def calls(self) -> float:
        """Number of calls."""
        return self.hours * 60 / self.call_minutes


@dataclass(frozen=True)
class FunctionSpec:
    """Resources and speed of the function `analyze`.

    Parameters
    ----------
    times_real_time : float
        Seconds of audio analyzed per second (`./run bench`).
    overhead_s : float
        Additional seconds per call: download, writing of rows, and cold starts.
    cpus, memory_gib : float
        As in Terraform's `analyze`.
    """

    times_real_time: float = 100.0
    overhead_s: float = 2.0
    cpus: float = 1.0
    memory_gib: float = 2.0


@dataclass(frozen=True)
class CostItem:
    """One line of the estimate.

    Parameters
    ----------
    item, quantity : str
        Name and billed quantity.
    usd : float
        Cost per month.
    """

    item: str
    quantity: str
    usd: float


def load_prices(path: Path = PRICES) -> Mapping[str, Any]:
    """Read prices from a JSON file.

    Parameters
    ----------
    path : Path
        `prices.json`, or a file with the same keys.

    Raises
    ------
    CallmoodError
        The file is not JSON, or lacks a price.
    """
    try:
        prices: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if not _is_complete(prices):
            raise ValueError(f"it needs the keys and numbers of {PRICES}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CallmoodError(f"{path} cannot be read as prices: {error!r}") from None
    return prices


def _is_complete(prices: Mapping[str, Any]) -> bool:
    shipped = json.loads(PRICES.read_text(encoding="utf-8"))
    numbers = [prices["prices"][name]["usd"] for name in shipped["prices"]]
    numbers += [other["usd_per_hour"] for other in prices["alternatives"] if other["name"]]
    return shipped.keys() <= prices.keys() and all(isinstance(number, int | float) for number in numbers)


def estimate(workload: Workload, function: FunctionSpec, prices: Mapping[str, Any]) -> list[CostItem]:
    """Estimate the cost of a month.

    Parameters
    ----------
    workload : Workload
        The calls.
    function : FunctionSpec
        The function that analyzes them.
    prices : mapping
        From `load_prices`.

    Returns
    -------
    list of CostItem
        The most expensive item first.

    Examples
    --------
    >>> items = estimate(Workload(hours=1000), FunctionSpec(), load_prices())
    >>> sum(item.usd for item in items) < 50
    True
    """
    usd = {name: price["usd"] for name, price in prices["prices"].items()}
    calls = workload.calls
    seconds = workload.hours * 3600 / function.times_real_time + calls * function.overhead_s
    cpu_s, memory_gib_s = seconds * function.cpus, seconds * function.memory_gib
    rows = workload.hours * workload.segments_per_hour + calls
    rows_gb = rows * _ROW_BYTES / 1e9
    stored_rows_gb = rows_gb * workload.keep_months
    audio_gb = workload.hours * 3600 * _BYTES_PER_S / 1e9 * workload.keep_months
    logs_gib = calls * _LOG_BYTES / 2**30
    items = [
        CostItem("analyze: CPU", f"{cpu_s:,.0f} vCPU-s", cpu_s * usd["vcpu_second"]),
        CostItem("analyze: memory", f"{memory_gib_s:,.0f} GiB-s", memory_gib_s * usd["gib_second"]),
        CostItem("analyze: requests", f"{calls:,.0f}", calls / 1e6 * usd["million_requests"]),
        CostItem("events (Pub/Sub)", f"{calls:,.0f}", calls * _EVENT_BYTES / 2**40 * usd["pubsub_tib"]),
        CostItem("stored audio (Standard)", f"{audio_gb:,.0f} GB", audio_gb * usd["storage_gb_month"]),
        CostItem(
            "uploads and reads",
            f"{calls:,.0f} and {2 * calls:,.0f}",
            calls / 1e3 * (usd["thousand_uploads"] + 2 * usd["thousand_reads"]),
        ),
        CostItem("streamed rows", f"{rows:,.0f} rows", rows_gb * 5 * usd["streamed_200_mb"]),
        CostItem("stored rows", f"{stored_rows_gb:,.1f} GB", stored_rows_gb * usd["table_gb_month"]),
        CostItem("logs", f"{logs_gib:,.2f} GiB", logs_gib * usd["log_gib"]),
    ]
    if workload.stores_metrics:
        stored = calls * (_STORING_BYTES * workload.keep_months + _TILE_SEGMENT_BYTES / 60) * _STORING_RUNS
        items.append(
            CostItem("queries: stored metrics", f"{stored / 2**40:,.2f} TiB", stored / 2**40 * usd["query_tib"])
        )
    if workload.tiles:
        read = workload.tiles * tile_bytes(workload)
        items.append(
            CostItem(
                "queries: dashboard",
                f"{workload.tiles:,.0f} tiles of {tile_bytes(workload) / 1e9:,.2f} GB",
                read / 2**40 * usd["query_tib"],
            )
        )
    return sorted(items, key=lambda item: -item.usd)


def tile_bytes(workload: Workload) -> float:
    """Return the bytes that BigQuery reads for a tile of the dashboard over one month.

    Parameters
    ----------
    workload : Workload
        The calls.

    Examples
    --------
    >>> million = Workload(hours=100_000, stores_metrics=True)
    >>> tile_bytes(million) < 1e9
    True
    """
    if workload.stores_metrics:
        return workload.calls * (_TILE_BYTES + _IDENTITY_BYTES)
    return workload.calls * (_TILE_BYTES + _TILE_SEGMENT_BYTES + _IDENTITY_BYTES * workload.keep_months)


def backfill_usd(recordings: int, size_bytes: int) -> float:
    """Return the cost of the analysis of existing recordings in USD, if they have the format of telephone systems.

    Parameters
    ----------
    recordings : int
        Number of recordings.
    size_bytes : int
        Their total size.
    """
    if not recordings:
        return 0.0
    hours = size_bytes / _BYTES_PER_S / 3600
    workload = Workload(hours=hours, call_minutes=60 * hours / recordings)
    return sum(
        item.usd for item in estimate(workload, FunctionSpec(), load_prices()) if item.item != "stored audio (Standard)"
    )
