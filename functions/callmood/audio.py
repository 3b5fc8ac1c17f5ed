"""Bytes in, sound out: decode any recording to float32 at 16 kHz, block by block, in flat memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from callmood.errors import BadRecording

Samples = NDArray[np.float32]

SAMPLE_RATE = 16_000
"""int: rate of all audio inside callmood, in Hz."""


@dataclass(frozen=True)
class AudioInfo:
    """What the recording's header says.

    Parameters
    ----------
    container : str
        Name of the container, such as `wav`, `ogg`, `mp4`.
    codec : str
        Name of the codec, such as `pcm_16`, `ulaw`, `opus`.
    sample_rate : int
        The recording's own rate, in Hz.
    channels : int
        Number of channels.
    """

    container: str
    codec: str
    sample_rate: int
    channels: int


class AudioStream:
    """An opened recording: made by `open_audio`, read once, closed by `with`.

    Attributes
    ----------
    info : AudioInfo
        The recording's own format.
    warnings : list of str
        Codes of what was odd but survivable; complete after the last block.
    """

    def __init__(self, sound: soundfile.SoundFile) -> None:
        self._sound = sound
        self.info = AudioInfo(sound.format.lower(), sound.subtype.lower(), sound.samplerate, sound.channels)
        self.warnings: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sound.close()

    def blocks(self, seconds: float = 10.0) -> Iterator[Samples]:
        """Decode and resample, one block at a time.

        Parameters
        ----------
        seconds : float
            Length of every block but the last, in seconds.

        Yields
        ------
        numpy.ndarray
            Float32 of shape (channels, n) at 16 kHz, in [-1, 1]; n is `seconds * 16000` but for the last.
        """
        size = round(seconds * SAMPLE_RATE)
        pending: list[Samples] = []
        held = 0
        for chunk in self._resampled():
            pending.append(chunk)
            held += len(chunk)
            if held >= size:
                joined = np.concatenate(pending)
                for start in range(0, held - held % size, size):
                    yield np.ascontiguousarray(joined[start : start + size].T)
                pending = [joined[held - held % size :]]
                held %= size
        if held:
            yield np.ascontiguousarray(np.concatenate(pending).T)

    def _resampled(self) -> Iterator[Samples]:
        rate, channels = self.info.sample_rate, self.info.channels
        resampler = soxr.ResampleStream(rate, SAMPLE_RATE, channels) if rate != SAMPLE_RATE else None
        for chunk in self._decoded():
            yield np.clip(resampler.resample_chunk(chunk) if resampler else chunk, -1, 1)
        if resampler:
            yield np.clip(resampler.resample_chunk(np.empty((0, channels), np.float32), last=True), -1, 1)

    def _decoded(self) -> Iterator[Samples]:
        while len(chunk := self._sound.read(self.info.sample_rate, dtype="float32", always_2d=True)):
            if not np.isfinite(chunk).all():
                np.nan_to_num(chunk, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
                self._warn("non_finite_samples")
            yield chunk

    def _warn(self, code: str) -> None:
        if code not in self.warnings:
            self.warnings.append(code)


def open_audio(audio: Path | bytes) -> AudioStream:
    """Open a recording; its type is told from its bytes, never from its name.

    Parameters
    ----------
    audio : Path or bytes
        A file, or the file's bytes (not copied).

    Returns
    -------
    AudioStream
        To be used in a `with` statement.

    Raises
    ------
    BadRecording
        The bytes can never be heard: `empty_file`, `not_audio`, `damaged`, `no_audio`, ….
    """
    import io

    source: Any = io.BytesIO(audio) if isinstance(audio, bytes) else audio.open("rb")
    if not source.read(1):
        raise BadRecording("empty_file", "The file is empty (0 bytes): nothing was recorded, or the upload failed.")
    source.seek(0)
    try:
        return AudioStream(soundfile.SoundFile(source))
    except soundfile.LibsndfileError as error:
        source.close()
        raise BadRecording("not_audio", f"The file is no audio that callmood can read: {error.error_string}") from None
