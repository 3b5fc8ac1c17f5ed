"""Watch a folder for complete recordings."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from watchfiles import watch

from callmood.sources.folder import find_recordings

# Recorders write a file during the call. A file that did not grow for this long is complete.
SETTLE_S = 1.0

# Network drives and full queues lose notifications, so the folder is also scanned at this interval.
SCAN_INTERVAL_S = 5.0


def settled_files(folder: Path, settle_s: float = SETTLE_S) -> Iterator[Path]:
    """Yield the recordings in a folder, then new and changed recordings until interrupted.

    Parameters
    ----------
    folder : Path
        Watched with all its subfolders.
    settle_s : float
        Seconds without growth after which a file is complete.

    Yields
    ------
    Path
        Absolute. A changed file is yielded again.
    """
    yielded: dict[Path, tuple[int, int]] = {}
    unsettled: dict[Path, tuple[tuple[int, int], float]] = {}
    scanned_at = float("-inf")
    # A change wakes the loop immediately; a timeout wakes it while files settle. Only the scan decides about a file.
    for changes in watch(folder, rust_timeout=int(settle_s * 500), yield_on_timeout=True, debounce=200):
        now = time.monotonic()
        if not changes and not unsettled and now - scanned_at < SCAN_INTERVAL_S:
            continue
        scanned_at = now
        files = list(find_recordings([folder]))
        unsettled = {path: unsettled[path] for path in files if path in unsettled}
        for path in files:
            try:
                stat = path.stat()
            except FileNotFoundError:
                continue
            state = (stat.st_size, stat.st_mtime_ns)
            if yielded.get(path) == state:
                continue
            previous, since = unsettled.get(path, (None, now))
            if previous != state:
                unsettled[path] = (state, now)
            elif now - since >= settle_s:
                del unsettled[path]
                yielded[path] = state
                yield path
