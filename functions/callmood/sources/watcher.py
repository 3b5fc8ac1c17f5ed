"""Watch a folder for complete recordings."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from pathlib import Path

from watchfiles import watch

from callmood.errors import CallmoodError
from callmood.sources.folder import file_state, find_recordings

QUIET_S = 10.0
"""float: recorders write a file during the call, in bursts. After so many seconds without a change it is complete."""

# A file whose header promises more data is given more time. It may never get it: a recorder can be killed.
_INCOMPLETE_FACTOR = 6

# Network drives and full queues lose notifications, so the folder is also scanned at this interval.
SCAN_INTERVAL_S = 5.0

# A size in a header that recorders write before they know it.
_UNKNOWN_SIZES = {0, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF}


def settled_files(
    folder: Path,
    quiet_s: float = QUIET_S,
    legs: Callable[[Path], tuple[Path, Path] | None] = lambda _: None,
    leg_wait_s: float = 0.0,
) -> Generator[Path, None, None]:
    """Yield the recordings in a folder, then new and changed recordings until interrupted.

    Parameters
    ----------
    folder : Path
        Watched with all its subfolders.
    quiet_s : float
        Seconds without a change after which a file is complete; six times as long if its header promises more data.
    legs : callable
        Returns both files of the call of a leg, or None for another file.
    leg_wait_s : float
        Seconds without a change after which a leg whose other leg is not complete is yielded.

    Yields
    ------
    Path
        Absolute. A changed file is yielded again.
    """
    yielded: dict[Path, tuple[int, ...]] = {}
    unsettled: dict[Path, tuple[tuple[int, ...], float]] = {}
    scanned_at = float("-inf")
    wake_ms = max(50, min(500, int(quiet_s * 500)))
    # A change wakes the loop immediately; a timeout wakes it while files settle. Only the scan decides about a file.
    for changes in watch(
        folder,
        rust_timeout=wake_ms,
        yield_on_timeout=True,
        debounce=200,
        raise_interrupt=True,
        ignore_permission_denied=True,
    ):
        now = time.monotonic()
        if not changes and not unsettled and now - scanned_at < SCAN_INTERVAL_S:
            continue
        scanned_at = now
        try:
            files = list(find_recordings([folder]))
        except CallmoodError:  # the drive is not mounted
            continue
        unsettled = {path: unsettled[path] for path in files if path in unsettled}
        for path in files:
            try:
                state = file_state(path)
            except OSError:
                state = ()  # `analyze_file` reports why it cannot be read
            if yielded.get(path) == state:
                continue
            previous, since = unsettled.get(path, (None, now))
            if previous != state:
                unsettled[path] = (state, now)
                continue
            wait_s = quiet_s * (_INCOMPLETE_FACTOR if promises_more(path) else 1)
            pair = legs(path)
            if pair and not _is_complete(pair[path == pair[0]], yielded, unsettled, quiet_s, now):
                wait_s = max(wait_s, leg_wait_s)
            if now - since >= wait_s:
                del unsettled[path]
                yielded[path] = state
                yield path


def _is_complete(
    path: Path,
    yielded: Mapping[Path, tuple[int, ...]],
    unsettled: Mapping[Path, tuple[tuple[int, ...], float]],
    quiet_s: float,
    now: float,
) -> bool:
    """Return whether the other leg of a call is complete."""
    try:
        state = file_state(path)
    except OSError:
        return False
    if state[0] == 0:
        return False
    if yielded.get(path) == state:
        return True
    settling, since = unsettled.get(path, (None, now))
    return settling == state and now - since >= quiet_s and not promises_more(path)


def promises_more(path: Path) -> bool:
    """Return whether the header of a file states more data than the file contains.

    Parameters
    ----------
    path : Path
        Any file. WAV (RIFF, RIFX) and AIFF state their size, and MP4 states the size of each part.

    Returns
    -------
    bool
        False also for a file that cannot be read, and for sizes that mean unknown.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(12)
            kind = head[:4]
            if kind in (b"RIFF", b"RIFX", b"FORM"):
                stated = int.from_bytes(head[4:8], "little" if kind == b"RIFF" else "big")
                return stated not in _UNKNOWN_SIZES and stated + 8 > size
            if head[4:8] != b"ftyp":
                return False
            has_index, position = False, 0
            while position + 8 <= size:
                file.seek(position)
                head = file.read(16)
                length = int.from_bytes(head[:4], "big")
                if length == 1:
                    length = int.from_bytes(head[8:16], "big")
                if length < 8:  # 0: to the end of the file
                    return False
                has_index = has_index or head[4:8] in (b"moov", b"moof")
                position += length
            return position > size or not has_index
    except OSError:
        return False
