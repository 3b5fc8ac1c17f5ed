"""Claims on the recordings of a local store, so that several runs share the work.

A claim is a row in a table that only local stores have. It ends with its process: the claim of a killed run is free.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from callmood.warehouse.dialect import bind

if TYPE_CHECKING:
    from callmood.warehouse.duckdb import DuckDBWarehouse

_TABLE = """
CREATE TABLE IF NOT EXISTS claims (
  key VARCHAR NOT NULL, host VARCHAR NOT NULL, pid BIGINT NOT NULL, started VARCHAR NOT NULL, claimed_at TIMESTAMPTZ
)
"""

_HELD = """
SELECT key, host, pid, started, claimed_at > now() - to_hours($hours)
FROM claims
WHERE list_contains($keys, key)
"""
_DELETE = "DELETE FROM claims WHERE list_contains($keys, key)"
_INSERT = "INSERT INTO claims SELECT unnest($keys), $host, $pid, $started, now()"

# A process on another machine cannot be checked. Longer than the analysis of one recording takes.
_REMOTE_CLAIM_HOURS = 2


class Claims:
    """The claims of this process.

    Parameters
    ----------
    store : DuckDBWarehouse
        The store.
    """

    def __init__(self, store: DuckDBWarehouse) -> None:
        self._store = store
        self._process = {"host": platform.node(), "pid": os.getpid(), "started": _start_time(os.getpid())}

    def take(self, keys: Iterable[str]) -> set[str]:
        """Claim what no other running process has claimed.

        Parameters
        ----------
        keys : iterable of str
            IDs of what to process.

        Returns
        -------
        set of str
            The keys that this process may process. The others are being processed.
        """
        wanted = list(dict.fromkeys(keys))
        with self._store.session() as connection:
            connection.execute(_TABLE)
            rows = connection.execute(bind(_HELD, {"hours": _REMOTE_CLAIM_HOURS, "keys": wanted})).fetchall()
            taken = {key for key, host, pid, started, is_recent in rows if self._is_held(host, pid, started, is_recent)}
            free = [key for key in wanted if key not in taken]
            if free:
                connection.execute(bind(_DELETE, {"keys": free}))
                connection.execute(bind(_INSERT, {"keys": free, **self._process}))
        return set(free)

    def release(self, keys: Iterable[str]) -> None:
        """End claims of this process."""
        with self._store.session() as connection:
            connection.execute(bind(_DELETE, {"keys": list(keys)}))

    def release_all(self) -> None:
        """End all claims of this process."""
        with self._store.session() as connection:
            connection.execute(_TABLE)
            connection.execute(bind("DELETE FROM claims WHERE host = $host AND pid = $pid", self._process))

    def _is_held(self, host: str, pid: int, started: str, is_recent: bool) -> bool:
        """Return whether another running process has a claim."""
        if host != self._process["host"]:
            return is_recent
        return pid != self._process["pid"] and _is_running(pid) and _start_time(pid) == started


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it belongs to another user
        return True
    return True


def _start_time(pid: int) -> str:
    """Return the start of a process, which distinguishes it from a later process with the same ID; empty if unknown."""
    try:
        # Field 22 follows the name in parentheses: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
        return f"{_boot_id()} {Path(f'/proc/{pid}/stat').read_text(encoding='utf-8').rpartition(')')[2].split()[19]}"
    except (OSError, IndexError):
        return ""


@cache
def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
