"""Identify the format of a file from its first bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from callmood.audio.content import Content
from callmood.audio.mpeg import adts_frame_length, id3_length, mp3_frame_length
from callmood.audio.raw import RawFormat, guess_raw
from callmood.errors import BadRecording

HEAD = 32_768
"""int: number of bytes that are inspected; more than three of the longest MPEG audio frames."""


@dataclass(frozen=True)
class Container:
    """A container format for audio.

    Parameters
    ----------
    name : str
        Name in the table `recordings`: `wav`, `flac`, `mp4`, ….
    demuxer : str
        Name of FFmpeg's demuxer for it.
    """

    name: str
    demuxer: str


class RawAudio(BadRecording):
    """The file seems to be raw audio: samples without a header.

    Parameters
    ----------
    guess : RawFormat
        Its likely format.
    """

    def __init__(self, guess: RawFormat) -> None:
        super().__init__(
            "not_audio",
            f"The file seems to be raw {guess.description} audio, without a header that states its format. "
            f"To analyze such files, set RAW_AUDIO to their codec, sample rate, and channels, such as "
            f"RAW_AUDIO={guess}, or convert them to WAV first.",
        )
        self.guess = guess


_CONTAINERS = [
    # A file that ends within its first 12 bytes is still a (damaged) WAV file.
    (rb"RI(FF|FX)(....WAVE|.{0,7}\Z)|(RF|BW)64(....WAVE|.{0,7}\Z)", Container("wav", "wav")),
    (rb"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00", Container("w64", "w64")),
    (rb"FORM....AIF[FC]", Container("aiff", "aiff")),
    (rb"\.snd|dns\.", Container("au", "au")),
    (rb"caff\x00\x01", Container("caf", "caf")),
    (rb"fLaC", Container("flac", "flac")),
    (rb"OggS", Container("ogg", "ogg")),
    (rb"#!AMR", Container("amr", "amr")),
    (rb"....(ftyp|moov|mdat|wide)", Container("mp4", "mov")),
    (rb"\x1a\x45\xdf\xa3.{0,60}webm", Container("webm", "matroska")),
    (rb"\x1a\x45\xdf\xa3", Container("matroska", "matroska")),
    (rb"RIFF....AVI ", Container("avi", "avi")),
    (rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Container("asf", "asf")),
]
_MAX_TAGS = 16
_MP3 = Container("mp3", "mp3")
_ADTS = Container("adts", "aac")

_UNPACK = "Unpack it, and upload its content."
_ERROR_PAGE = "It may be an error message that was saved instead of the recording."
_DECRYPT = "Decrypt it before the upload."

_NOT_AUDIO = [
    ("encrypted", rb"Salted__|U2FsdGVkX1", "encrypted by OpenSSL", _DECRYPT),
    ("encrypted", rb"-----BEGIN PGP", "a PGP message", _DECRYPT),
    ("encrypted", rb"age-encryption\.org/|-----BEGIN AGE", "encrypted by age", _DECRYPT),
    ("encrypted", rb"AES[\x00-\x02]", "encrypted by AES Crypt", _DECRYPT),
    ("encrypted", rb"-----BEGIN (CMS|PKCS7)", "a CMS (S/MIME) message", _DECRYPT),
    # PKWARE APPNOTE 4.4.4: bit 0 of the general purpose flags.
    (
        "encrypted",
        rb"PK\x03\x04..[\x01\x03\x05\x07\x09\x0b\x0d\x0f]",
        "a ZIP archive protected by a password",
        _DECRYPT,
    ),
    ("not_audio", rb"\x89PNG", "a PNG image", ""),
    ("not_audio", rb"\xff\xd8\xff", "a JPEG image", ""),
    ("not_audio", rb"GIF8", "a GIF image", ""),
    ("not_audio", rb"RIFF....WEBP", "a WebP image", ""),
    ("not_audio", rb"BM.{4}\0\0\0\0", "a BMP image", ""),
    ("not_audio", rb"II\*\0|MM\0\*", "a TIFF image", ""),
    ("not_audio", rb"%PDF", "a PDF document", ""),
    ("not_audio", rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document", ""),
    ("not_audio", rb"PK\x03\x04", "a ZIP archive", _UNPACK),
    ("not_audio", rb"\x1f\x8b", "a gzip archive", _UNPACK),
    ("not_audio", rb"BZh\d", "a bzip2 archive", _UNPACK),
    ("not_audio", rb"\xfd7zXZ", "an xz archive", _UNPACK),
    ("not_audio", rb"\x28\xb5\x2f\xfd", "a Zstandard archive", _UNPACK),
    ("not_audio", rb"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNPACK),
    ("not_audio", rb"Rar!", "a RAR archive", _UNPACK),
    ("not_audio", rb".{257}ustar", "a tar archive", _UNPACK),
    ("not_audio", rb"MThd", "a MIDI file", "It contains notes instead of recorded audio."),
    ("not_audio", rb"SQLite format 3", "an SQLite database", ""),
    ("not_audio", rb"PAR1", "a Parquet table", ""),
    ("not_audio", rb"\x7fELF", "a program", ""),
    ("not_audio", rb"data:audio|UklGR|SUQz|T2dnUw|ZkxhQ", "base64 text", "Decode it before the upload."),
    ("not_audio", rb"#EXTM3U", "a playlist", "It contains only names of recordings."),
    ("not_audio", rb"(?i)\s*<(!doctype html|html)", "an HTML page", _ERROR_PAGE),
    ("not_audio", rb"\s*<\?xml", "an XML document", _ERROR_PAGE),
    ("not_audio", rb"\s*[{\[]\s*[\"{\[\]}\d]", "a JSON document", _ERROR_PAGE),
]
"""list of (code, pattern, description, hint): files that are not audio, by a long signature."""

_PERHAPS_NOT_AUDIO = [
    # RFC 4880: a public-key (tag 1, version 3) or symmetric-key (tag 3, version 4) encrypted session key comes first.
    (
        "encrypted",
        rb"\x84.\x03|\x85[\x00-\x04].\x03|\xc1[\x00-\xbf]\x03|\xc1[\xc0-\xdf].\x03",
        "a PGP message",
        _DECRYPT,
    ),
    ("encrypted", rb"\x8c.\x04|\xc3.\x04", "a PGP message protected by a password", _DECRYPT),
    ("not_audio", rb"MZ", "a program", ""),
    ("not_audio", rb"\0+\Z", "a sequence of zero bytes", "The disk or the upload lost its content."),
    ("not_audio", rb"\xff\xfe|\xfe\xff|[^\0-\x08\x0e-\x1a\x1c-\x1f]+\Z", "text", ""),
]
"""list of (code, pattern, description, hint): as `_NOT_AUDIO`, but raw audio can start with the same few bytes."""


def identify(content: Content, suffix: str = "") -> Container:
    """Return the container format of a file.

    Parameters
    ----------
    content : Content
        The bytes of the file.
    suffix : str
        Suffix of its name, such as ``.ulaw``. It matters only for raw audio, which has no header.

    Returns
    -------
    Container

    Raises
    ------
    RawAudio
        The file seems to be raw audio.
    BadRecording
        `empty_file`, `encrypted`, `not_audio`, or `damaged`. The message describes the content.
    """
    head = content.read_at(0, HEAD)
    if not head:
        raise BadRecording("empty_file", "The file is empty (0 bytes). Nothing was recorded, or the upload failed.")
    audio = _after_id3(content, head)
    for pattern, container in _CONTAINERS:
        if re.match(pattern, audio, re.DOTALL):
            return container
    if mpeg := _mpeg_audio(audio):
        return mpeg
    if audio is not head:
        # An ID3 tag without known content is an MP3 without audio. The decoder reports that.
        return _MP3
    if bad := _match(_NOT_AUDIO, head):
        raise bad
    if raw := guess_raw(content, suffix):
        raise RawAudio(raw)
    raise _match(_PERHAPS_NOT_AUDIO, head) or _unknown()


def _after_id3(content: Content, head: bytes) -> bytes:
    """Return the first bytes after any ID3v2 tags, which precede the audio in MP3, AAC, and some FLAC files."""
    position = tags = 0
    while length := id3_length(head):
        tags += 1
        if tags > _MAX_TAGS:
            raise BadRecording("damaged", f"The file starts with more than {_MAX_TAGS} ID3 tags, so it is damaged.")
        position += length
        head = content.read_at(position, HEAD)
    return head


def _mpeg_audio(head: bytes) -> Container | None:
    """Detect MP3 and ADTS by three consecutive frames, or fewer that end at the end of the file.

    Their only signature is a 12-bit sync word, which random bytes also contain. A recorder that joins a running stream
    starts within a frame, so the first frame may start later.
    """
    start = head.find(0xFF)
    while 0 <= start < HEAD // 4:
        for container, length_of in ((_MP3, mp3_frame_length), (_ADTS, adts_frame_length)):
            end, frames = start, 0
            while frames < 3 and (length := length_of(head[end : end + 7])):
                end, frames = end + length, frames + 1
            if frames == 3 or (frames and end == len(head) < HEAD):
                return container
        start = head.find(0xFF, start + 1)
    return None


def _match(kinds: list[tuple[str, bytes, str, str]], head: bytes) -> BadRecording | None:
    """Return the error for the first kind of file that matches."""
    for code, pattern, description, hint in kinds:
        if re.match(pattern, head, re.DOTALL):
            return BadRecording(code, f"The file is {description}, not audio. {hint}".rstrip())
    return None


def _unknown() -> BadRecording:
    return BadRecording(
        "not_audio",
        "Unknown audio format. If the file is encrypted, decrypt it before the upload. If it is raw audio without a "
        "header, set RAW_AUDIO, such as RAW_AUDIO=ulaw/8000/1, or convert it to WAV first.",
    )
