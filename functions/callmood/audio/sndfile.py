"""Decode WAV, RF64, W64, AIFF, and AU files with libsndfile."""

from __future__ import annotations

import re
from collections.abc import Iterator

import soundfile

from callmood.audio.content import Content, ContentFile
from callmood.audio.decoder import AudioInfo, Samples, check_format, invalid_format
from callmood.audio.limits import too_costly
from callmood.audio.probe import Container
from callmood.audio.resample import add_warning

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


# Reads that a header, and that a second of audio may need: 192 kHz in 64 channels of 8 bytes are 12,000 reads of 8 kB.
_MAX_HEADER_READS, _MAX_READS = 10_000, 100_000


class UnsupportedFile(Exception):
    """libsndfile cannot decode the file. FFmpeg may."""


class LibsndfileDecoder:
    """Decode a file with libsndfile.

    Parameters
    ----------
    content : Content
        The bytes of the file.
    container : Container
        From `probe.identify`; one of `CONTAINERS`.
    samples : int, optional
        Number of samples per channel, where the file has padding after them.

    Raises
    ------
    UnsupportedFile
        FFmpeg may decode the file.
    BadRecording
        `invalid_format`, or `too_costly`: the header has an endless number of parts.
    OSError
        The file cannot be read.
    """

    def __init__(self, content: Content, container: Container, samples: int | None = None) -> None:
        self._source = ContentFile(content)
        self._source.max_reads = _MAX_HEADER_READS
        try:
            self._file = soundfile.SoundFile(self._source)
        except soundfile.LibsndfileError as error:
            self._check_source()
            if error.code in _INVALID:
                raise invalid_format(_INVALID[error.code]) from None
            raise UnsupportedFile from None
        # A streaming recorder leaves the length at 0. libsndfile trusts the header; FFmpeg reads to the end.
        if self._file.frames == 0 or self._file.subtype not in _CODECS:
            self._file.close()
            raise UnsupportedFile
        self._check_source()
        self._samples = self._file.frames if samples is None else min(samples, self._file.frames)
        codec = _CODECS[self._file.subtype]
        self.info = AudioInfo(container.name, codec, self._file.samplerate, self._file.channels)
        check_format(self.info)
        self.warnings = ["truncated"] if _is_truncated(self._file.extra_info) else []

    def chunks(self) -> Iterator[Samples]:
        """Yield all samples once, as in `Decoder.chunks`."""
        self._source.max_reads = _MAX_READS
        remaining = self._samples
        while remaining > 0:
            self._source.reads = 0
            try:
                chunk = self._file.read(min(remaining, self.info.sample_rate), dtype="float32", always_2d=True)
            except soundfile.LibsndfileError:
                chunk = ()
            self._check_source()
            if not len(chunk):
                add_warning(self.warnings, "truncated")
                return
            remaining -= len(chunk)
            yield chunk

    def close(self) -> None:
        """Release the resources of the decoder."""
        self._file.close()

    def _check_source(self) -> None:
        """Raise the error that libsndfile cannot pass on: it treats each as the end of the file."""
        if self._source.error:
            raise self._source.error
        if self._source.is_exhausted:
            raise too_costly("has a header or audio in countless parts")


def _is_truncated(log: str) -> bool:
    """Return whether the header states more data than the file contains, according to libsndfile's log.

    A stated size of 2 GB or more does not count: streaming recorders write it because they do not know the length.
    """
    sizes = re.findall(r"^\s*(?:data|SSND|Data Size|Riff size|riff)\s*: (\d+) \(should be (\d+)\)", log, re.MULTILINE)
    return any(int(actual) < int(stated) < 0x7FFF_0000 for stated, actual in sizes)
