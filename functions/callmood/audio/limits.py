"""Limits of what decoding one recording may spend: memory, processor time, and filled silence."""

from __future__ import annotations

import resource
import sys
import time
from contextlib import suppress
from pathlib import Path

from callmood.errors import BadRecording

MEMORY_BYTES = 192 * 2**20
"""int: memory that a decoder may add to what its process already uses. An hour of audio in any format needs 30 MB."""

BASE_CPU_S = 30.0
"""float: processor time for any recording, in seconds. The worst valid file of the tests needs 2 s."""

CPU_S_PER_CHANNEL_MINUTE = 0.5
"""float: further processor time per minute of decoded audio and channel, in seconds. AAC and Opus need 0.05 s."""

WAIT_S = 300.0
"""float: maximum time without progress, in seconds: longer than a busy machine or a slow network drive needs."""

BASE_SILENCE_S, SILENCE_PER_AUDIO = 3600.0, 10.0
"""float: filled silence per recording: seconds of one channel, and multiple of the decoded audio."""

MAX_PARTS = 100
"""int: maximum number of recordings that are joined in one file, and of tracks that become channels."""


def too_costly(reason: str) -> BadRecording:
    """Return the error for a recording that exceeds a limit.

    Parameters
    ----------
    reason : str
        The limit, as the rest of a sentence about the recording.
    """
    return BadRecording(
        "too_costly",
        f"The recording {reason}. The file is damaged, or was made to exhaust the analysis. Convert it to WAV first.",
    )


def too_much_memory() -> BadRecording:
    """Return the error for a recording whose decoder exceeds its memory."""
    return too_costly(f"needs more than {MEMORY_BYTES >> 20} MiB of memory to decode")


def too_much_time() -> BadRecording:
    """Return the error for a recording whose decoder exceeds its processor time."""
    return too_costly("takes far more processor time to decode than its duration explains")


class Meter:
    """Measure what this thread spends on one recording, and stop it at the limits.

    The child process also has limits that the operating system enforces. The meter works on every platform, but only
    between two calls of a decoder.

    Parameters
    ----------
    cpu_s : float
        Processor time that is available, in seconds.
    """

    def __init__(self, cpu_s: float = BASE_CPU_S) -> None:
        self.cpu_s = cpu_s
        self._started = time.thread_time()
        self._peak = _peak_bytes()

    @property
    def spent_s(self) -> float:
        """Return the processor time that was spent, in seconds."""
        return time.thread_time() - self._started

    def credit(self, channel_s: float) -> None:
        """Add processor time for decoded audio: seconds times channels."""
        self.cpu_s += channel_s / 60 * CPU_S_PER_CHANNEL_MINUTE

    def check(self) -> None:
        """Raise BadRecording `too_costly` if a limit is exceeded."""
        if self.spent_s > self.cpu_s:
            raise too_much_time()
        if _peak_bytes() > self._peak + MEMORY_BYTES:
            raise too_much_memory()


def _peak_bytes() -> int:
    """Return the peak memory of this process."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def limit_process_memory() -> None:
    """Let this process add at most `MEMORY_BYTES` to its address space, if the platform can enforce that."""
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        used = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_BYTES, resource.RLIM_INFINITY))


def limit_process_cpu(seconds: float) -> None:
    """Let this process use `seconds` more of processor time, if the platform can enforce that."""
    with suppress(OSError, ValueError):
        limit = int(time.process_time() + seconds) + 2
        resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))
