"""MPEG audio frames: the lengths of MP2, MP3, and ADTS frames, and MP3 files that are joined in one file."""

from __future__ import annotations

import re
from collections.abc import Iterator

from callmood.audio.content import Content
from callmood.audio.limits import MAX_PARTS

# ISO/IEC 11172-3 section 2.4.2.3 and 13818-3 section 2.4.2.3: kbit/s by bitrate index.
_KBITS = {
    ("1", "II"): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    ("1", "III"): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    ("2", "II"): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    ("2", "III"): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_ID3V1_BYTES = 128
_SCAN, _REST = 2**20, 8192
# Bytes before the header: those of the frame header, and side information by version and number of channels.
_XING_OFFSETS = (36, 21, 13)
_XING_END = 64


def mp3_frame_length(header: bytes) -> int:
    """Return the length in bytes of an MPEG layer II or III frame; 0 if the header is not valid."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return 0
    version, layer = header[1] >> 3 & 3, {2: "II", 1: "III"}.get(header[1] >> 1 & 3)
    bitrate, rate = header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or layer is None or not 0 < bitrate < 15 or rate == 3:
        return 0
    kbits = _KBITS["1" if version == 3 else "2", layer][bitrate - 1]
    hertz = (44_100, 48_000, 32_000)[rate] >> {3: 0, 2: 1, 0: 2}[version]
    samples = 576 if version != 3 and layer == "III" else 1152
    return samples // 8 * kbits * 1000 // hertz + (header[2] >> 1 & 1)


def adts_frame_length(header: bytes) -> int:
    """Return the length in bytes of an ADTS frame (ISO/IEC 13818-7 section 6.2); 0 if the header is not valid."""
    if len(header) < 7 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0 or header[2] >> 2 & 15 > 12:
        return 0
    length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return length if length > 7 else 0


def id3_length(head: bytes) -> int:
    """Return the length in bytes of the ID3v2 tag at the start; 0 if there is none.

    id3.org, ID3v2.4 section 3.1: a size of four 7-bit bytes, without the 10-byte header (and footer, flag 0x10).
    """
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    return 10 + size + (10 if head[5] & 0x10 else 0)


def find_mp3_parts(content: Content) -> list[tuple[int, int, int]]:
    """Return the MP3 files that are joined in one file.

    A file starts with a Xing or Info header, with or without an ID3v2 tag before it, or after the length that such a
    header states. Files without these headers need no division: their frames follow each other.

    Parameters
    ----------
    content : Content
        An MP3 file.

    Returns
    -------
    list of (int, int, int)
        Start, end, and number of channels of each.
    """
    first = 0
    for _ in range(MAX_PARTS):
        if not (tag := id3_length(content.read_at(first, 10))):
            break
        first += tag
    frames = [first, *(frame for frame in _xing_frames(content) if frame > first)][: MAX_PARTS + 1]
    if len(frames) > MAX_PARTS:
        frames = frames[:1]
    starts = [0, *(_tag_start(content, frame) for frame in frames[1:])]
    parts: list[tuple[int, int, int]] = []
    for start, frame, limit in zip(starts, frames, [*starts[1:], content.size], strict=True):
        end = frame + _stated_length(content.read_at(frame, 200))
        rest = content.read_at(end, min(_REST, limit - end)) if frame < end < limit else b""
        parts.append((start, end if rest else limit, _channels(content.read_at(frame, 4))))
        if (found := _find_frames(rest)) is not None and limit - end > _ID3V1_BYTES:
            parts.append((end + found, limit, _channels(rest[found:])))
    return parts


def _channels(frame: bytes) -> int:
    """Return the number of channels of a frame."""
    return 1 if len(frame) > 3 and frame[3] >> 6 == 3 else 2


def _find_frames(data: bytes) -> int | None:
    """Return the position of the first of two consecutive frames; None if there is none."""
    position = data.find(0xFF)
    while position >= 0:
        length = mp3_frame_length(data[position : position + 4])
        if length and mp3_frame_length(data[position + length : position + length + 4]):
            return position
        position = data.find(0xFF, position + 1)
    return None


def _xing_frames(content: Content) -> Iterator[int]:
    """Yield the position of each frame with a Xing or Info header."""
    for start in range(0, content.size, _SCAN):
        data = content.read_at(start, _SCAN + _XING_END)
        for found in re.finditer(rb"Xing|Info", data):
            if found.start() >= _SCAN + _XING_END - 4:
                break
            for offset in _XING_OFFSETS:
                frame = start + found.start() - offset
                if frame >= 0 and _xing_offset(content.read_at(frame, 4)) == offset:
                    yield frame
                    break


def _tag_start(content: Content, frame: int) -> int:
    """Return the start of the ID3v2 tag that ends at a frame; the frame itself if there is none."""
    start = max(0, frame - _SCAN)
    before = content.read_at(start, frame - start)
    position = before.rfind(b"ID3")
    while position >= 0:
        if position + id3_length(before[position : position + 10]) == len(before):
            return start + position
        position = before.rfind(b"ID3", 0, position)
    return frame


def _xing_offset(frame: bytes) -> int:
    """Return the position of the Xing or Info header in a frame: after the side information of layer III."""
    if not mp3_frame_length(frame):
        return 0
    is_mpeg1, is_mono = frame[1] >> 3 & 3 == 3, frame[3] >> 6 == 3
    return 4 + ({True: 17, False: 32} if is_mpeg1 else {True: 9, False: 17})[is_mono]


def _stated_length(frame: bytes) -> int:
    """Return the number of bytes that the Xing header in a frame states; 0 if it states none."""
    offset = _xing_offset(frame)
    if not offset or frame[offset : offset + 4] not in (b"Xing", b"Info"):
        return 0
    flags = int.from_bytes(frame[offset + 4 : offset + 8], "big")
    position = offset + 8 + (4 if flags & 1 else 0)
    return int.from_bytes(frame[position : position + 4], "big") if flags & 2 else 0
