"""Decode any recording to float32 at 16 kHz, block by block, in constant memory."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
import soxr

from callmood.audio import sndfile
from callmood.audio.decoder import AudioInfo, Decoder, Samples
from callmood.audio.probe import identify
from callmood.types import SAMPLE_RATE

__all__ = ["WARNINGS", "AudioInfo", "AudioStream", "open_audio"]


OVER_FULL_SCALE = 2.0
"""float: threshold of the warning `over_full_scale`. Lossy codecs overshoot full scale a little, but not this far."""


WARNINGS = {
    "truncated": "The recording has less audio than its header states: the recorder or the upload stopped early.",
    "decode_errors": "Parts of the stream are damaged and were skipped.",
    "gaps_filled": "The timestamps have gaps (lost packets, or suppressed silence), which were filled with silence.",
    "format_changed": "The sample rate or number of channels changes; the recording was analyzed up to the change.",
    "extra_audio_streams": "The container has several audio streams; only the main stream was analyzed.",
    "non_finite_samples": "Some samples were NaN or infinite, and were set to zero.",
    "over_full_scale": "Some samples were far beyond full scale, and were clipped: the recorder uses a wrong scale.",
}
"""dict of str to str: meaning of the codes in the column `warnings` of the table `recordings`."""


class AudioStream:
    """An open recording from `open_audio`. Read it once, in a `with` statement.

    Attributes
    ----------
    info : AudioInfo
        Format of the recording.
    warnings : list of str
        Keys of `WARNINGS`. Complete after the last block.
    """

    def __init__(self, decoder: Decoder, resources: ExitStack) -> None:
        self._decoder = decoder
        self._resources = resources
        self.info = decoder.info
        self.warnings = decoder.warnings

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.close()

    def blocks(self, seconds: float = 10.0) -> Iterator[Samples]:
        """Decode and resample block by block.

        Parameters
        ----------
        seconds : float
            Duration of every block except the last.

        Yields
        ------
        numpy.ndarray
            (channels, n) float32 at 16 kHz in [-1, 1]. n is `seconds * 16000`; less in the last block.
        """
        size = round(seconds * SAMPLE_RATE)
        block = np.empty((self.info.channels, size), np.float32)
        filled = 0
        for chunk in self._resampled():
            remaining = chunk.T
            while remaining.shape[1]:
                n = min(size - filled, remaining.shape[1])
                block[:, filled : filled + n] = remaining[:, :n]
                remaining = remaining[:, n:]
                filled += n
                if filled == size:
                    yield block
                    block, filled = np.empty_like(block), 0
        if filled:
            yield block[:, :filled].copy()

    def _resampled(self) -> Iterator[Samples]:
        rate, channels = self.info.sample_rate, self.info.channels
        if rate == SAMPLE_RATE:
            yield from self._cleaned()
            return
        resampler = soxr.ResampleStream(rate, SAMPLE_RATE, channels, quality="HQ")
        for chunk in self._cleaned():
            yield np.clip(resampler.resample_chunk(chunk), -1, 1)
        yield np.clip(resampler.resample_chunk(np.empty((0, channels), np.float32), last=True), -1, 1)

    def _cleaned(self) -> Iterator[Samples]:
        """Yield the decoded samples, made finite and clipped to [-1, 1]."""
        for chunk in self._decoder.chunks():
            peak = max(chunk.max(), -chunk.min())
            if not np.isfinite(peak):
                self._warn("non_finite_samples")
                np.nan_to_num(chunk, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
                peak = max(chunk.max(), -chunk.min())
            if peak > OVER_FULL_SCALE:
                self._warn("over_full_scale")
            yield np.clip(chunk, -1, 1, out=chunk) if peak > 1 else chunk

    def _warn(self, code: str) -> None:
        if code not in self.warnings:
            self.warnings.append(code)


def open_audio(audio: Path | bytes) -> AudioStream:
    """Open a recording. Its format is detected from its bytes; the name does not matter.

    Parameters
    ----------
    audio : Path or bytes
        A file, or the bytes of a file, which are not copied.

    Returns
    -------
    AudioStream
        For use in a `with` statement.

    Raises
    ------
    BadRecording
        The recording can never be decoded: `empty_file`, `not_audio`, `encrypted`, `damaged`, `unsupported_codec`,
        `no_audio`, or `invalid_format`.
    OSError
        The file cannot be read.
    """
    with ExitStack() as resources:
        file: BinaryIO = io.BytesIO(audio) if isinstance(audio, bytes) else audio.open("rb")
        resources.enter_context(file)
        decoder = _decoder(file)
        resources.callback(decoder.close)
        return AudioStream(decoder, resources.pop_all())


def _decoder(file: BinaryIO) -> Decoder:
    """Select the decoder: libsndfile for the formats that it supports, FFmpeg for all others.

    libsndfile is five times as fast, and an instance that processes only WAV files never loads FFmpeg's 100 MB. See
    docs/decisions/0002-one-pass.md.
    """
    container = identify(file)
    if container.name in sndfile.CONTAINERS:
        try:
            return sndfile.LibsndfileDecoder(file, container)
        except sndfile.UnsupportedFile:
            pass
    from callmood.audio.pyav import FfmpegDecoder

    return FfmpegDecoder(file, container)
