"""What a month of calls costs in Google Cloud, from measured speed and public list prices."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PRICES = Path(__file__).with_name("prices.json")

# Two channels of 8 kHz mu-law, as telephone systems record.
_BYTES_PER_S = 2 * 8000
# BigQuery bills no row for less; a segment's row is smaller.
_ROW_BYTES = 1000
# What an event is in Pub/Sub (billed once in, once out), and what one analysis logs.
_EVENT_BYTES, _LOG_BYTES = 2 * 2000, 2000


@dataclass(frozen=True)
class Load:
    """A month of calls.

    Parameters
    ----------
    hours : float
        Hours of calls.
    call_minutes : float
        Length of a call.
    segments_per_hour : float
        Spoken segments in an hour, of both parties.
    keep_months : float
        How long audio and rows are kept; the bill is that of a month in which so much has gathered.
    """

    hours: float
    call_minutes: float = 6.0
    segments_per_hour: float = 900.0
    keep_months: float = 1.0

    @property
    def calls(self) -> float:
        """Calls in the month."""
        return self.hours * 60 / self.call_minutes


@dataclass(frozen=True)
class Machine:
    """What a function has, and how fast it is there.

    Parameters
    ----------
    times_real_time : float
        Seconds of a call that are analyzed in a second (`./run bench`).
    overhead_s : float
        Seconds for each call beside: fetching, writing rows, its share of cold starts.
    cpus, memory_gib : float
        As in Terraform's `analyze`.
    """

    times_real_time: float = 100.0
    overhead_s: float = 2.0
    cpus: float = 1.0
    memory_gib: float = 2.0


@dataclass(frozen=True)
class Item:
    """One line of the bill.

    Parameters
    ----------
    what, amount : str
        What is paid for, and how much of it.
    usd : float
        What it costs a month.
    """

    what: str
    amount: str
    usd: float


def load_prices(path: Path = PRICES) -> Mapping[str, Any]:
    """Read prices: those of `prices.json`, or of a file in its form with your own.

    Parameters
    ----------
    path : Path
        The file.
    """
    prices: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return prices


def bill(load: Load, machine: Machine, prices: Mapping[str, Any]) -> list[Item]:
    """Reckon a month's bill, line by line.

    Parameters
    ----------
    load : Load
        The calls.
    machine : Machine
        The functions.
    prices : mapping
        As `load_prices` gives them.

    Returns
    -------
    list of Item
        The dearest first.

    Examples
    --------
    >>> items = bill(Load(hours=1000), Machine(), load_prices())
    >>> sum(item.usd for item in items) < 50
    True
    """
    usd = {name: price["usd"] for name, price in prices["prices"].items()}
    seconds = load.hours * 3600 / machine.times_real_time + load.calls * machine.overhead_s
    rows = load.hours * load.segments_per_hour + load.calls
    audio_gb = load.hours * 3600 * _BYTES_PER_S / 1e9 * load.keep_months
    rows_gb = rows * _ROW_BYTES / 1e9
    items = [
        Item("analyze: CPU", f"{seconds * machine.cpus:,.0f} vCPU-s", seconds * machine.cpus * usd["vcpu_second"]),
        Item(
            "analyze: memory",
            f"{seconds * machine.memory_gib:,.0f} GiB-s",
            seconds * machine.memory_gib * usd["gib_second"],
        ),
        Item("analyze: requests", f"{load.calls:,.0f}", load.calls / 1e6 * usd["million_requests"]),
        Item("events (Pub/Sub)", f"{load.calls:,.0f}", load.calls * _EVENT_BYTES / 2**40 * usd["pubsub_tib"]),
        Item("audio kept (Standard)", f"{audio_gb:,.0f} GB", audio_gb * usd["storage_gb_month"]),
        Item(
            "uploads and reads",
            f"{load.calls:,.0f} and {2 * load.calls:,.0f}",
            load.calls / 1e3 * (usd["thousand_uploads"] + 2 * usd["thousand_reads"]),
        ),
        Item("rows streamed", f"{rows:,.0f} rows", rows_gb * 5 * usd["streamed_200_mb"]),
        Item("rows kept", f"{rows_gb * load.keep_months:,.1f} GB", rows_gb * load.keep_months * usd["table_gb_month"]),
        Item("logs", f"{load.calls * _LOG_BYTES / 2**30:,.2f} GiB", load.calls * _LOG_BYTES / 2**30 * usd["log_gib"]),
    ]
    return sorted(items, key=lambda item: -item.usd)
