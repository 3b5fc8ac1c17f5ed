"""Raw audio: samples of a telephone system without a header. Guess the codec of a file, and decode a stated codec."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from callmood.audio.content import Content
from callmood.audio.decoder import AudioInfo, Samples

Codec = Literal["ulaw", "alaw", "slin", "g729"]

_DESCRIPTIONS: dict[Codec, str] = {"ulaw": "mu-law", "alaw": "A-law", "slin": "16-bit linear", "g729": "G.729"}
_BYTES: dict[Codec, int] = {"ulaw": 1, "alaw": 1, "slin": 2}
_NAMES: dict[Codec, str] = {"ulaw": "pcm_mulaw", "alaw": "pcm_alaw", "slin": "pcm_s16", "g729": "g729"}

# Asterisk (main/format_compatibility.c), SoX, and FFmpeg use these suffixes.
_SUFFIXES: dict[str, tuple[Codec, int]] = {
    **dict.fromkeys((".ulaw", ".ul", ".mulaw", ".mu", ".pcmu", ".g711u", ".u"), ("ulaw", 8000)),
    **dict.fromkeys((".alaw", ".al", ".pcma", ".g711a"), ("alaw", 8000)),
    **dict.fromkeys((".sln", ".slin", ".raw", ".pcm", ".lin", ".s16", ".s16le"), ("slin", 8000)),
    **{f".sln{khz}": ("slin", khz * 1000) for khz in (12, 16, 24, 32, 48, 96, 192)},
    ".sln44": ("slin", 44_100),
    **dict.fromkeys((".g729", ".g729a"), ("g729", 8000)),
}
_AMBIGUOUS_SUFFIXES = {".raw", ".pcm", ".u", ".lin", ".mu"}
_TEXT = re.compile(rb"[^\0-\x08\x0e-\x1a\x1c-\x1f\x7f-\xff]+\Z")
_G729_FRAME = 10
_PIECES, _PIECE = 16, 4096
# Telephone speech changes by 0.003 to 0.02 of full scale from sample to sample. Decoded with a wrong codec, it changes
# five times as much as with the right one, and other data changes by 0.3 or more: tests/audio/test_raw.py.
_MAX_CHANGE = 0.06
_MIN_CORRELATION = 0.5


@dataclass(frozen=True)
class RawFormat:
    """Format of raw audio.

    Parameters
    ----------
    codec : {"ulaw", "alaw", "slin", "g729"}
        G.711 mu-law or A-law, 16-bit little-endian samples, or G.729.
    sample_rate : int
        In Hz.
    channels : int
        Number of interleaved channels.
    """

    codec: Codec
    sample_rate: int = 8000
    channels: int = 1

    def __str__(self) -> str:
        return f"{self.codec}/{self.sample_rate}/{self.channels}"

    @property
    def description(self) -> str:
        """Return the name of the codec for messages."""
        return _DESCRIPTIONS[self.codec]


def parse_raw_format(text: str) -> RawFormat:
    """Parse the setting `RAW_AUDIO`.

    Parameters
    ----------
    text : str
        As `config.RAW_AUDIO_PATTERN` accepts it.

    Examples
    --------
    >>> parse_raw_format("ulaw/8000/1").description
    'mu-law'
    """
    codec, rate, channels = text.split("/")
    return RawFormat(codec, int(rate), int(channels))  # type: ignore[arg-type]


def raw_setting(codec: str, sample_rate: int, channels: int) -> str:
    """Return the setting `RAW_AUDIO` with which a recording was decoded.

    Parameters
    ----------
    codec, sample_rate, channels : str, int, int
        As in `AudioInfo`, where the container is ``raw``.

    Examples
    --------
    >>> raw_setting("pcm_mulaw", 8000, 2)
    'ulaw/8000/2'
    """
    name = next(name for name, known in _NAMES.items() if known == codec)
    return f"{name}/{sample_rate}/{channels}"


def guess_raw(content: Content, suffix: str) -> RawFormat | None:
    """Guess the format of a file without a known header, from the suffix of its name and the statistics of its bytes.

    Parameters
    ----------
    content : Content
        The bytes of the file.
    suffix : str
        Such as ``.ulaw``.

    Returns
    -------
    RawFormat or None
        The likely format, for one channel. None if neither suffix nor bytes resemble raw audio.
    """
    step = max(_PIECE, content.size // _PIECES // 20 * 20)
    pieces = [content.read_at(start, _PIECE) for start in range(0, content.size, step)][:_PIECES]
    if not pieces or _TEXT.match(pieces[0]):
        return None
    named = _SUFFIXES.get(suffix.lower())
    if named and suffix.lower() not in _AMBIGUOUS_SUFFIXES:
        return RawFormat(*named)
    codec = _guess_codec(pieces)
    return RawFormat(codec, named[1] if named and named[0] == codec else 8000) if codec else None


def _guess_codec(pieces: list[bytes]) -> Codec | None:
    """Return the codec under which samples change least from one to the next, in one channel or two."""
    whole = [piece for piece in pieces if len(piece) >= 400]
    if not whole:
        return None
    found: list[tuple[float, Codec]] = []
    for codec in _BYTES:
        samples = np.stack([_decode(piece[: len(whole[-1]) & ~1], codec) for piece in whole])
        for channels in (1, 2):
            change = float(np.abs(samples[:, channels:] - samples[:, :-channels]).mean())
            if change < _MAX_CHANGE and _correlation(samples, channels) > _MIN_CORRELATION:
                found.append((change, codec))
    if found:
        return min(found)[1]
    return "g729" if _resembles_g729(b"".join(whole)) else None


def _decode(data: bytes, codec: Codec) -> NDArray[np.float32]:
    """Decode whole samples of a codec other than G.729 to float32 in [-1, 1]."""
    if codec == "slin":
        return np.frombuffer(data[: len(data) & ~1], "<i2").astype(np.float32) / np.float32(32768)
    table = MULAW if codec == "ulaw" else ALAW
    return table[np.frombuffer(data, np.uint8)]


def _correlation(samples: NDArray[np.float32], lag: int) -> float:
    """Return the correlation of samples with those `lag` earlier; 0 if all are equal."""
    centered = samples - samples.mean(axis=1, keepdims=True)
    first, second = centered[:, :-lag], centered[:, lag:]
    power = float(np.sqrt((first * first).sum() * (second * second).sum()))
    return float((first * second).sum()) / power if power else 0.0


def _resembles_g729(data: bytes) -> bool:
    """Return whether bytes repeat at a distance of one frame more often than at other distances."""
    codes = np.frombuffer(data, np.uint8)
    if len(codes) < 100 * _G729_FRAME:
        return False
    equal = {lag: float(np.mean(codes[lag:] == codes[:-lag])) for lag in range(7, 14)}
    other = max(share for lag, share in equal.items() if lag != _G729_FRAME)
    return equal[_G729_FRAME] > 0.02 and equal[_G729_FRAME] > 2 * other


def _mulaw_table() -> NDArray[np.float32]:
    """Return the samples of the 256 codes (ITU-T G.711, table 2a): 16-bit values relative to full scale."""
    code = ~np.arange(256, dtype=np.uint8)
    exponent, mantissa = ((code >> 4) & 7).astype(np.int32), (code & 15).astype(np.int32)
    magnitude = (((mantissa << 3) + 132) << exponent) - 132
    return (np.where(code & 128, -magnitude, magnitude) / 32768).astype(np.float32)


def _alaw_table() -> NDArray[np.float32]:
    """Return the samples of the 256 codes (ITU-T G.711, table 1a): 16-bit values relative to full scale."""
    code = np.arange(256, dtype=np.uint8) ^ np.uint8(0x55)
    exponent, mantissa = ((code >> 4) & 7).astype(np.int32), (code & 15).astype(np.int32)
    magnitude = np.where(exponent > 0, (2 * mantissa + 33) << np.maximum(exponent - 1, 0), 2 * mantissa + 1) * 8
    return (np.where(code & 128, magnitude, -magnitude) / 32768).astype(np.float32)


MULAW, ALAW = _mulaw_table(), _alaw_table()
"""numpy.ndarray: (256,) float32 samples of the codes of G.711 mu-law and A-law."""


class RawDecoder:
    """Decode raw audio of a stated format.

    Parameters
    ----------
    content : Content
        The bytes of the file.
    raw : RawFormat
        Its format, with a codec other than G.729.
    """

    def __init__(self, content: Content, raw: RawFormat) -> None:
        self._content = content
        self._raw = raw
        self.info = AudioInfo("raw", _NAMES[raw.codec], raw.sample_rate, raw.channels)
        self.warnings: list[str] = []

    def chunks(self) -> Iterator[Samples]:
        """Yield all samples once, as in `Decoder.chunks`."""
        frame = _BYTES[self._raw.codec] * self._raw.channels
        step = frame * self._raw.sample_rate
        for start in range(0, self._content.size, step):
            data = self._content.read_at(start, step)
            samples = _decode(data[: len(data) // frame * frame], self._raw.codec).reshape(-1, self._raw.channels)
            if len(samples):
                yield samples

    def close(self) -> None:
        """Release nothing: the content belongs to the caller."""
