"""The decoder process: decode recordings with FFmpeg, within limits that the operating system enforces.

`sandbox` starts it as ``python -m callmood.audio.worker``. It opens no files: it requests the bytes of a recording
from its parent over standard input and output.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import asdict
from typing import Any, BinaryIO, NoReturn

from callmood.audio import messages
from callmood.audio.limits import Meter, limit_process_cpu, limit_process_memory, too_much_memory
from callmood.audio.probe import Container
from callmood.audio.pyav import open_ffmpeg
from callmood.errors import BadRecording

_MINUTE = 60.0


class Parent:
    """The process that wants the samples.

    Parameters
    ----------
    source, sink : BinaryIO
        Pipes from and to the parent.
    """

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source = source
        self._sink = sink

    def receive(self) -> tuple[bytes, bytes]:
        """Return the kind and the content of the next message.

        Raises
        ------
        EOFError
            The parent closed the pipe.
        """
        kind, length = messages.HEADER.unpack(self._exactly(messages.HEADER.size))
        return kind, self._exactly(length)

    def _exactly(self, length: int) -> bytes:
        data = self._source.read(length)
        if len(data) < length:
            raise EOFError
        return data

    def send(self, kind: bytes, content: bytes = b"") -> None:
        """Send a message."""
        self._sink.write(messages.pack(kind, content))
        self._sink.flush()

    def give_up(self, bad: BadRecording) -> NoReturn:
        """Send the reason for which a recording cannot be decoded, and end this process."""
        self.send_json(messages.BAD, [bad.code, bad.message])
        os._exit(0)

    def send_json(self, kind: bytes, value: Any) -> None:
        """Send a message with JSON."""
        self.send(kind, json.dumps(value).encode())


class RemoteContent:
    """The bytes of a recording that the parent has: a `Content`.

    Parameters
    ----------
    parent : Parent
        Answers the requests.
    size : int
        Number of bytes of the recording.
    meter : Meter
        Checked before each request.
    """

    def __init__(self, parent: Parent, size: int, meter: Meter) -> None:
        self._parent = parent
        self._meter = meter
        self.size = size

    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to 256 KiB: fewer than requested, so that no process holds a large part of the recording.

        FFmpeg continues after an error of a read, so a limit ends the process here.
        """
        try:
            self._meter.check()
            if not 0 <= offset < self.size:
                return b""
            self._parent.send(messages.READ, messages.READ_REQUEST.pack(offset, min(length, messages.MAX_READ)))
            _, data = self._parent.receive()
        except MemoryError:
            self._parent.give_up(too_much_memory())
        except BadRecording as bad:
            self._parent.give_up(bad)
        return data


def decode(parent: Parent, job: dict[str, Any]) -> None:
    """Decode one recording, and send its format, its samples, and its warnings.

    Parameters
    ----------
    parent : Parent
        Receives the messages.
    job : dict
        ``size``, ``container``, ``demuxer``, and ``cpu_s``.

    Raises
    ------
    BadRecording
        The recording cannot be decoded.
    """
    meter = Meter(job["cpu_s"])
    limit_process_cpu(meter.cpu_s)
    content = RemoteContent(parent, job["size"], meter)
    source = open_ffmpeg(content, Container(job["container"], job["demuxer"]), meter)
    try:
        parent.send_json(messages.INFO, asdict(source.info))
        unlimited_s = 0.0
        for chunk in source.chunks():
            seconds = chunk.size / 16_000
            meter.credit(seconds)
            unlimited_s += seconds
            if unlimited_s > _MINUTE:
                limit_process_cpu(meter.cpu_s - meter.spent_s)
                unlimited_s = 0.0
            if chunk.size:
                parent.send(messages.CHUNK, chunk.astype("<f4", copy=False).tobytes())
        parent.send_json(messages.END, {"warnings": source.warnings, "cpu_s": meter.cpu_s - meter.spent_s})
    finally:
        source.close()


def serve(parent: Parent) -> None:
    """Decode recordings until the parent closes the pipe, or until one exceeds a limit."""
    while True:
        _, job = parent.receive()
        try:
            decode(parent, json.loads(job))
        except BadRecording as bad:
            parent.send_json(messages.BAD, [bad.code, bad.message])
        except MemoryError:
            parent.give_up(too_much_memory())
        except (EOFError, BrokenPipeError):
            raise
        except Exception as error:  # whatever a library raises on a damaged file
            message = f"The decoder failed on this recording ({type(error).__name__}). Convert the file to WAV first."
            parent.send_json(messages.BAD, ["damaged", message])


def main() -> None:
    """Run the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # on Ctrl-C, the parent ends this process
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints must not disturb the messages
    limit_process_memory()
    try:
        serve(Parent(sys.stdin.buffer, sink))
    except (EOFError, BrokenPipeError):
        os._exit(0)  # the parent is gone; nothing must be flushed


if __name__ == "__main__":
    main()
