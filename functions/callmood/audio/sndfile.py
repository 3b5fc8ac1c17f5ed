"""Decode WAV, RF64, W64, AIFF, and AU files with libsndfile."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

import soundfile

from callmood.audio.decoder import AudioInfo, Samples, check_format, invalid_format
from callmood.audio.probe import Container

CONTAINERS = ("wav", "w64", "aiff", "au")
"""tuple of str: containers for which libsndfile is tried first."""

# FFmpeg's names, so that both decoders use the same name for a codec.
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
_INVALID = {24: "an impossible sample rate", 32: "zero channels", 33: "more than 1024 channels"}


class UnsupportedFile(Exception):
    """libsndfile cannot decode the file. FFmpeg may."""


class LibsndfileDecoder:
    """Decode a file with libsndfile.

    Parameters
    ----------
    file : BinaryIO
        Seekable.
    container : Container
        From `probe.identify`; one of `CONTAINERS`.
    """

    def __init__(self, file: BinaryIO, container: Container) -> None:
        try:
            self._file = soundfile.SoundFile(file)
        except soundfile.LibsndfileError as error:
            if error.code in _INVALID:
                raise invalid_format(_INVALID[error.code]) from None
            raise UnsupportedFile from None
        # A streaming recorder leaves the length at 0. libsndfile trusts the header; FFmpeg reads to the end.
        if self._file.frames == 0 or self._file.subtype not in _CODECS:
            self._file.close()
            raise UnsupportedFile
        codec = _CODECS[self._file.subtype]
        self.info = AudioInfo(container.name, codec, self._file.samplerate, self._file.channels)
        check_format(self.info)
        self.warnings = ["truncated"] if _is_truncated(self._file.extra_info) else []

    def chunks(self) -> Iterator[Samples]:
        """Yield all samples once, as in `Decoder.chunks`."""
        remaining = self._file.frames
        while remaining > 0:
            chunk = self._file.read(min(remaining, self.info.sample_rate), dtype="float32", always_2d=True)
            if not len(chunk):
                self.warnings.append("truncated")
                return
            remaining -= len(chunk)
            yield chunk

    def close(self) -> None:
        """Release the resources of the decoder."""
        self._file.close()


def _is_truncated(log: str) -> bool:
    """Return whether the header states more data than the file contains, according to libsndfile's log.

    A stated size of 2 GB or more does not count: streaming recorders write it because they do not know the length.
    """
    sizes = re.findall(r"^\s*(?:data|SSND|Data Size|Riff size|riff)\s*: (\d+) \(should be (\d+)\)", log, re.MULTILINE)
    return any(int(actual) < int(stated) < 0x7FFF_0000 for stated, actual in sizes)
