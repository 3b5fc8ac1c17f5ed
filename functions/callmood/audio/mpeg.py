"""MPEG audio frames: the lengths of MP2, MP3, and ADTS frames, and MP3 files that are joined in one file."""

from __future__ import annotations

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

    Each but the last must state its length in a Xing or Info header. Files without such a header need no division:
    their frames follow each other.

    Parameters
    ----------
    content : Content
        An MP3 file.

    Returns
    -------
    list of (int, int, int)
        Start, end, and number of channels of each.
    """
    parts: list[tuple[int, int, int]] = []
    start = 0
    while len(parts) < MAX_PARTS:
        first = start
        for _ in range(MAX_PARTS):
            if not (tag := id3_length(content.read_at(first, 10))):
                break
            first += tag
        frame = content.read_at(first, 200)
        stated = _stated_length(frame)
        channels = 1 if len(frame) > 3 and frame[3] >> 6 == 3 else 2
        end = first + stated
        if content.read_at(end, 3) == b"TAG":
            end += _ID3V1_BYTES
        following = content.read_at(end, 200)
        if not stated or not (id3_length(following) or _stated_length(following) or _has_xing(following)):
            parts.append((start, content.size, channels))
            return parts
        parts.append((start, end, channels))
        start = end
    return [(0, content.size, parts[0][2])]


def _xing_offset(frame: bytes) -> int:
    """Return the position of the Xing or Info header in a frame: after the side information of layer III."""
    if not mp3_frame_length(frame):
        return 0
    is_mpeg1, is_mono = frame[1] >> 3 & 3 == 3, frame[3] >> 6 == 3
    return 4 + ({True: 17, False: 32} if is_mpeg1 else {True: 9, False: 17})[is_mono]


def _has_xing(frame: bytes) -> bool:
    offset = _xing_offset(frame)
    return offset > 0 and frame[offset : offset + 4] in (b"Xing", b"Info")


def _stated_length(frame: bytes) -> int:
    """Return the number of bytes that the Xing header in a frame states; 0 if it states none."""
    offset = _xing_offset(frame)
    if not _has_xing(frame):
        return 0
    flags = int.from_bytes(frame[offset + 4 : offset + 8], "big")
    if not flags & 2:
        return 0
    position = offset + 8 + (4 if flags & 1 else 0)
    return int.from_bytes(frame[position : position + 4], "big")
