"""Find the segments of speech in one channel, as its samples arrive, in constant memory."""

from __future__ import annotations

import math
from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from callmood.speech.leveling import Leveler
from callmood.speech.silero import CHUNK, RECORDING_BLOCK, SileroDetector
from callmood.types import SAMPLE_RATE

Samples = NDArray[np.float32]


MIN_SEGMENT_S = 0.6
"""float: a shorter segment is joined to a neighbor within this distance; otherwise it is extended to this duration."""

MAX_SEGMENT_S = 8.0
"""float: longer speech is split at its quietest chunk."""

MAX_PAUSE_S = 0.3
"""float: a shorter pause is part of its segment."""

MIXED_MAX_PAUSE_S = 0.15
"""float: the same, for a channel with several parties. They often answer after less than 0.3 s."""

# Tuned by measurement: docs/decisions/0003-speech-detection.md
_POSSIBLE_SPEECH = 0.2  # a chunk with this probability may be speech
_CERTAIN_SPEECH = 0.5  # a chunk with this probability is speech
_MIN_CERTAIN_CHUNKS = 2  # number of such chunks that a segment needs
_MIN_POWER = 10**-5.7  # quieter speech (-57 dBFS) is not a party on the line
_LOOKBACK = 3  # chunks by which the detector may be late
_FRAME = CHUNK // 4  # samples (8 ms): time resolution of start and end
_RELATIVE_FLOOR = 10**-3.2  # a frame this far (-32 dB) below the loud frames (90th percentile) is not speech
_MIN_RUN_S = 0.1  # shorter runs are clicks
_NOISE_FRAME = 400  # samples (25 ms): short enough to fit between words

_MIN = int(MIN_SEGMENT_S * SAMPLE_RATE)
_MAX = int(MAX_SEGMENT_S * SAMPLE_RATE)


@dataclass(frozen=True)
class SpeechSegment:
    """One segment of speech in one channel.

    Parameters
    ----------
    start_s, end_s : float
        Seconds from the start of the channel. The duration is 0.6 to 8 s; less only if the channel is too short.
    samples : numpy.ndarray
        (n,) float32 at 16 kHz.
    level_dbfs : float
        Root mean square level, in dB relative to full scale: -120 to 0 for samples in [-1, 1].
    noise_dbfs : float
        Level of the pauses between words, in dB relative to full scale: 10th percentile over frames of 25 ms.
    """

    start_s: float
    end_s: float
    samples: Samples
    level_dbfs: float
    noise_dbfs: float


class Segmenter:
    """Split one channel into segments as its samples arrive.

    The detector locates speech to about 0.1 s; the level of the signal then gives the exact start and end. The result
    does not depend on how the samples are split between calls. The buffer has at most about 11 s of samples, besides
    the block of the detector and the last samples given.

    Parameters
    ----------
    block : int
        Number of chunks of 32 ms that the detector processes at once, a multiple or a divisor of 64. A segment is
        emitted after 0.6 s of silence and the end of the current block. The default is fastest; 2 is for real-time
        calls.
    is_mixed : bool
        Whether the channel contains several parties. Then shorter pauses end a segment, and the detector gets all
        parties at a similar level.

    Attributes
    ----------
    speech_s : float
        Duration of all segments so far.
    too_quiet_s : float
        Duration of what may be speech, but is too quiet for a segment.

    Examples
    --------
    >>> segmenter = Segmenter()
    >>> segmenter.process(np.zeros(32_000, np.float32)) + segmenter.finish()
    []
    """

    def __init__(self, block: int = RECORDING_BLOCK, is_mixed: bool = False) -> None:
        self.speech_s = 0.0
        self.too_quiet_s = 0.0
        self._max_pause_s = MIXED_MAX_PAUSE_S if is_mixed else MAX_PAUSE_S
        self._leveler = Leveler() if is_mixed else None
        self._detector = SileroDetector(block=block)
        self._received: list[Samples] = []  # samples that the detector has not processed yet
        self._buffer = np.empty(0, np.float32)  # samples that may still be needed
        self._buffer_start = 0  # position of its first sample
        self._segments_end = 0  # end of the last segment: the earliest sample of the next one
        self._processed_chunks = 0
        # The open region is possible speech with short pauses; its segments are not determined yet.
        self._region: list[float] = []  # probabilities of its chunks; empty if no region is open
        self._region_start = 0  # its first chunk
        self._silent_chunks = 0  # number of chunks since the last one that may be speech

    @property
    def processed_s(self) -> float:
        """Return the seconds of audio processed; less than received by less than a block."""
        return self._processed_chunks * CHUNK / SAMPLE_RATE

    def process(self, samples: Samples) -> list[SpeechSegment]:
        """Process more samples.

        Parameters
        ----------
        samples : numpy.ndarray
            (n,) float32, mono, 16 kHz, finite, in [-1, 1]; any n.

        Returns
        -------
        list of SpeechSegment
            The segments that are now complete, in order.
        """
        self._received.append(samples)
        leveled = self._leveler.process(samples) if self._leveler else samples
        return self._advance(self._detector.process(leveled))

    def finish(self) -> list[SpeechSegment]:
        """End the channel.

        Returns
        -------
        list of SpeechSegment
            The remaining segments, in order.
        """
        segments = self._advance(self._detector.process(self._leveler.finish())) if self._leveler else []
        return segments + self._advance(self._detector.finish()) + self._close(len(self._region))

    def partial(self) -> list[SpeechSegment]:
        """Return the segments of the open region, as if the channel ended now. The state does not change.

        Returns
        -------
        list of SpeechSegment
            In order; usually one segment or none.
        """
        return copy(self)._close(len(self._region))

    def _advance(self, probabilities: Samples) -> list[SpeechSegment]:
        segments: list[SpeechSegment] = []
        if not len(probabilities):
            return segments
        self._buffer = np.concatenate([self._buffer, *self._received])
        self._received = []
        for probability in probabilities.tolist():
            if probability >= _POSSIBLE_SPEECH:
                self._silent_chunks = 0
                if not self._region:
                    self._region_start = self._processed_chunks
            else:
                self._silent_chunks += 1
            self._processed_chunks += 1
            if self._region or not self._silent_chunks:
                self._region.append(probability)
                if self._silent_chunks * CHUNK >= _MIN:
                    segments += self._close(len(self._region))
                elif (_LOOKBACK + len(self._region) + 1) * CHUNK > _MAX:
                    segments += self._close(self._quietest())
        needed = max(
            self._buffer_start, (self._region_start if self._region else self._processed_chunks) * CHUNK - _MIN
        )
        self._buffer = self._buffer[needed - self._buffer_start :]
        self._buffer_start = needed
        return segments

    def _quietest(self) -> int:
        """Return the chunk of the region before which to split it: in its second half, but 0.6 s before its end."""
        latest = (_MAX - _MIN) // CHUNK
        earliest = latest // 2
        samples = self._buffer[self._region_start * CHUNK - self._buffer_start :][earliest * CHUNK : latest * CHUNK]
        power = np.square(samples).reshape(-1, CHUNK).sum(axis=1)
        return earliest + 1 + int(np.argmin(power[:-1] + power[1:]))

    def _close(self, length: int) -> list[SpeechSegment]:
        """Remove the first `length` chunks from the region, and return their segments."""
        # Chunks of the previous segment are not available.
        lookback = min(_LOOKBACK, max(0, self._region_start - self._segments_end // CHUNK))
        probabilities = np.array([0.0] * lookback + self._region[:length], np.float32)
        start = (self._region_start - lookback) * CHUNK
        samples = self._buffer[start - self._buffer_start :][: len(probabilities) * CHUNK]
        runs, too_quiet_s = _find_speech(samples, probabilities, self._max_pause_s)
        self.too_quiet_s += too_quiet_s
        segments = [self._segment(start + first, start + end) for first, end in runs]
        self._region = self._region[length:]
        self._region_start += length
        if max(self._region, default=0.0) < _POSSIBLE_SPEECH:
            self._region = []
        return segments

    def _segment(self, first: int, end: int) -> SpeechSegment:
        """Return the segment of samples `first` to `end` of the channel, extended if it is too short."""
        first = max(first, self._segments_end)
        if end - first < _MIN:
            available = min(self._processed_chunks * CHUNK, self._buffer_start + len(self._buffer))
            first = max(self._segments_end, min((first + end - _MIN) // 2, available - _MIN))
            end = min(first + _MIN, available)
        self._segments_end = end
        samples = self._buffer[first - self._buffer_start : end - self._buffer_start].copy()
        self.speech_s += len(samples) / SAMPLE_RATE
        level_dbfs, noise_dbfs = _levels(samples)
        return SpeechSegment(first / SAMPLE_RATE, end / SAMPLE_RATE, samples, level_dbfs, noise_dbfs)


def _levels(samples: Samples) -> tuple[float, float]:
    """Return the level and the noise level, in dBFS."""
    power = np.square(samples, dtype=np.float64)
    frame = min(_NOISE_FRAME, len(power))
    frames = power[: len(power) // frame * frame].reshape(-1, frame).mean(axis=1)
    return _decibels(float(power.mean())), _decibels(_quantile(frames, 0.1))


def _quantile(values: NDArray[np.float64], share: float) -> float:
    """Return a quantile as NumPy does, in a tenth of the time for a few hundred values."""
    position = share * (len(values) - 1)
    low = int(position)
    high = min(low + 1, len(values) - 1)
    ordered = np.partition(values, (low, high))
    return float(ordered[low] + (ordered[high] - ordered[low]) * (position - low))


def _decibels(power: float) -> float:
    return 10 * math.log10(max(power, 1e-12))


def _find_speech(samples: Samples, probabilities: Samples, max_pause_s: float) -> tuple[list[tuple[int, int]], float]:
    """Find the runs of speech in a region.

    Parameters
    ----------
    samples : numpy.ndarray
        (n,) samples of the region.
    probabilities : numpy.ndarray
        (k,) probabilities of its chunks; n is at most k chunks.
    max_pause_s : float
        A shorter pause does not end a run.

    Returns
    -------
    tuple of (list of (int, int), float)
        Start and end (exclusive) of each run, in samples, and the seconds of runs that are too quiet.
    """
    if len(samples) < CHUNK:
        return [], 0.0
    # The detector locates speech to about 0.1 s, the level exactly.
    possible = np.convolve(probabilities >= _POSSIBLE_SPEECH, np.ones(_LOOKBACK + 1))[_LOOKBACK:] > 0
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
    power = np.convolve(np.einsum("ij,ij->i", frames, frames) / _FRAME, np.ones(3) / 3, "same")
    loud = power > _RELATIVE_FLOOR * _quantile(power, 0.9)
    active = loud & np.repeat(possible, CHUNK // _FRAME)[: len(loud)]
    edges = np.flatnonzero(np.diff(active, prepend=False, append=False)) * _FRAME
    runs = _join(edges.reshape(-1, 2).tolist(), max_pause_s)
    runs = [(first, end) for first, end in runs if _is_speech(probabilities, first, end)]
    audible = [(first, end) for first, end in runs if np.square(samples[first:end]).mean() >= _MIN_POWER]
    too_quiet = sum(end - first for first, end in runs) - sum(end - first for first, end in audible)
    return _join(audible, MIN_SEGMENT_S, shorter_than_s=MIN_SEGMENT_S), too_quiet / SAMPLE_RATE


def _is_speech(probabilities: Samples, first: int, end: int) -> bool:
    """Return whether a run is speech, and not a click, a tone, or music."""
    certain = np.count_nonzero(probabilities[first // CHUNK : end // CHUNK + _LOOKBACK + 1] >= _CERTAIN_SPEECH)
    return bool(end - first >= _MIN_RUN_S * SAMPLE_RATE and certain >= _MIN_CERTAIN_CHUNKS)


def _join(runs: Iterable[tuple[int, int]], max_gap_s: float, shorter_than_s: float = math.inf) -> list[tuple[int, int]]:
    """Join runs with a gap below `max_gap_s` if one of the two is shorter than `shorter_than_s`."""
    joined: list[tuple[int, int]] = []
    for first, end in runs:
        if joined:
            previous_first, previous_end = joined[-1]
            gap, shorter = first - previous_end, min(previous_end - previous_first, end - first)
            if gap < max_gap_s * SAMPLE_RATE and shorter < shorter_than_s * SAMPLE_RATE:
                joined[-1] = (previous_first, end)
                continue
        joined.append((first, end))
    return joined
