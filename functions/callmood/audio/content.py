"""Read the bytes of a recording in the same way from a path, from memory, and from parts of another recording."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

BUFFER = 65_536
"""int: number of bytes that a file reads ahead."""


class Content(Protocol):
    """The bytes of a recording. Reads have no position, so several decoders can share one content."""

    size: int

    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`: fewer, or none, only at the end."""


class BytesContent:
    """A recording in memory, which is not copied."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read_at(self, offset: int, length: int) -> bytes:
        """Return bytes, as in `Content.read_at`."""
        return self._data[offset : offset + length]


class FileContent:
    """A recording on a disk.

    Parameters
    ----------
    path : Path
        The file. Its size at this moment is the size of the recording.

    Raises
    ------
    OSError
        The file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self.size = os.fstat(self._file.fileno()).st_size

    def read_at(self, offset: int, length: int) -> bytes:
        """Return bytes, as in `Content.read_at`."""
        wanted = min(length, self.size - offset)
        pieces = []
        while wanted > 0 and (piece := os.pread(self._file.fileno(), wanted, offset)):
            pieces.append(piece)
            wanted, offset = wanted - len(piece), offset + len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class SplicedContent:
    """A recording that consists of bytes and of parts of another recording.

    Parameters
    ----------
    content : Content
        The other recording.
    pieces : sequence of bytes or (int, int)
        Bytes, and parts as start and end in `content`.
    """

    def __init__(self, content: Content, pieces: Sequence[bytes | tuple[int, int]]) -> None:
        self._content = content
        self._pieces: list[tuple[int, int, bytes | int]] = []
        self.size = 0
        for piece in pieces:
            length = len(piece) if isinstance(piece, bytes) else piece[1] - piece[0]
            self._pieces.append((self.size, self.size + length, piece if isinstance(piece, bytes) else piece[0]))
            self.size += length

    def read_at(self, offset: int, length: int) -> bytes:
        """Return bytes, as in `Content.read_at`."""
        found, stop = [], offset + length
        for start, end, piece in self._pieces:
            first, last = max(offset, start), min(stop, end)
            if first < last:
                if isinstance(piece, bytes):
                    found.append(piece[first - start : last - start])
                else:
                    found.append(self._content.read_at(piece + first - start, last - first))
        return found[0] if len(found) == 1 else b"".join(found)


class _RawFile(io.RawIOBase):
    """Give a content a position."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._position = 0
        self.error: OSError | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        try:
            data = self._content.read_at(self._position, len(buffer))
        except OSError as error:
            self.error = error
            raise
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to any position. A damaged header can state an impossible one, where reads return nothing."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._content.size}[whence]
        self._position = min(max(0, origin + offset), 2**62)
        return self._position

    def tell(self) -> int:
        return self._position


class ContentFile(io.BufferedReader):
    """Read a content as a file: seekable, and the same for every kind of content.

    Parameters
    ----------
    content : Content
        The bytes.

    Attributes
    ----------
    reads : int
        Number of reads since it was last set. Decoders limit it, because a damaged header can cause endless reads.
    """

    def __init__(self, content: Content) -> None:
        self._raw_file = _RawFile(content)
        super().__init__(self._raw_file, BUFFER)
        self.reads = 0
        self.max_reads: int | None = None

    @property
    def error(self) -> OSError | None:
        """Return the error of a failed read, which decoders may suppress."""
        return self._raw_file.error

    @property
    def is_exhausted(self) -> bool:
        """Return whether more reads were requested than `max_reads`. Such reads return nothing."""
        return self.max_reads is not None and self.reads > self.max_reads

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Read into a buffer; see `io.BufferedReader.readinto`."""
        self.reads += 1
        return 0 if self.is_exhausted else super().readinto(buffer)
