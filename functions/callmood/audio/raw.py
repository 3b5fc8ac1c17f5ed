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
_SIGNATURE = re.compile(rb"RIFF|RIFX|RF64|OggS|fLaC|ID3|FORM|caff|\.snd|....ftyp|\x1a\x45\xdf\xa3", re.DOTALL)
_TEXT = re.compile(rb"[^\0-\x08\x0e-\x1a\x1c-\x1f\x7f-\xff]+\Z")
_G729_FRAME = 10
_PIECE = 16_384
# Speech at 8 kHz has a correlation of 0.7 to 0.95 between neighboring samples. A wrong codec, compressed or encrypted
# data has at most 0.3: tests/audio/test_raw.py.
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


@dataclass(frozen=True)
class RawGuess:
    """A guess that a file is raw audio.

    Parameters
    ----------
    format : RawFormat
        Its likely format. The number of channels is a default.
    is_named : bool
        Whether the suffix of the file name states the codec.
    """

    format: RawFormat
    is_named: bool


def guess_raw(content: Content, suffix: str) -> RawGuess | None:
    """Guess whether a file is raw audio, from the suffix of its name and the statistics of its bytes.

    Parameters
    ----------
    content : Content
        The bytes of the file.
    suffix : str
        Such as ``.ulaw``.

    Returns
    -------
    RawGuess or None
        None if neither suffix nor bytes resemble raw audio.
    """
    named = _SUFFIXES.get(suffix.lower())
    pieces = [content.read_at(start, _PIECE) for start in sorted({0, content.size // 2 // 20 * 20})]
    if not pieces[0] or _TEXT.match(pieces[0]):
        return None
    guess = _guess_codec(pieces)
    if named and suffix.lower() not in _AMBIGUOUS_SUFFIXES:
        return RawGuess(RawFormat(*named), is_named=not _has_signature(pieces[0]))
    if guess is None:
        return None
    rate = named[1] if named and named[0] == guess else 8000
    return RawGuess(RawFormat(guess, rate), is_named=named is not None and not _has_signature(pieces[0]))


def _has_signature(head: bytes) -> bool:
    """Return whether a file starts as a WAV file or another file with a header, in spite of its suffix."""
    return (
        re.match(rb"RIFF|RIFX|RF64|OggS|fLaC|ID3|FORM|caff|\.snd|....ftyp|\x1a\x45\xdf\xa3", head, re.DOTALL)
        is not None
    )


def _guess_codec(pieces: list[bytes]) -> Codec | None:
    """Return the codec under which neighboring samples correlate as in speech."""
    best: tuple[float, Codec | None] = (_MIN_CORRELATION, None)
    for codec in ("ulaw", "alaw", "slin"):
        scores = [_correlation(_decode(piece, codec), 1) for piece in pieces if len(piece) >= 400]
        interleaved = [_correlation(_decode(piece, codec), 2) for piece in pieces if len(piece) >= 400]
        score = max(max(scores, default=0.0), max(interleaved, default=0.0) - 0.1)
        if score > best[0]:
            best = score, codec
    if best[1] is None and any(_resembles_g729(piece) for piece in pieces):
        return "g729"
    return best[1]


def _decode(data: bytes, codec: Codec) -> NDArray[np.float32]:
    """Decode whole samples of a codec other than G.729 to float32 in [-1, 1]."""
    if codec == "slin":
        return np.frombuffer(data[: len(data) & ~1], "<i2").astype(np.float32) / np.float32(32768)
    table = MULAW if codec == "ulaw" else ALAW
    return table[np.frombuffer(data, np.uint8)]


def _correlation(samples: NDArray[np.float32], lag: int) -> float:
    """Return the correlation of samples with those `lag` earlier; 0 if they hardly vary."""
    first, second = samples[:-lag] - samples.mean(), samples[lag:] - samples.mean()
    power = float(np.sqrt((first * first).sum() * (second * second).sum()))
    return float((first * second).sum()) / power if power > 1e-6 * len(samples) else 0.0


def _resembles_g729(data: bytes) -> bool:
    """Return whether bytes repeat at a distance of whole frames of 10 bytes more often than at other distances."""
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
