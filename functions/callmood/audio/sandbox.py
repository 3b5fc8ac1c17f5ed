"""Decode with FFmpeg in a bounded process of its own, which is reused for the next recording.

A damaged or hostile file can make FFmpeg use any amount of memory or time, or crash. The process has limits of memory,
processor time, and time without progress (`limits`), and no access to files. See docs/decisions/0017-limits.md.
"""

from __future__ import annotations

import atexit
import fcntl
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NoReturn

import numpy as np

from callmood.audio import messages
from callmood.audio.content import Content
from callmood.audio.decoder import AudioInfo, Decoder, Samples
from callmood.audio.limits import BASE_CPU_S, WAIT_S, Meter, too_costly, too_much_time
from callmood.audio.probe import Container
from callmood.errors import BadRecording

_PIPE_BYTES = 2**20
# Variables that the process needs to find its libraries. It receives no others, because they may be secrets.
_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "LANG", "LC_ALL", "TMPDIR")


@dataclass
class Allowance:
    """Processor time of all recordings that are joined in one file.

    Parameters
    ----------
    cpu_s : float
        Seconds that remain.
    """

    cpu_s: float = field(default=BASE_CPU_S)


class DecoderDied(Exception):
    """The process ended without an answer."""


class CannotStart(Exception):
    """A decoder process cannot be started on this platform."""


class DecoderProcess:
    """A process that decodes one recording at a time.

    Raises
    ------
    CannotStart
        This platform cannot start processes.
    """

    def __init__(self) -> None:
        environment = {name: os.environ[name] for name in _VARIABLES if name in os.environ}
        environment |= {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OPENBLAS_NUM_THREADS": "1"}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "callmood.audio.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # FFmpeg and PyAV report errors of the file there, too
                env=environment,
                bufsize=0,
            )
        except OSError:
            raise CannotStart from None
        assert self._process.stdin
        assert self._process.stdout
        self._input = self._process.stdin
        self._output = self._process.stdout
        with suppress(AttributeError, OSError):  # only Linux has it, and it limits the sum of a user's pipes
            fcntl.fcntl(self._output, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._output, selectors.EVENT_READ)

    @property
    def is_alive(self) -> bool:
        """Return whether the process can take another recording."""
        return self._process.poll() is None

    def send(self, kind: bytes, content: bytes = b"") -> None:
        """Send a message.

        Raises
        ------
        DecoderDied
            The process ended.
        """
        message = memoryview(messages.pack(kind, content))
        try:
            while message:
                message = message[self._input.write(message) :]
        except BrokenPipeError:
            raise DecoderDied from None

    def receive(self) -> tuple[bytes, bytearray]:
        """Return the kind and the content of the next message.

        Raises
        ------
        DecoderDied
            The process ended.
        BadRecording
            `too_costly`: no message arrived in time.
        """
        kind, length = messages.HEADER.unpack(self._exactly(messages.HEADER.size))
        return kind, self._exactly(length)

    def _exactly(self, length: int) -> bytearray:
        data = bytearray(length)
        view, filled = memoryview(data), 0
        while filled < length:
            if not self._selector.select(WAIT_S):
                raise too_costly(f"was not decoded further within {WAIT_S:g} s")
            count = self._output.readinto(view[filled:])  # type: ignore[attr-defined]
            if not count:
                raise DecoderDied
            filled += count
        return data

    def end(self) -> int:
        """End the process, and return its exit status: negative for the signal that ended it."""
        if self._process.poll() is None and not self._wait(0.2):
            self._process.kill()
        self.close()
        return self._process.wait()

    def _wait(self, seconds: float) -> bool:
        """Return whether the process ends by itself: after its output ended, its exit status follows."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """End the process now, in the middle of a recording."""
        self._process.kill()
        self.close()
        self._process.wait()

    def close(self) -> None:
        """Close the pipes, which ends an idle process."""
        self._selector.close()
        self._input.close()
        self._output.close()


class _Pool:
    """Processes that wait for the next recording. Threads decode at the same time, each with its own process."""

    def __init__(self) -> None:
        self._idle: list[DecoderProcess] = []
        self._lock = threading.Lock()
        self._owner = os.getpid()

    def take(self) -> DecoderProcess:
        with self._lock:
            if self._owner != os.getpid():  # a fork shares the pipes of its parent's processes
                self._idle, self._owner = [], os.getpid()
            while self._idle:
                process = self._idle.pop()
                if process.is_alive:
                    return process
                process.close()
        return DecoderProcess()

    def give_back(self, process: DecoderProcess) -> None:
        with self._lock:
            self._idle.append(process)

    def close(self) -> None:
        with self._lock:
            if self._owner == os.getpid():
                for process in self._idle:
                    process.kill()
            self._idle = []


_pool = _Pool()
atexit.register(_pool.close)


class SandboxedDecoder:
    """Decode a recording in a bounded process. Its samples are at 16 kHz.

    Parameters
    ----------
    content : Content
        The bytes of the recording.
    container : Container
        From `probe.identify`.
    allowance : Allowance
        Processor time that remains; reduced by what the recording needs.

    Raises
    ------
    BadRecording
        The recording cannot be decoded, or exceeds a limit.
    CannotStart
        This platform cannot start processes.
    OSError
        The recording cannot be read.
    """

    def __init__(self, content: Content, container: Container, allowance: Allowance) -> None:
        self._content = content
        self._container = container
        self._allowance = allowance
        self._process: DecoderProcess | None = _pool.take()
        self.warnings: list[str] = []
        job = {
            "size": content.size,
            "container": container.name,
            "demuxer": container.demuxer,
            "cpu_s": allowance.cpu_s,
        }
        try:
            self._process.send(messages.JOB, json.dumps(job).encode())
            kind, data = self._next()
        except BaseException as error:
            self._fail(error)
        assert kind == messages.INFO
        self.info = AudioInfo(**json.loads(data))

    def chunks(self) -> Iterator[Samples]:
        """Yield all samples at 16 kHz, as in `Decoder.chunks`."""
        while True:
            try:
                kind, data = self._next()
            except BaseException as error:
                self._fail(error)
            if kind == messages.END:
                end = json.loads(data)
                self.warnings += end["warnings"]
                self._allowance.cpu_s = end["cpu_s"]
                self._release()
                return
            yield np.frombuffer(data, "<f4").reshape(-1, self.info.channels)

    def close(self) -> None:
        """End the process if the recording was not decoded to its end."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def _next(self) -> tuple[bytes, bytearray]:
        """Return the next message that is not a request for bytes; answer requests."""
        assert self._process is not None
        while True:
            kind, data = self._process.receive()
            if kind == messages.READ:
                offset, length = messages.READ_REQUEST.unpack(data)
                self._process.send(messages.DATA, self._content.read_at(offset, min(length, messages.MAX_READ)))
            elif kind == messages.BAD:
                code, message = json.loads(data)
                if code != "too_costly":
                    self._release()
                raise BadRecording(code, message)
            else:
                return kind, data

    def _release(self) -> None:
        if self._process is not None:
            _pool.give_back(self._process)
            self._process = None

    def _fail(self, error: BaseException) -> NoReturn:
        """Raise the error, or the reason for which the process ended."""
        process, self._process = self._process, None
        if process is None:
            raise error
        if not isinstance(error, DecoderDied):
            process.kill()
            raise error
        status = process.end()
        if status == -getattr(signal, "SIGXCPU", 0):
            raise too_much_time() from None
        raise BadRecording(
            "damaged",
            f"The decoder of {self._container.name} files stopped with status {status} on this recording. "
            "The file is damaged. Convert it to WAV first.",
        ) from None


def open_sandboxed(content: Content, container: Container, allowance: Allowance) -> Decoder:
    """Open a recording that FFmpeg decodes; at 16 kHz.

    Parameters
    ----------
    content : Content
        The bytes of the recording.
    container : Container
        From `probe.identify`.
    allowance : Allowance
        Processor time that remains.

    Raises
    ------
    BadRecording
        The recording cannot be decoded, or exceeds a limit.
    OSError
        The recording cannot be read.
    """
    try:
        return SandboxedDecoder(content, container, allowance)
    except CannotStart:
        from callmood.audio.pyav import open_ffmpeg

        return open_ffmpeg(content, container, Meter(allowance.cpu_s))
