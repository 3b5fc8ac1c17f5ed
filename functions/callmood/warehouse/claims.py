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

if TYPE_CHECKING:
    from callmood.warehouse.duckdb import DuckDBWarehouse

_TABLE = """
CREATE TABLE IF NOT EXISTS claims (
  key VARCHAR NOT NULL, host VARCHAR NOT NULL, pid BIGINT NOT NULL, started VARCHAR NOT NULL, claimed_at TIMESTAMPTZ
)
"""

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
        self._host, self._pid, self._started = platform.node(), os.getpid(), _start_time(os.getpid())

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
            rows = connection.execute(
                "SELECT key, host, pid, started, claimed_at > now() - to_hours(?) FROM claims "
                "WHERE list_contains(?, key)",
                [_REMOTE_CLAIM_HOURS, wanted],
            ).fetchall()
            taken = {key for key, host, pid, started, is_recent in rows if self._is_held(host, pid, started, is_recent)}
            free = [key for key in wanted if key not in taken]
            connection.execute("DELETE FROM claims WHERE list_contains(?, key)", [free])
            if free:
                connection.execute(
                    "INSERT INTO claims SELECT unnest(?), ?, ?, ?, now()", [free, self._host, self._pid, self._started]
                )
        return set(free)

    def release(self, keys: Iterable[str]) -> None:
        """End claims of this process."""
        with self._store.session() as connection:
            connection.execute("DELETE FROM claims WHERE list_contains(?, key)", [list(keys)])

    def release_all(self) -> None:
        """End all claims of this process."""
        with self._store.session() as connection:
            connection.execute(_TABLE)
            connection.execute("DELETE FROM claims WHERE host = ? AND pid = ?", [self._host, self._pid])

    def _is_held(self, host: str, pid: int, started: str, is_recent: bool) -> bool:
        """Return whether another running process has a claim."""
        if host != self._host:
            return is_recent
        return pid != self._pid and _is_running(pid) and _start_time(pid) == started


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
