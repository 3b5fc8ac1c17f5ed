"""Files dropped into a folder, each when it is complete."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from watchfiles import watch

from callmood.sources.folder import find_recordings

# Recorders write a call as it goes: a file that has not grown for this long is complete.
SETTLED_AFTER_S = 1.0

# Where notifications get lost (network drives, full queues) a look at the folder finds what they did not tell.
LOOK_AGAIN_AFTER_S = 5.0


def settled_files(folder: Path, settled_after_s: float = SETTLED_AFTER_S) -> Iterator[Path]:
    """Recordings in a folder: those that lie there, then, until interrupted, those that come or change.

    Parameters
    ----------
    folder : Path
        Watched with all below it.
    settled_after_s : float
        Seconds without growth after which a file counts as complete.

    Yields
    ------
    Path
        Absolute; again when the file has changed since.
    """
    given: dict[Path, tuple[int, int]] = {}
    seen: dict[Path, tuple[tuple[int, int], float]] = {}
    looked = float("-inf")
    # A change wakes the loop at once; while something settles, time does. The look at the folder, not the notification,
    # decides; a large folder is not looked at for nothing.
    for changes in watch(folder, rust_timeout=int(settled_after_s * 500), yield_on_timeout=True, debounce=200):
        now = time.monotonic()
        if not changes and not seen and now - looked < LOOK_AGAIN_AFTER_S:
            continue
        looked = now
        there = list(find_recordings([folder]))
        seen = {path: seen[path] for path in there if path in seen}
        for path in there:
            try:
                stat = path.stat()
            except FileNotFoundError:
                continue
            state = (stat.st_size, stat.st_mtime_ns)
            if given.get(path) == state:
                continue
            before, since = seen.get(path, (None, now))
            if before != state:
                seen[path] = (state, now)
            elif now - since >= settled_after_s:
                del seen[path]
                given[path] = state
                yield path
