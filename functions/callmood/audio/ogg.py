"""Find the recordings that are chained in one Ogg file."""

from __future__ import annotations

from dataclasses import dataclass

from callmood.audio.content import Content, ContentFile
from callmood.audio.limits import MAX_PARTS

_MAX_PAGES = 200_000
_FIRST_PAGE = 0x02


@dataclass(frozen=True)
class Link:
    """One recording of a chained Ogg file.

    Parameters
    ----------
    start, end : int
        Its bytes.
    channels : int
        Number of channels that its first header states; 1 if the codec is unknown.
    """

    start: int
    end: int
    channels: int


def find_links(content: Content) -> list[Link]:
    """Return the recordings that are chained in an Ogg file (RFC 3533, section 4).

    Parameters
    ----------
    content : Content
        An Ogg file.

    Returns
    -------
    list of Link
        One for most files. Also one if the pages are damaged, or if there are too many links: FFmpeg then finds the
        audio that it can.
    """
    file = ContentFile(content)
    starts: list[int] = []
    channels: list[int] = []
    was_first = False
    position = 0
    for _ in range(_MAX_PAGES):
        file.seek(position)
        header = file.read(27)
        if len(header) < 27:
            break
        if header[:4] != b"OggS":
            if not (position := _next_page(file, position)):
                break
            continue
        sizes = file.read(header[26])
        is_first = bool(header[5] & _FIRST_PAGE)
        if is_first:
            stated = _channels(file.read(min(sum(sizes), 32)))
            if not was_first:  # the streams of a multiplexed link start together
                starts.append(position)
                channels.append(stated)
            channels[-1] = max(channels[-1], stated)
        was_first = is_first
        position += 27 + len(sizes) + sum(sizes)
    if not 1 < len(starts) <= MAX_PARTS:
        return [Link(0, content.size, channels[0] if channels else 1)]
    edges = [0, *starts[1:], content.size]
    return [Link(*link) for link in zip(edges, edges[1:], channels, strict=False)]


def _next_page(file: ContentFile, position: int) -> int:
    """Return the position of the next page within 64 KiB; 0 if there is none."""
    file.seek(position + 1)
    found = file.read(65_536).find(b"OggS")
    return position + 1 + found if found >= 0 else 0


def _channels(header: bytes) -> int:
    """Return the number of channels in the first header of a stream."""
    for magic, offset in ((b"OpusHead", 9), (b"\x01vorbis", 11)):
        if header.startswith(magic) and len(header) > offset:
            return header[offset]
    if header.startswith(b"\x7fFLAC") and len(header) > 29:  # a STREAMINFO block starts at byte 17
        return (header[29] >> 1 & 7) + 1
    return 1
