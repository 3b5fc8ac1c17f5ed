"""One channel in, its stretches of speech out: streaming, in flat memory, the same however the sound is cut up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from callmood.vad import CHUNK, VoiceDetector

Samples = NDArray[np.float32]

SAMPLE_RATE = 16_000

MIN_SEGMENT_S = 0.6
"""float: shorter stretches are widened to this."""

MAX_SEGMENT_S = 8.0
"""float: longer stretches are split at their quietest point."""

JOIN_PAUSE_S = 0.3
"""float: a pause shorter than this stays inside its segment."""

# Chosen by measurement: docs/adr/0002-voice-activity.md
_ONSET, _OFFSET = 0.5, 0.35  # speech begins at this probability, and ends below that one
_MIN_SPEECH = 3  # chunks: what is shorter is a click
_LEAD, _TRAIL = 2, 1  # chunks kept before and after what the detector calls speech


@dataclass(frozen=True)
class SpeechSegment:
    """One stretch of speech in one channel.

    Parameters
    ----------
    start_s, end_s : float
        Where it lies, in seconds from the start of the channel; 0.6 to 8 s apart, less only where the recording is
        shorter.
    samples : numpy.ndarray
        Its sound: (n,) float32, 16 kHz.
    level_dbfs : float
        Its level: root mean square against full scale, in decibels, at most 0 for sound in [-1, 1].
    """

    start_s: float
    end_s: float
    samples: Samples
    level_dbfs: float


class Segmenter:
    """Cuts one channel into segments as its sound comes in.

    Keeps only the sound of the open segment and a second around it.

    Attributes
    ----------
    speech_s : float
        Seconds of speech in the segments that came out so far.

    Examples
    --------
    >>> segmenter = Segmenter()
    >>> segmenter.push(np.zeros(32_000, np.float32)) + segmenter.flush()
    []
    """

    def __init__(self) -> None:
        self._detector = VoiceDetector()
        self._sound = np.empty(0, np.float32)  # what is kept, from chunk self._kept on
        self._kept = 0
        self._chunk = 0  # the chunk that is looked at next
        self._start: int | None = None  # first chunk of the open segment
        self._end = 0  # chunk after the last one of the open segment that was speech
        self._spoken = 0  # chunks of the open segment that were speech
        self._talking = False
        self._done = 0  # sample after the last segment that came out
        self.speech_s = 0.0

    def push(self, samples: Samples) -> list[SpeechSegment]:
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
        self._sound = np.concatenate([self._sound, samples])
        return self._advance(self._detector.push(samples))

    def flush(self) -> list[SpeechSegment]:
        """End the channel: the segments that were still open."""
        segments = self._advance(self._detector.flush())
        if self._start is not None:
            segments += self._close()
        return segments

    def _advance(self, probabilities: Samples) -> list[SpeechSegment]:
        segments: list[SpeechSegment] = []
        for probability in probabilities:
            self._talking = probability >= (_OFFSET if self._talking else _ONSET)
            self._chunk += 1
            if self._talking:
                if self._start is None:
                    self._start, self._spoken = self._chunk - 1, 0
                self._spoken += 1
                self._end = self._chunk
            if self._start is None:
                continue
            if (self._chunk - self._end) * CHUNK >= JOIN_PAUSE_S * SAMPLE_RATE:
                segments += self._close()
            elif (self._end + _TRAIL) * CHUNK - self._first_sample() >= MAX_SEGMENT_S * SAMPLE_RATE:
                segments.append(self._split())
        self._forget()
        return segments

    def _first_sample(self) -> int:
        assert self._start is not None
        return max(self._done, (self._start - _LEAD) * CHUNK)

    def _close(self) -> list[SpeechSegment]:
        """End the open segment; none comes out where it was but a click."""
        first, self_end = self._first_sample(), self._end
        self._start = None
        if self._spoken < _MIN_SPEECH:
            return []
        available = self._kept * CHUNK + len(self._sound)
        end = min((self_end + _TRAIL) * CHUNK, available)
        missing = int(MIN_SEGMENT_S * SAMPLE_RATE) - (end - first)
        if missing > 0:
            end = min(end + missing // 2, self._chunk * CHUNK, available)
            first = max(self._done, end - int(MIN_SEGMENT_S * SAMPLE_RATE))
            end = min(first + int(MIN_SEGMENT_S * SAMPLE_RATE), self._chunk * CHUNK, available)
        return [self._cut(first, end)]

    def _split(self) -> SpeechSegment:
        """Cut the open segment at its quietest point and keep it open."""
        first = self._first_sample()
        latest = first + int((MAX_SEGMENT_S - MIN_SEGMENT_S) * SAMPLE_RATE)
        earliest = first + int(MAX_SEGMENT_S / 2 * SAMPLE_RATE)
        sound = self._sound[earliest - self._kept * CHUNK : latest - self._kept * CHUNK]
        energy = np.convolve((sound.reshape(-1, CHUNK // 4) ** 2).sum(axis=1), np.ones(5), "same")
        where = earliest + int(np.argmin(energy)) * (CHUNK // 4) + CHUNK // 8
        segment = self._cut(first, where)
        self._start = where // CHUNK
        return segment

    def _cut(self, first: int, end: int) -> SpeechSegment:
        offset = self._kept * CHUNK
        samples = self._sound[first - offset : end - offset].copy()
        self._done = end
        self.speech_s += len(samples) / SAMPLE_RATE
        power = float(np.mean(np.square(samples, dtype=np.float64)))
        return SpeechSegment(first / SAMPLE_RATE, end / SAMPLE_RATE, samples, 10 * np.log10(max(power, 1e-12)))

    def _forget(self) -> None:
        """Drop the sound that no segment can need any more."""
        context = int(MIN_SEGMENT_S * SAMPLE_RATE) // CHUNK + _LEAD
        needed = max(self._kept, (self._chunk if self._start is None else self._start) - context)
        self._sound = self._sound[(needed - self._kept) * CHUNK :]
        self._kept = needed
