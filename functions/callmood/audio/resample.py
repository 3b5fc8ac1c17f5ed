"""Sources of samples at 16 kHz: one decoder, several decoders one after the other, or several side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import soxr

from callmood.audio.decoder import AudioInfo, Decoder, Samples
from callmood.errors import BadRecording
from callmood.types import SAMPLE_RATE

OVER_FULL_SCALE = 2.0
"""float: threshold of the warning `over_full_scale`. Lossy codecs overshoot full scale a little, but not this far."""


def add_warning(warnings: list[str], code: str) -> None:
    """Add a warning unless it is present."""
    if code not in warnings:
        warnings.append(code)


class Resampled:
    """Resample a decoder to 16 kHz, and make its samples finite and at most full scale.

    Parameters
    ----------
    decoder : Decoder
        At its own sample rate. It is closed with this object.
    """

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self.info = decoder.info
        self.warnings = decoder.warnings

    def chunks(self) -> Iterator[Samples]:
        """Yield all samples at 16 kHz in [-1, 1], as in `Decoder.chunks`."""
        rate, channels = self.info.sample_rate, self.info.channels
        if rate == SAMPLE_RATE:
            yield from self._cleaned()
            return
        resampler = soxr.ResampleStream(rate, SAMPLE_RATE, channels, quality="HQ")
        for chunk in self._cleaned():
            yield np.clip(resampler.resample_chunk(chunk), -1, 1)
        yield np.clip(resampler.resample_chunk(np.empty((0, channels), np.float32), last=True), -1, 1)

    def close(self) -> None:
        """Close the decoder."""
        self._decoder.close()

    def _cleaned(self) -> Iterator[Samples]:
        for chunk in self._decoder.chunks():
            peak = max(chunk.max(), -chunk.min())
            if not np.isfinite(peak):
                add_warning(self.warnings, "non_finite_samples")
                np.nan_to_num(chunk, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
                peak = max(chunk.max(), -chunk.min())
            if peak > OVER_FULL_SCALE:
                add_warning(self.warnings, "over_full_scale")
            yield np.clip(chunk, -1, 1, out=chunk) if peak > 1 else chunk


class Joined:
    """Decode recordings that are joined in one file, one after the other.

    A mono recording in a file with stereo recordings is copied to every channel.

    Parameters
    ----------
    openers : sequence of callable
        Each opens one recording at 16 kHz, or raises BadRecording. Only one is open at a time.
    channels : int
        Largest number of channels.

    Raises
    ------
    BadRecording
        The first recording cannot be decoded.
    """

    def __init__(self, openers: Sequence[Callable[[], Decoder]], channels: int) -> None:
        self._later = openers[1:]
        self._open: Decoder = openers[0]()
        self._channels = max(channels, self._open.info.channels)
        self.info: AudioInfo = replace(self._open.info, channels=self._channels)
        self.warnings = ["joined"]

    def chunks(self) -> Iterator[Samples]:
        """Yield all samples at 16 kHz, as in `Decoder.chunks`."""
        yield from self._chunks()
        for opener in self._later:
            self._open.close()
            try:
                self._open = opener()
                yield from self._chunks()
            except BadRecording as bad:
                if bad.code == "too_costly":
                    raise
                add_warning(self.warnings, "decode_errors")

    def _chunks(self) -> Iterator[Samples]:
        for chunk in self._open.chunks():
            yield widen(chunk, self._channels)
        for code in self._open.warnings:
            add_warning(self.warnings, code)

    def close(self) -> None:
        """Close the current recording."""
        self._open.close()


def widen(chunk: Samples, channels: int) -> Samples:
    """Return samples with `channels` channels: a single channel is copied to all, and missing channels are silent."""
    count = chunk.shape[1]
    if count == channels:
        return chunk
    if count == 1:
        return np.repeat(chunk, channels, axis=1)
    return np.pad(chunk[:, :channels], ((0, 0), (0, max(0, channels - count))))


class Parallel:
    """Decode mono tracks side by side: each is one channel. Shorter tracks end with silence.

    Parameters
    ----------
    tracks : sequence of Decoder
        At 16 kHz, each with one channel.
    """

    def __init__(self, tracks: Sequence[Decoder]) -> None:
        self._tracks = tracks
        self.info = replace(tracks[0].info, channels=len(tracks))
        self.warnings = ["mono_tracks"]

    def chunks(self) -> Iterator[Samples]:
        """Yield all samples at 16 kHz, as in `Decoder.chunks`."""
        streams = [_Pending(track.chunks()) for track in self._tracks]
        while sum(stream.fill() for stream in streams):  # `any` would stop at the first
            length = min(stream.available for stream in streams if stream.available)
            yield np.stack([stream.take(length) for stream in streams], axis=1)
        for track in self._tracks:
            for code in track.warnings:
                add_warning(self.warnings, code)

    def close(self) -> None:
        """Close all tracks."""
        with ExitStack() as stack:
            for track in self._tracks:
                stack.callback(track.close)


class _Pending:
    """Samples of a track that are decoded but not yet used."""

    def __init__(self, chunks: Iterator[Samples]) -> None:
        self._chunks = chunks
        self._samples = np.empty(0, np.float32)

    @property
    def available(self) -> int:
        return len(self._samples)

    def fill(self) -> bool:
        """Return whether samples are available, after decoding more if necessary."""
        while not self.available:
            chunk = next(self._chunks, None)
            if chunk is None:
                return False
            self._samples = chunk[:, 0]
        return True

    def take(self, length: int) -> Samples:
        taken, self._samples = self._samples[:length], self._samples[length:]
        return np.pad(taken, (0, length - len(taken)))
