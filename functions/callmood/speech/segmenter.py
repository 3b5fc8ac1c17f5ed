"""One channel in, its segments of speech out: streaming, in flat memory, the same however the sound is cut up."""

from __future__ import annotations

import math
from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from callmood.speech.silero import CHUNK, MEMORY, SileroDetector
from callmood.types import SAMPLE_RATE

Samples = NDArray[np.float32]


MIN_SEGMENT_S = 0.6
"""float: a shorter segment is joined to a neighbor nearer than this, else widened to this."""

MAX_SEGMENT_S = 8.0
"""float: longer speech is split at its quietest point."""

JOIN_PAUSE_S = 0.3
"""float: a shorter pause stays inside its segment."""

# Chosen by measurement: docs/decisions/0003-speech-detection.md
_POSSIBLE = 0.2  # probability from which a chunk may be speech
_CERTAIN = 0.5  # and which
_CERTAIN_CHUNKS = 2  # chunks of a segment must reach
_FAINT = 10**-5.7  # power (-57 dBFS) under which speech is an echo of the other party
_LEAD = 3  # chunks by which the detector may be late
_FRAME = CHUNK // 4  # samples (8 ms) between which an edge is placed
_QUIET = 10**-3.2  # power against the loud parts (90th percentile) under which a frame is no speech: -32 dB
_CLICK_S = 0.1  # what is shorter is no speech
_NOISE_FRAME = 400  # samples (25 ms): short enough to fall between words

_MIN = int(MIN_SEGMENT_S * SAMPLE_RATE)
_MAX = int(MAX_SEGMENT_S * SAMPLE_RATE)


@dataclass(frozen=True)
class SpeechSegment:
    """One stretch of speech in one channel.

    Parameters
    ----------
    start_s, end_s : float
        Where it lies, in seconds from the start of the channel: 0.6 to 8 s apart, less only where the channel has no
        room for it.
    samples : numpy.ndarray
        Its sound: (n,) float32, 16 kHz.
    level_dbfs : float
        Its root mean square level against full scale, in decibels: -120 to 0 for sound in [-1, 1].
    noise_dbfs : float
        The same of what is heard between the words: the level under which a tenth of its frames (25 ms) stay.
    """

    start_s: float
    end_s: float
    samples: Samples
    level_dbfs: float
    noise_dbfs: float


class Segmenter:
    """Cuts one channel into segments as its sound comes in.

    The detector says where somebody speaks, give or take 0.1 s; the sound's own level says where exactly. Kept in
    memory are at most some 11 s of sound besides what was pushed last.

    Parameters
    ----------
    block : int
        Chunks of 32 ms that the detector hears at once, a divisor of 64. A segment comes out when 0.6 s of silence and
        the block that they end in were heard: 64 is fastest, 2 is for live calls.

    Attributes
    ----------
    speech_s : float
        Length of all segments that came out so far, in seconds.

    Examples
    --------
    >>> segmenter = Segmenter()
    >>> segmenter.process(np.zeros(32_000, np.float32)) + segmenter.finish()
    []
    """

    def __init__(self, block: int = MEMORY) -> None:
        self.speech_s = 0.0
        self._detector = SileroDetector(block=block)
        self._samples = np.empty(0, np.float32)  # the sound that may still be needed
        self._origin = 0  # its first sample
        self._free = 0  # the sample after the last segment: the next may start here
        self._processed = 0  # chunks heard so far
        # An open stretch is possible speech, with pauses too short to tell yet what belongs together.
        self._stretch: list[float] = []  # its chunks' probabilities; empty where none is open
        self._first = 0  # its first chunk
        self._pause = 0  # chunks since the last that may be speech

    @property
    def processed_s(self) -> float:
        """Seconds of sound that the detector has heard; it lags behind what was pushed by less than a block."""
        return self._processed * CHUNK / SAMPLE_RATE

    def process(self, samples: Samples) -> list[SpeechSegment]:
        """Take more sound.

        Parameters
        ----------
        samples : numpy.ndarray
            (n,) float32, mono, 16 kHz, finite, in [-1, 1]; any n.

        Returns
        -------
        list of SpeechSegment
            The segments that are now complete, in order.
        """
        self._samples = np.concatenate([self._samples, samples])
        return self._advance(self._detector.process(samples))

    def finish(self) -> list[SpeechSegment]:
        """End the channel.

        Returns
        -------
        list of SpeechSegment
            The segments that were not complete yet, in order.
        """
        return self._advance(self._detector.finish()) + self._close(len(self._stretch))

    def partial(self) -> list[SpeechSegment]:
        """Look at the speech that is still going on; nothing changes.

        Returns
        -------
        list of SpeechSegment
            The segments that would come out next if no more were said, in order; mostly one or none.
        """
        return copy(self)._close(len(self._stretch))

    def _advance(self, probabilities: Samples) -> list[SpeechSegment]:
        segments: list[SpeechSegment] = []
        for probability in probabilities.tolist():
            if probability >= _POSSIBLE:
                self._pause = 0
                if not self._stretch:
                    self._first = self._processed
            else:
                self._pause += 1
            self._processed += 1
            if self._stretch or not self._pause:
                self._stretch.append(probability)
                if self._pause * CHUNK >= _MIN:
                    segments += self._close(len(self._stretch))
                elif (_LEAD + len(self._stretch) + 1) * CHUNK > _MAX:
                    segments += self._close(self._quietest())
        needed = max(self._origin, (self._first if self._stretch else self._processed) * CHUNK - _MIN)
        self._samples = self._samples[needed - self._origin :]
        self._origin = needed
        return segments

    def _quietest(self) -> int:
        """Find the chunk of the stretch before which to split it: in its later half, but 0.6 s before its end."""
        latest = (_MAX - _MIN) // CHUNK
        earliest = latest // 2
        sound = self._samples[self._first * CHUNK - self._origin :][earliest * CHUNK : latest * CHUNK]
        power = np.square(sound).reshape(-1, CHUNK).sum(axis=1)
        return earliest + 1 + int(np.argmin(power[:-1] + power[1:]))

    def _close(self, length: int) -> list[SpeechSegment]:
        """Take the first chunks off the stretch, and find the segments in them."""
        # What belongs to the last segment is no part of this one.
        lead = min(_LEAD, max(0, self._first - self._free // CHUNK))
        probabilities = np.array([0.0] * lead + self._stretch[:length], np.float32)
        begin = (self._first - lead) * CHUNK
        sound = self._samples[begin - self._origin :][: len(probabilities) * CHUNK]
        segments = [self._cut(begin + first, begin + end) for first, end in _speech(sound, probabilities)]
        self._stretch = self._stretch[length:]
        self._first += length
        if max(self._stretch, default=0.0) < _POSSIBLE:
            self._stretch = []
        return segments

    def _cut(self, first: int, end: int) -> SpeechSegment:
        """Make a segment of these samples of the channel, and of some around them where they are too few."""
        first = max(first, self._free)
        if end - first < _MIN:
            heard = min(self._processed * CHUNK, self._origin + len(self._samples))
            first = max(self._free, min((first + end - _MIN) // 2, heard - _MIN))
            end = min(first + _MIN, heard)
        self._free = end
        samples = self._samples[first - self._origin : end - self._origin].copy()
        self.speech_s += len(samples) / SAMPLE_RATE
        level_dbfs, noise_dbfs = _levels(samples)
        return SpeechSegment(first / SAMPLE_RATE, end / SAMPLE_RATE, samples, level_dbfs, noise_dbfs)


def _levels(samples: Samples) -> tuple[float, float]:
    """Level, and noise level, in dBFS."""
    power = np.square(samples, dtype=np.float64)
    frame = min(_NOISE_FRAME, len(power))
    frames = power[: len(power) // frame * frame].reshape(-1, frame).mean(axis=1)
    return _decibels(float(power.mean())), _decibels(float(np.quantile(frames, 0.1)))


def _decibels(power: float) -> float:
    return 10 * math.log10(max(power, 1e-12))


def _speech(sound: Samples, probabilities: Samples) -> list[tuple[int, int]]:
    """Find where in a stretch somebody speaks.

    Parameters
    ----------
    sound : numpy.ndarray
        (n,) the stretch.
    probabilities : numpy.ndarray
        (k,) of its chunks, n at most k chunks.

    Returns
    -------
    list of (int, int)
        First sample of each run of speech, and the sample after its last.
    """
    if len(sound) < CHUNK:
        return []
    # The detector says give or take a tenth of a second when; the level says when exactly.
    possible = np.convolve(probabilities >= _POSSIBLE, np.ones(_LEAD + 1))[_LEAD:] > 0
    frames = sound[: len(sound) // _FRAME * _FRAME].reshape(-1, _FRAME)
    power = np.convolve(np.square(frames).mean(axis=1), np.ones(3) / 3, "same")
    loud = power > _QUIET * np.quantile(power, 0.9)
    active = loud & np.repeat(possible, CHUNK // _FRAME)[: len(loud)]
    edges = np.flatnonzero(np.diff(active, prepend=False, append=False)) * _FRAME
    runs = _join(edges.reshape(-1, 2).tolist(), JOIN_PAUSE_S)
    runs = [(first, end) for first, end in runs if _is_speech(sound, probabilities, first, end)]
    return _join(runs, MIN_SEGMENT_S, shorter_s=MIN_SEGMENT_S)


def _is_speech(sound: Samples, probabilities: Samples, first: int, end: int) -> bool:
    """Tell a run of speech from a click, from a tone or tune that resembles it, and from the other party's echo."""
    certain = np.count_nonzero(probabilities[first // CHUNK : end // CHUNK + _LEAD + 1] >= _CERTAIN)
    return bool(
        end - first >= _CLICK_S * SAMPLE_RATE
        and certain >= _CERTAIN_CHUNKS
        and np.square(sound[first:end]).mean() >= _FAINT
    )


def _join(runs: Iterable[tuple[int, int]], nearer_s: float, shorter_s: float = math.inf) -> list[tuple[int, int]]:
    """Join runs that are nearer to each other than this, where one of the two is shorter than that."""
    joined: list[tuple[int, int]] = []
    for first, end in runs:
        if joined:
            before, last = joined[-1]
            if first - last < nearer_s * SAMPLE_RATE and min(last - before, end - first) < shorter_s * SAMPLE_RATE:
                joined[-1] = (before, end)
                continue
        joined.append((first, end))
    return joined
