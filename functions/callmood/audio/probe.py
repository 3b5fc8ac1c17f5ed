"""What a file is, told from its first bytes and never from its name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import BinaryIO

from callmood.errors import BadRecording

HEAD = 32_768
"""int: bytes that are looked at; three of the longest MPEG audio frames fit with room to spare."""


@dataclass(frozen=True)
class Container:
    """A kind of file that may hold audio.

    Parameters
    ----------
    name : str
        Our name, as in the `recordings` table: `wav`, `flac`, `mp4`, ….
    demuxer : str
        FFmpeg's name of the one demuxer that may open it.
    """

    name: str
    demuxer: str


_CONTAINERS = [
    # A file cut within its first 12 bytes is still a (damaged) WAV.
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
_MP3 = Container("mp3", "mp3")
_ADTS = Container("adts", "aac")

_UNPACK = "Unpack it and upload what is inside."
_ERROR_PAGE = "Perhaps an error message was saved in the recording's place."
_DECRYPT = "Upload it decrypted."

_NOT_AUDIO = [
    ("encrypted", rb"Salted__|U2FsdGVkX1", "encrypted by OpenSSL", _DECRYPT),
    ("encrypted", rb"-----BEGIN PGP", "a PGP message", _DECRYPT),
    # RFC 4880: a public-key (tag 1, version 3) or symmetric-key (tag 3, version 4) encrypted session key comes first.
    (
        "encrypted",
        rb"\x84.\x03|\x85[\x00-\x04].\x03|\xc1[\x00-\xbf]\x03|\xc1[\xc0-\xdf].\x03",
        "a PGP message",
        _DECRYPT,
    ),
    ("encrypted", rb"\x8c.\x04|\xc3.\x04", "a PGP message locked by a password", _DECRYPT),
    ("encrypted", rb"age-encryption\.org/|-----BEGIN AGE", "encrypted by age", _DECRYPT),
    ("encrypted", rb"AES[\x00-\x02]", "encrypted by AES Crypt", _DECRYPT),
    ("encrypted", rb"-----BEGIN (CMS|PKCS7)", "a CMS (S/MIME) message", _DECRYPT),
    # PKWARE APPNOTE 4.4.4: bit 0 of the general purpose flags.
    ("encrypted", rb"PK\x03\x04..[\x01\x03\x05\x07\x09\x0b\x0d\x0f]", "a ZIP archive locked by a password", _DECRYPT),
    ("not_audio", rb"\x89PNG", "a PNG picture", ""),
    ("not_audio", rb"\xff\xd8\xff", "a JPEG picture", ""),
    ("not_audio", rb"GIF8", "a GIF picture", ""),
    ("not_audio", rb"RIFF....WEBP", "a WebP picture", ""),
    ("not_audio", rb"BM.{4}\0\0\0\0", "a BMP picture", ""),
    ("not_audio", rb"II\*\0|MM\0\*", "a TIFF picture", ""),
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
    ("not_audio", rb"MThd", "a MIDI file", "It holds notes, no sound."),
    ("not_audio", rb"SQLite format 3", "an SQLite database", ""),
    ("not_audio", rb"PAR1", "a Parquet table", ""),
    ("not_audio", rb"\x7fELF|MZ", "a program", ""),
    ("not_audio", rb"data:audio|UklGR|SUQz|T2dnUw|ZkxhQ", "base64 text", "Decode it to the audio before the upload."),
    ("not_audio", rb"#EXTM3U", "a playlist", "It names recordings but holds none."),
    ("not_audio", rb"(?i)\s*<(!doctype html|html)", "an HTML page", _ERROR_PAGE),
    ("not_audio", rb"\s*<\?xml", "an XML document", _ERROR_PAGE),
    ("not_audio", rb"\s*[{\[]\s*[\"{\[\]}\d]", "a JSON document", _ERROR_PAGE),
    ("not_audio", rb"\0+\Z", "nothing but zero bytes", "The disk or the upload lost its content."),
    ("not_audio", rb"\xff\xfe|\xfe\xff|[^\0-\x08\x0e-\x1a\x1c-\x1f]+\Z", "text", ""),
]
"""list of (code, pattern, what, hint): what files under a recording's name turned out to be."""


def identify(file: BinaryIO) -> Container:
    """Tell what kind of audio file this is.

    Parameters
    ----------
    file : BinaryIO
        Seekable, at any position; left at its beginning.

    Returns
    -------
    Container

    Raises
    ------
    BadRecording
        `empty_file`, `encrypted`, or `not_audio` with what the bytes look like instead.
    """
    file.seek(0)
    head = file.read(HEAD)
    if not head:
        raise BadRecording("empty_file", "The file is empty (0 bytes): nothing was recorded, or the upload failed.")
    sound = _after_id3(file, head)
    file.seek(0)
    for pattern, container in _CONTAINERS:
        if re.match(pattern, sound, re.DOTALL):
            return container
    if mpeg := _mpeg_audio(sound):
        return mpeg
    if sound is not head:
        # An ID3 tag alone is an MP3 whose audio is missing: its decoder will say so.
        return _MP3
    raise _refusal(head)


def _after_id3(file: BinaryIO, head: bytes) -> bytes:
    """Return the first bytes behind any ID3v2 tags, where MP3, AAC and some FLAC files really begin."""
    position = 0
    while head[:3] == b"ID3" and len(head) >= 10:
        # id3.org, ID3v2.4 section 3.1: a size of four 7-bit bytes, without the 10-byte header (and footer, flag 0x10).
        size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
        position += 10 + size + (10 if head[5] & 0x10 else 0)
        file.seek(position)
        head = file.read(HEAD)
    return head


def _mpeg_audio(head: bytes) -> Container | None:
    """Recognize MP3 and ADTS by three frames in a row, or fewer that end with the file.

    They have no signature but a 12-bit sync word, which random bytes hold too; and a recorder that joined a running
    stream begins in the middle of a frame.
    """
    start = head.find(0xFF)
    while 0 <= start < HEAD // 4:
        for container, length_of in ((_MP3, _mp3_frame_length), (_ADTS, _adts_frame_length)):
            end, frames = start, 0
            while frames < 3 and (length := length_of(head[end : end + 7])):
                end, frames = end + length, frames + 1
            if frames == 3 or (frames and end == len(head) < HEAD):
                return container
        start = head.find(0xFF, start + 1)
    return None


# ISO/IEC 11172-3 section 2.4.2.3 and 13818-3 section 2.4.2.3: kbit/s by the header's bitrate index.
_KBITS = {
    ("1", "II"): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    ("1", "III"): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    ("2", "II"): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    ("2", "III"): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


def _mp3_frame_length(header: bytes) -> int:
    """Length in bytes of the MPEG layer II or III frame with this header; 0 if it is none."""
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


def _adts_frame_length(header: bytes) -> int:
    """Length in bytes of the ADTS frame with this header (ISO/IEC 13818-7 section 6.2); 0 if it is none."""
    if len(header) < 7 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0 or header[2] >> 2 & 15 > 12:
        return 0
    length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return length if length > 7 else 0


def _refusal(head: bytes) -> BadRecording:
    for code, pattern, what, hint in _NOT_AUDIO:
        if re.match(pattern, head, re.DOTALL):
            return BadRecording(code, f"The file is {what}, not audio. {hint}".rstrip())
    return BadRecording(
        "not_audio",
        f"The file is of no audio format that callmood knows; it begins with the bytes {head[:8].hex(' ')}. "
        "If it is encrypted, or raw audio without a header, convert it to WAV first.",
    )
