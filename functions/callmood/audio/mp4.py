"""Check the index of an MP4 file before FFmpeg allocates memory for what it states."""

from __future__ import annotations

from callmood.audio.content import Content
from callmood.errors import BadRecording

_CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"moof", b"traf", b"udta", b"mvex"}
_MAX_BOXES, _MAX_TRACKS, _MAX_DEPTH = 100_000, 64, 10

# ISO/IEC 14496-12, section 8: bytes before the number of entries, and bytes of an entry.
_TABLES = {
    b"stts": (4, 8),
    b"ctts": (4, 8),
    b"stsc": (4, 12),
    b"stco": (4, 4),
    b"co64": (4, 8),
    b"stss": (4, 4),
    b"stps": (4, 4),
    b"elst": (4, 12),
}

# Entries that tables need not prove: 24 bytes of memory each. A truncated file states more than it contains.
_UNPROVEN = 2**21


def check_index(content: Content) -> None:
    """Reject an index that states more entries than its tables contain, or more audio than the file contains.

    FFmpeg allocates memory for each stated sample, so an index of 100 bytes could request gigabytes.

    Parameters
    ----------
    content : Content
        An MP4, M4A, QuickTime, or 3GP file.

    Raises
    ------
    BadRecording
        `damaged`.
    """
    _Checker(content).check_boxes(0, content.size, 0)


class _Checker:
    def __init__(self, content: Content) -> None:
        self._content = content
        self._boxes = self._tracks = self._unproven = 0

    def check_boxes(self, start: int, end: int, depth: int) -> None:
        position = start
        while position + 8 <= end:
            header = self._content.read_at(position, 16)
            size, kind = int.from_bytes(header[:4], "big"), header[4:8]
            first = position + 8
            if size == 1:
                size, first = int.from_bytes(header[8:16], "big"), position + 16
            elif size == 0:
                size = end - position
            if size < first - position:
                return  # FFmpeg reports it, or reads the audio before it
            stop = min(position + size, end)
            self._count(kind)
            if kind in _CONTAINERS and depth < _MAX_DEPTH:
                self.check_boxes(first, stop, depth + 1)
            elif depth:
                self._check_table(kind, first, stop)
            position += size

    def _count(self, kind: bytes) -> None:
        self._boxes += 1
        self._tracks += kind == b"trak"
        if self._boxes > _MAX_BOXES:
            raise _damaged(f"more than {_MAX_BOXES:,} boxes")
        if self._tracks > _MAX_TRACKS:
            raise _damaged(f"more than {_MAX_TRACKS} tracks")

    def _check_table(self, kind: bytes, start: int, stop: int) -> None:
        length = stop - start
        if kind in (b"stsz", b"stz2") and length >= 12:
            fields = self._content.read_at(start, 12)
            stated, count = int.from_bytes(fields[4:8], "big"), int.from_bytes(fields[8:12], "big")
            bits = stated & 255 if kind == b"stz2" else 0 if stated else 32
            if bits and count > (length - 12) * 8 // bits:
                raise _damaged(f"{count:,} samples in a table of {length} bytes")
            if not bits and count * max(stated, 1) > self._content.size:
                self._allow(count)
        elif kind in _TABLES and length >= 8:
            offset, entry = _TABLES[kind]
            count = int.from_bytes(self._content.read_at(start + offset, 4), "big")
            room = (length - offset - 4) // entry
            if count > room:
                raise _damaged(f"{count:,} entries of {kind.decode()}, but has room for {room:,}")
            if kind in (b"stts", b"ctts"):
                self._check_runs(start + offset + 4, count)

    def _check_runs(self, start: int, count: int) -> None:
        """Check that the runs of `stts` and `ctts` do not state more samples than the file has bytes."""
        total = 0
        for first in range(0, count, 4096):
            runs = self._content.read_at(start + 8 * first, 8 * min(4096, count - first))
            total += sum(int.from_bytes(runs[i : i + 4], "big") for i in range(0, len(runs), 8))
        if total > self._content.size:
            self._allow(total)

    def _allow(self, count: int) -> None:
        """Count entries that the size of the file does not explain."""
        self._unproven += count
        if self._unproven > _UNPROVEN:
            raise _damaged(f"{self._unproven:,} samples, more than the file has bytes")


def _damaged(stated: str) -> BadRecording:
    return BadRecording(
        "damaged", f"The mp4 file has a damaged index: it states {stated}. The recorder or the upload failed."
    )
