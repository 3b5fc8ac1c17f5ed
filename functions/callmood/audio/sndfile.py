"""Decoding plain files with libsndfile: uncompressed and telephone audio in WAV, RF64, W64, AIFF and AU."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

import soundfile

from callmood.audio.decoder import AudioInfo, Samples, check_format, impossible_format
from callmood.audio.probe import Container

CONTAINERS = ("wav", "w64", "aiff", "au")
"""tuple of str: containers that are worth a try."""

# Names as FFmpeg has them, so that one codec has one name.
_CODECS = {
    "PCM_U8": "pcm_u8",
    "PCM_S8": "pcm_s8",
    "PCM_16": "pcm_s16",
    "PCM_24": "pcm_s24",
    "PCM_32": "pcm_s32",
    "FLOAT": "pcm_f32",
    "DOUBLE": "pcm_f64",
    "ULAW": "pcm_mulaw",
    "ALAW": "pcm_alaw",
    "GSM610": "gsm_ms",
    "IMA_ADPCM": "adpcm_ima_wav",
    "MS_ADPCM": "adpcm_ms",
}

# libsndfile 1.2.2, src/common.h: SFE_BAD_SF_INFO, SFE_CHANNEL_COUNT_ZERO, SFE_CHANNEL_COUNT.
_IMPOSSIBLE = {24: "a sample rate that cannot be", 32: "zero channels", 33: "more than 1024 channels"}


class NotPlain(Exception):
    """libsndfile cannot read this file; FFmpeg may."""


class LibsndfileDecoder:
    """Decode a plain file with libsndfile."""

    def __init__(self, file: BinaryIO, container: Container) -> None:
        try:
            self._sound = soundfile.SoundFile(file)
        except soundfile.LibsndfileError as error:
            if error.code in _IMPOSSIBLE:
                raise impossible_format(_IMPOSSIBLE[error.code]) from None
            raise NotPlain from None
        # A recorder that could not seek back leaves the length at 0: libsndfile believes it, FFmpeg reads on.
        if self._sound.frames == 0 or self._sound.subtype not in _CODECS:
            self._sound.close()
            raise NotPlain
        codec = _CODECS[self._sound.subtype]
        self.info = AudioInfo(container.name, codec, self._sound.samplerate, self._sound.channels)
        check_format(self.info)
        self.warnings = ["truncated"] if _claims_more(self._sound.extra_info) else []

    def chunks(self) -> Iterator[Samples]:
        """Yield all samples once, as `Decoder.chunks` says."""
        left = self._sound.frames
        while left > 0:
            chunk = self._sound.read(min(left, self.info.sample_rate), dtype="float32", always_2d=True)
            if not len(chunk):
                self.warnings.append("truncated")
                return
            left -= len(chunk)
            yield chunk

    def close(self) -> None:
        """Let go of the decoder's memory."""
        self._sound.close()


def _claims_more(log: str) -> bool:
    """Tell by libsndfile's log whether the header claims more data than the file holds.

    A claim of 2 GB or more is none: a recorder that streams writes it because it does not know the length yet.
    """
    claims = re.findall(r"^\s*(?:data|SSND|Data Size|Riff size|riff)\s*: (\d+) \(should be (\d+)\)", log, re.MULTILINE)
    return any(int(actual) < int(claim) < 0x7FFF_0000 for claim, actual in claims)
