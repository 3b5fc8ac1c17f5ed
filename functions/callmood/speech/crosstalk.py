"""Speech of one channel that appears in another channel: crosstalk (echo, leaks), and duplicate channels (dual mono).

Only envelopes are compared, so a codec, a filter, or a polarity makes no difference. Two channels with crosstalk have
envelopes with a nearly constant ratio at one delay; those of two speakers vary by tens of decibels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np
from numpy.typing import NDArray

from callmood.types import SAMPLE_RATE

Samples = NDArray[np.float32]
Levels = NDArray[np.float32]

MAX_DELAY_S = 0.25
"""float: maximum delay of crosstalk. A delay beyond it is a conversation, not an echo."""

MARGIN_DB = 6.0
"""float: sound this far above the expected crosstalk is the party's own, in dB."""

_HOP = SAMPLE_RATE // 100  # samples of a frame (10 ms)
_MAX_DELAY = round(MAX_DELAY_S * SAMPLE_RATE) // _HOP
_SMOOTH = 3  # frames (30 ms) of one level: a fraction of a frame as delay then changes little
_DELAYS = _MAX_DELAY + 1
_FLOOR_DBFS = -80.0
_AUDIBLE_DBFS = -57.0  # quieter frames are not speech (`segmenter`)
_LOUD_RANGE_DB = 20.0  # a source is loud within this range of its loud frames (95th percentile)
_ABOVE_NOISE_DB = 6.0  # a frame this far above its channel's noise (10th percentile) has sound

# Histogram of level differences, channel minus source, in bins of 1 dB, for each delay.
_LOWEST_DB, _HIGHEST_DB = -60, 20
_BINS = _HIGHEST_DB - _LOWEST_DB
_PEAK = 7  # bins (±3 dB) that count as one ratio
_MEMORY = 0.8  # weight of earlier evidence after each block
_MIN_FRAMES = 80  # frames (0.8 s) of evidence
_MIN_SHARE = 0.5  # of the frames have the same ratio, …
_MIN_CONTRAST = 0.15  # … and this many more than at other delays, where only steady noise has a constant ratio
_MAX_GAIN_DB = -6.0  # crosstalk is quieter than its source by at least this

_SPREAD = 2  # frames by which crosstalk can be earlier or later than the delay
_RELEASE_DB = 1.0  # decay of reverberation per frame (0.6 s for 60 dB)
_OWN_WINDOW = 11  # frames (0.11 s), half of which are own sound, where the party itself speaks
_HANGOVER = 5  # frames around own speech that are kept
_FADE = 80  # samples (5 ms): a faded edge makes no click

_PART = 200  # frames (2 s) of one decision about duplicate channels
_DUPLICATE_DB = 3.0  # deviation from the constant ratio of two copies
_DUPLICATE_SHARE = 0.85  # of the loud frames of both channels have that ratio
_MAX_DUPLICATE_GAIN_DB = 10.0
_MIN_DUPLICATE_FRAMES = 40
_EQUAL_GAIN_DB = 0.5


@dataclass(frozen=True)
class Path:
    """How sound of one channel reaches another.

    Parameters
    ----------
    delay : int
        In frames of 10 ms.
    gain_db : float
        Level in the channel relative to the source.
    share : float
        Share of the evidence that agrees, 0 to 1.
    """

    delay: int
    gain_db: float
    share: float = 1.0


@dataclass(frozen=True)
class Source:
    """A channel whose sound reaches another channel.

    Parameters
    ----------
    channel : int
        The channel of the source.
    delay_s, gain_db : float
        As in `Path`, in seconds.
    since_s : float
        End of the block in which it was first removed: an earlier segment may contain it.
    """

    channel: int
    delay_s: float
    gain_db: float
    since_s: float


@dataclass(frozen=True)
class DuplicateSpan:
    """A part of the recording in which one channel is a copy of another.

    Parameters
    ----------
    kept, dropped : int
        The two channels: the louder one is kept.
    start_s, end_s : float
        Seconds from the start of the recording.
    """

    kept: int
    dropped: int
    start_s: float
    end_s: float


class CrosstalkFilter:
    """Remove from each channel what belongs to the party of another channel, block by block.

    Memory is constant: the last 0.25 s of levels, and one histogram for each pair of channels. A channel with nothing
    to remove is returned unchanged.

    Parameters
    ----------
    channels : int
        Number of channels.

    Attributes
    ----------
    crosstalk_s : ndarray of float64, shape (channels,)
        Seconds of audible crosstalk that were removed from each channel.
    duplicates : list of DuplicateSpan
        Parts in which one channel is a copy of another, in order.

    Examples
    --------
    >>> audio = CrosstalkFilter(2)
    >>> block = np.zeros((2, 160_000), np.float32)
    >>> audio.process(block) is block
    True
    """

    def __init__(self, channels: int) -> None:
        self.crosstalk_s = np.zeros(channels)
        self.duplicates: list[DuplicateSpan] = []
        self._frames = 0
        self._sources: dict[tuple[int, int], Source] = {}
        self._kept: dict[tuple[int, int], int] = {}  # of each pair of duplicates
        self._is_duplicate: dict[tuple[int, int], bool] = {}  # whether each pair was so at the end of the last block
        self._history = np.full((channels, _MAX_DELAY + _SPREAD), _FLOOR_DBFS, np.float32)
        self._loud = np.full(channels, _FLOOR_DBFS, np.float32)
        self._evidence = {pair: np.zeros((_DELAYS, _BINS), np.float32) for pair in permutations(range(channels), 2)}

    def sources(self, channel: int) -> list[Source]:
        """Return the channels whose sound reached a channel, by crosstalk or because it is a duplicate."""
        return [source for (reached, _), source in self._sources.items() if reached == channel]

    def process(self, block: Samples) -> Samples:
        """Remove crosstalk from one block.

        Parameters
        ----------
        block : ndarray of float32, shape (channels, n)
            At 16 kHz. n is a multiple of 160, except in the last block.

        Returns
        -------
        ndarray of float32, shape (channels, n)
            The same array if nothing was removed, otherwise a copy.
        """
        levels = _levels(block)
        self._loud = np.maximum(self._loud - 1, np.quantile(levels, 0.95, axis=1).astype(np.float32))
        past = np.concatenate([self._history, levels], axis=1)
        removed = np.zeros(levels.shape, bool)
        paths = {pair: path for pair in self._evidence if (path := self._path(pair, past, levels))}
        for pair in combinations(range(len(levels)), 2):
            self._remove_duplicate(pair, paths, past, removed)
        for (channel, source), path in paths.items():
            if path.gain_db <= _MAX_GAIN_DB:
                crosstalk = self._crosstalk(path, past[source], levels[channel]) & ~removed[channel]
                self.crosstalk_s[channel] += np.count_nonzero(crosstalk & (levels[channel] > _AUDIBLE_DBFS)) / 100
                removed[channel] |= crosstalk
                if crosstalk.any():
                    self._add_source(channel, source, path, levels.shape[1])
        self._frames += levels.shape[1]
        self._history = past[:, -self._history.shape[1] :]
        return _silence(block, removed) if removed.any() else block

    def _path(self, pair: tuple[int, int], past: Levels, levels: Levels) -> Path | None:
        """Add the evidence of a block, and return the path from the source to the channel, if there is one."""
        channel, source = pair
        evidence = self._evidence[pair]
        threshold = self._loud[source] - _LOUD_RANGE_DB
        if threshold > _FLOOR_DBFS:
            level = levels[channel]
            noise = max(float(np.quantile(level, 0.1)), _FLOOR_DBFS)
            sounding = np.flatnonzero(level > noise + _ABOVE_NOISE_DB)
            delays = np.arange(_DELAYS)[:, None]
            sources = past[source][sounding + self._history.shape[1] - delays]
            bins = np.clip(np.rint(level[sounding] - sources) - _LOWEST_DB, 0, _BINS - 1).astype(np.int64)
            loud = sources > threshold
            counts = np.bincount((bins + delays * _BINS)[loud], minlength=_DELAYS * _BINS)
            if counts.sum():
                evidence *= np.float32(_MEMORY)
                evidence += counts.reshape(_DELAYS, _BINS)
        return _constant_ratio(evidence)

    def _crosstalk(self, path: Path, source: Levels, level: Levels) -> NDArray[np.bool_]:
        """Return the frames of a channel that contain the source's sound and nothing louder."""
        width = len(level)
        start = self._history.shape[1] - path.delay
        expected = np.max(
            [source[max(0, start + shift) :][:width] for shift in range(-_SPREAD, min(_SPREAD, path.delay) + 1)], axis=0
        )
        expected = _release(expected) + path.gain_db
        own = level > expected + MARGIN_DB
        window = np.ones(_OWN_WINDOW)
        speaks = np.convolve(own, window, "same") > _OWN_WINDOW / 2
        speaks = np.convolve(speaks, np.ones(2 * _HANGOVER + 1), "same") > 0
        crosstalk: NDArray[np.bool_] = ~speaks & (expected + MARGIN_DB > _AUDIBLE_DBFS)
        return crosstalk

    def _remove_duplicate(
        self,
        pair: tuple[int, int],
        paths: Mapping[tuple[int, int], Path],
        past: Levels,
        removed: NDArray[np.bool_],
    ) -> None:
        """Mark the parts in which one channel of the pair is a copy of the other: the quieter or later one."""
        candidates = [
            (-round(path.share, 2), path.delay, channel, source, path)
            for channel, source in (pair[::-1], pair)
            if (path := paths.get((channel, source))) and abs(path.gain_db) <= _MAX_DUPLICATE_GAIN_DB
        ]
        if not candidates:
            return
        *_, channel, source, path = min(candidates, key=lambda one: one[:2])
        if pair not in self._kept:
            self._kept[pair] = channel if path.gain_db > _EQUAL_GAIN_DB else source
        kept = self._kept[pair]
        dropped = pair[kept == pair[0]]
        for part in self._duplicate_parts(pair, channel, source, path, past):
            removed[dropped, part] = True
            self._add_source(dropped, kept, Path(0, 0.0), removed.shape[1])
            self._add_duplicate(kept, dropped, part.start, part.stop)

    def _duplicate_parts(
        self, pair: tuple[int, int], channel: int, source: int, path: Path, past: Levels
    ) -> list[slice]:
        """Return the parts of the block, in frames, in which two channels have the same content."""
        offset = self._history.shape[1]
        level, copied = past[channel][offset:], past[source][offset - path.delay :][: past.shape[1] - offset]
        # A frame that is loud in one channel only is not a copy.
        loud = (level > self._loud[channel] - _LOUD_RANGE_DB) | (copied > self._loud[source] - _LOUD_RANGE_DB)
        same = loud & (np.abs(level - copied - path.gain_db) <= _DUPLICATE_DB)
        parts = [slice(first, min(first + _PART, len(level))) for first in range(0, len(level), _PART)]
        counts = [np.count_nonzero(loud[part]) for part in parts]
        decided = {
            index: bool(np.count_nonzero(same[part]) >= _DUPLICATE_SHARE * count)
            for index, (part, count) in enumerate(zip(parts, counts, strict=True))
            if count >= _MIN_DUPLICATE_FRAMES
        }
        # A part without speech continues the previous one; before all decisions, it anticipates the first.
        state = self._is_duplicate.get(pair, decided[min(decided)] if decided else False)
        found = []
        for index, part in enumerate(parts):
            state = decided.get(index, state)
            if state:
                found.append(part)
        if decided:
            self._is_duplicate[pair] = state
        return found

    def _add_source(self, channel: int, source: int, path: Path, frames: int) -> None:
        since_s = (self._frames + frames) / 100
        self._sources.setdefault((channel, source), Source(source, path.delay / 100, path.gain_db, since_s))

    def _add_duplicate(self, kept: int, dropped: int, first: int, end: int) -> None:
        start_s, end_s = (self._frames + first) / 100, (self._frames + end) / 100
        for index, span in enumerate(self.duplicates):
            if (span.kept, span.dropped, span.end_s) == (kept, dropped, start_s):
                self.duplicates[index] = DuplicateSpan(kept, dropped, span.start_s, end_s)
                return
        self.duplicates.append(DuplicateSpan(kept, dropped, start_s, end_s))


def _levels(block: Samples) -> Levels:
    """Return the level of each frame in dBFS, smoothed over 30 ms: (channels, n / 160) float32."""
    channels, n = block.shape
    whole = n // _HOP * _HOP
    frames = block[:, :whole].reshape(channels, -1, _HOP)
    power = np.einsum("ijk,ijk->ij", frames, frames) / np.float32(_HOP)  # no copy of the block, unlike np.square
    if whole < n or not whole:
        power = np.concatenate([power, np.square(block[:, whole:]).mean(axis=1, keepdims=True)], axis=1)
    padded = np.pad(power, ((0, 0), (_SMOOTH // 2, _SMOOTH // 2)), mode="edge")
    smooth = sum(padded[:, i : i + power.shape[1]] for i in range(_SMOOTH)) / np.float32(_SMOOTH)
    return np.asarray(10 * np.log10(np.maximum(smooth, np.float32(10 ** (_FLOOR_DBFS / 10)))), np.float32)


def _constant_ratio(evidence: NDArray[np.float32]) -> Path | None:
    """Return the delay and ratio that most frames share, if they are more than chance."""
    totals = evidence.sum(axis=1)
    if totals.max() < _MIN_FRAMES:
        return None
    peaks = np.lib.stride_tricks.sliding_window_view(evidence, _PEAK, axis=1).sum(axis=2)
    shares = peaks.max(axis=1) / np.maximum(totals, _MIN_FRAMES)
    delay = int(shares.argmax())
    if shares[delay] < _MIN_SHARE or shares[delay] - shares.min() < _MIN_CONTRAST:
        return None
    window = evidence[delay, (first := int(peaks[delay].argmax())) : first + _PEAK]
    center = float(window @ (np.arange(first, first + _PEAK) + _LOWEST_DB) / window.sum())
    return Path(delay, center, float(shares[delay]))


def _release(levels: Levels) -> Levels:
    """Return the levels with a linear decay in decibels after each peak, as reverberation has."""
    ramp = np.arange(len(levels), dtype=np.float32) * np.float32(_RELEASE_DB)
    return np.asarray(np.maximum.accumulate(levels + ramp) - ramp, np.float32)


def _silence(block: Samples, removed: NDArray[np.bool_]) -> Samples:
    """Return a copy without the removed frames, with short fades."""
    filtered = block.copy()
    fade = np.cumsum(np.hanning(2 * _FADE + 1))[:-1]
    rise = (fade / fade[-1]).astype(np.float32)  # edges are a frame apart, so fades do not overlap
    for samples, frames in zip(filtered, removed, strict=True):
        if frames.any():
            gain = np.repeat(~frames, _HOP)[: len(samples)].astype(np.float32)
            for edge in (np.flatnonzero(np.diff(frames)) + 1).tolist():
                window = gain[edge * _HOP - _FADE : edge * _HOP + _FADE]
                window[:] = (1 - rise if frames[edge] else rise)[: len(window)]
            samples *= gain
    return filtered
