"""Find the audio in a WAV file, also where its header states too little or where several files are joined.

AU and AIFF files, which have one chunk of audio, are repaired in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from callmood.audio.content import Content, SplicedContent
from callmood.audio.limits import MAX_PARTS
from callmood.errors import BadRecording

STREAMING = 0x7FFF_0000
"""int: stated sizes from here on come from streaming recorders, which do not know the length."""

_MAX_CHUNKS, _MAX_FMT = 10_000, 4096
_MAX_SIZE = 2**32 - 2**16
_CHUNK_ID = re.compile(rb"[A-Za-z_][\x20-\x7e]{3}")
_START = re.compile(rb"(RIFF|RF64|BW64)....WAVE", re.DOTALL)
_TEXT = re.compile(rb"[^\0-\x08\x0e-\x1a\x1c-\x1f\x7f-\xff]+\Z")
# WAVE format tags whose blocks contain several samples, which the last block pads: MS ADPCM and IMA ADPCM.
_PADDED_TAGS = (0x0002, 0x0011)


@dataclass
class WavPart:
    """One recording in a WAV file.

    Parameters
    ----------
    fmt : bytes
        Content of its `fmt ` chunk.
    fact : int or None
        Number of samples per channel that its `fact` chunk states.
    data : list of (int, int)
        Start and end of its audio.
    """

    fmt: bytes = b""
    fact: int | None = None
    data: list[tuple[int, int]] = field(default_factory=list)

    @property
    def channels(self) -> int:
        """Return the stated number of channels."""
        return int.from_bytes(self.fmt[2:4], "little")

    @property
    def length(self) -> int:
        """Return the number of bytes of audio."""
        return sum(end - start for start, end in self.data)

    def content(self, content: Content) -> Content:
        """Return a WAV file with only this recording and a correct header.

        Parameters
        ----------
        content : Content
            The original file.
        """
        fmt = _chunk(b"fmt ", self.fmt)
        fact = b"" if self.fact is None else _chunk(b"fact", self.fact.to_bytes(4, "little"))
        size = 4 + len(fmt) + len(fact) + 8 + self.length
        header = b"RIFF" + size.to_bytes(4, "little") + b"WAVE" + fmt + fact
        return SplicedContent(content, [header + b"data" + self.length.to_bytes(4, "little"), *self.data])

    def padded_from(self, block_samples: int | None = None) -> int | None:
        """Return the number of samples after which the last block of ADPCM is padding; None if it is not padded.

        A `fact` chunk is often wrong. It counts only if it ends within the last block.
        """
        if self.fact is None or len(self.fmt) < 20 or int.from_bytes(self.fmt[:2], "little") not in _PADDED_TAGS:
            return None
        block_bytes = int.from_bytes(self.fmt[12:14], "little")
        block_samples = int.from_bytes(self.fmt[18:20], "little") if block_samples is None else block_samples
        blocks = -(-self.length // block_bytes) if block_bytes else 0
        excess = blocks * block_samples - self.fact
        return self.fact if 0 < excess < block_samples else None


@dataclass
class WavLayout:
    """The recordings in a WAV file.

    Parameters
    ----------
    parts : list of WavPart
        In the order of the file; each has audio.
    warnings : list of str
        `header_too_short`, `joined`.
    is_truncated : bool
        Whether the last recording has less audio than its header states.
    is_repaired : bool
        Whether a decoder needs `WavPart.content` instead of the file.
    """

    parts: list[WavPart]
    warnings: list[str] = field(default_factory=list)
    is_truncated: bool = False
    is_repaired: bool = False


def parse_wav(content: Content) -> WavLayout:
    """Find the recordings in a WAV file.

    Parameters
    ----------
    content : Content
        A file that starts with ``RIFF….WAVE``, or with ``RF64`` or ``BW64`` instead of ``RIFF``.

    Returns
    -------
    WavLayout
        Without parts if the structure is damaged; a decoder then reports the damage.

    Raises
    ------
    BadRecording
        `damaged`: the file has countless chunks.
    """
    layout = WavLayout([])
    part = WavPart()
    for kind, start, end in _chunks(content, layout):
        if kind == b"RIFF":
            part = WavPart()
        elif kind == b"fmt " and not part.fmt:
            part.fmt = content.read_at(start, min(end - start, _MAX_FMT))
        elif kind == b"fact" and end - start >= 4:
            part.fact = int.from_bytes(content.read_at(start, 4), "little")
        elif kind == b"data" and len(part.fmt) >= 14:
            if not part.data:
                layout.parts.append(part)
            elif end > start:
                _warn(layout, "joined")
            part.data.append((start, end))
    layout.parts = [part for part in layout.parts if part.length] or layout.parts[:1]
    if len(layout.parts) > 1:
        _warn(layout, "joined")
    if "header_too_short" in layout.warnings:
        for part in layout.parts:
            part.fact = None
    if len(layout.parts) > MAX_PARTS or any(part.length > _MAX_SIZE for part in layout.parts):
        return WavLayout([])
    layout.is_repaired = bool(layout.warnings) or layout.is_repaired
    if layout.is_repaired and layout.is_truncated:  # a correct header hides this from the decoder
        _warn(layout, "truncated")
    return layout


def extend_au(content: Content) -> Content | None:
    """Return an AU file whose header states all of its audio; None if it already does.

    Parameters
    ----------
    content : Content
        A file that starts with ``.snd``. Its header: offset and length of the audio, big-endian.
    """
    header = content.read_at(0, 24)
    start, stated = int.from_bytes(header[4:8], "big"), int.from_bytes(header[8:12], "big")
    if header[:4] != b".snd" or len(header) < 24 or not 0 < stated < content.size - start:
        return None
    end = _audio_end(content, start + stated)
    if end == start + stated:
        return None
    length = (end - start).to_bytes(4, "big")
    return SplicedContent(content, [header[:8] + length, (12, end)])


def extend_aiff(content: Content) -> Content | None:
    """Return an AIFF file whose last chunk, `SSND`, states all of its audio; None if it already does.

    Parameters
    ----------
    content : Content
        A file that starts with ``FORM….AIFF`` or ``FORM….AIFC``.
    """
    position = 12
    for _ in range(_MAX_CHUNKS):
        header = content.read_at(position, 8)
        size = int.from_bytes(header[4:8], "big")
        end = position + 8 + size
        if len(header) < 8 or end >= content.size:
            return None
        following = content.read_at(end + (end & 1), 4)
        if header[:4] == b"SSND" and not _CHUNK_ID.match(following) and (stop := _audio_end(content, end)) > end:
            length = (stop - position - 8).to_bytes(4, "big")
            return SplicedContent(content, [(0, position + 4), length, (position + 8, stop)])
        position = end + (end & 1)
    return None


def _chunks(content: Content, layout: WavLayout) -> Iterator[tuple[bytes, int, int]]:
    """Yield the name, start, and end of each chunk; for a `data` chunk, the end of its audio."""
    position, large_size = 12, 0
    for _ in range(_MAX_CHUNKS):
        header = content.read_at(position, 12)
        if _START.match(header):
            yield b"RIFF", position, position + 12
            position += 12
            large_size = 0
            continue
        kind, size = header[:4], int.from_bytes(header[4:8], "little")
        start, end = position + 8, position + 8 + size
        if len(header) < 8 or not _CHUNK_ID.match(kind) or (kind != b"data" and end > content.size + 1):
            return
        if kind == b"ds64":  # EBU Tech 3306: 64-bit sizes, where the 32-bit size is its maximum
            large_size = int.from_bytes(content.read_at(start + 8, 8), "little")
        if kind == b"data" and size == 0xFFFF_FFFF and large_size:
            size = large_size
            end = start + size
        elif kind == b"data" and size >= STREAMING:
            size = 0
        if kind != b"data":
            yield kind, start, min(end, content.size)
            position = end + (end & 1 if not _is_chunk(content, end) else 0)
            continue
        if size == 0:
            if _is_chunk(content, start):
                position = start
                continue
            end = content.size
            layout.is_repaired = start < end
        elif end < content.size and (stop := _audio_end(content, end)) > end:
            _warn(layout, "header_too_short")
            end = stop
        layout.is_truncated = end > content.size
        data_end = min(end, content.size)
        yield kind, start, data_end
        position = end if _is_chunk(content, end) else end + (end & 1)
    raise BadRecording("damaged", f"The wav file has more than {_MAX_CHUNKS:,} chunks. Convert it to WAV again.")


def _is_chunk(content: Content, position: int) -> bool:
    """Return whether a chunk, or another WAV file, starts here."""
    header = content.read_at(position, 12)
    if len(header) < 8 or not _CHUNK_ID.match(header):
        return False
    end = position + 8 + int.from_bytes(header[4:8], "little")
    return bool(_START.match(header)) or end <= content.size + 1 or header[:4] == b"data"


def _audio_end(content: Content, end: int) -> int:
    """Return the end of the audio of a `data` chunk that states `end`: later if audio follows instead of a chunk."""
    if _is_chunk(content, end) or _is_chunk(content, end + (end & 1)):
        return end
    rest = content.read_at(end, 65_536)
    if len(rest) < 256 or _is_zero(content, end) or _TEXT.match(rest) or rest.startswith((b"TAG", b"ID3", b"<?xml")):
        return end  # padding, or metadata of another program
    if following := _find_start(content, end):
        return following
    tail_start = max(end, content.size - 65_536)
    tail = content.read_at(tail_start, 65_536)
    for found in re.finditer(rb"LIST|id3 |bext|iXML|cue ", tail):
        position = tail_start + found.start()
        size = int.from_bytes(content.read_at(position + 4, 4), "little")
        if content.size - 1 <= position + 8 + size <= content.size + 1:
            return position
    return content.size


def _find_start(content: Content, start: int) -> int:
    """Return the position of the next WAV file in the rest of a file; 0 if there is none."""
    for position in range(start, content.size, 2**20):
        if found := _START.search(content.read_at(position, 2**20 + 12)):
            return position + found.start()
    return 0


def _is_zero(content: Content, start: int) -> bool:
    """Return whether the rest of a file is zero, by samples of 4 kB: a recorder reserved space and did not use it."""
    step = max(4096, (content.size - start) // 256)
    return not any(any(content.read_at(position, 4096)) for position in range(start, content.size, step))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return kind + len(data).to_bytes(4, "little") + data + bytes(len(data) & 1)


def _warn(layout: WavLayout, code: str) -> None:
    if code not in layout.warnings:
        layout.warnings.append(code)
