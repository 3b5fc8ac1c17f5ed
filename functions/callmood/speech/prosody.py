"""Pitch and syllable rate of one segment. No JIT compiler: it would delay the first call of a new instance."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.fft
import soxr
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from callmood.types import SAMPLE_RATE

Samples = NDArray[np.float32]

RATE = 8_000
"""int: sample rate of the analysis in Hz; it contains the telephone band."""

MIN_PITCH_HZ, MAX_PITCH_HZ = 60.0, 500.0
"""float: range of the pitch of adult voices, shouting included, in Hz."""

MIN_RATE_S = 1.0
"""float: minimum duration of a segment with a syllable rate."""

_WINDOW = 320  # samples (40 ms) that are compared with their delayed copy
_PITCH_HOP = 160  # samples (20 ms)
_MIN_LAG, _MAX_LAG = int(RATE / MAX_PITCH_HZ), int(RATE / MIN_PITCH_HZ)
_FFT = 512
_TROUGH = 0.15  # normalized difference of a period (de Cheveigné and Kawahara use 0.1)
_VOICED = 0.3  # a frame whose lowest normalized difference is higher has no pitch
_VOICED_RANGE_DB = 30.0  # a frame this far below the loudest one has no pitch
_MIN_VOICED = 12  # frames (0.24 s)

_LEVEL_HOP = RATE // 100  # 10 ms
_SMOOTH = 7  # frames (70 ms): shorter than a syllable
_MIN_DIP_DB = 2.0  # between two syllables (de Jong and Wempe, 2009)
_SYLLABLE_RANGE_DB = 25.0  # a syllable is within this range of the loudest frames
_MIN_SYLLABLES = 3


@dataclass(frozen=True)
class Prosody:
    """Pitch and syllables of a segment.

    Parameters
    ----------
    pitch_hz : float or None
        Median fundamental frequency of the voiced frames, in Hz. None without a measurable pitch.
    syllables : int or None
        Number of syllables. None if the segment is too short or has too few.
    """

    pitch_hz: float | None
    syllables: int | None


def measure_prosody(samples: Samples) -> Prosody:
    """Measure a segment.

    The pitch is estimated by YIN (de Cheveigné and Kawahara, J. Acoust. Soc. Am. 111, 2002), as `librosa.yin` does.
    A syllable is a peak of the level in a voiced part, with dips of at least 2 dB on both sides (de Jong and Wempe,
    Behavior Research Methods 41, 2009).

    Parameters
    ----------
    samples : ndarray of float32, shape (n,)
        Speech at 16 kHz.

    Returns
    -------
    Prosody
        Without values for a segment shorter than 60 ms.
    """
    narrow = np.asarray(soxr.resample(samples, SAMPLE_RATE, RATE, quality="MQ"), np.float32)
    if len(narrow) < _WINDOW + _MAX_LAG:
        return Prosody(None, None)
    pitch = pitch_track(narrow)
    voiced = pitch > 0
    pitch_hz = float(np.median(pitch[voiced])) if np.count_nonzero(voiced) >= _MIN_VOICED else None
    syllables = _count_syllables(narrow, voiced) if len(narrow) >= MIN_RATE_S * RATE else 0
    return Prosody(pitch_hz, syllables if syllables >= _MIN_SYLLABLES else None)


def pitch_track(samples: Samples) -> NDArray[np.float64]:
    """Return the pitch of each frame of 20 ms.

    Parameters
    ----------
    samples : ndarray of float32, shape (n,)
        At 8 kHz; n is at least 453.

    Returns
    -------
    ndarray of float64, shape (k,)
        In Hz; 0 in frames without pitch.
    """
    frames = sliding_window_view(samples, _WINDOW + _MAX_LAG)[::_PITCH_HOP]
    difference = _normalized_difference(samples, frames)
    inner = difference[:, 1:-1]
    is_trough = (inner <= difference[:, :-2]) & (inner < difference[:, 2:])
    periods = is_trough & (inner < _TROUGH)
    first = np.where(periods.any(axis=1), periods.argmax(axis=1), inner.argmin(axis=1)) + 1
    rows = np.arange(len(frames))
    before, at, after = (difference[rows, first + shift] for shift in (-1, 0, 1))
    curvature = before - 2 * at + after
    vertex = np.divide(before - after, 2 * curvature, out=np.zeros_like(at), where=curvature > 0)
    power = np.square(frames[:, :_WINDOW]).mean(axis=1)
    voiced = (at < _VOICED) & (power > power.max() * 10 ** (-_VOICED_RANGE_DB / 10)) & (power > 0)
    return np.where(voiced, RATE / (first + _MIN_LAG + np.clip(vertex, -1, 1)), 0.0)


def _normalized_difference(samples: Samples, frames: Samples) -> NDArray[np.float64]:
    """Return the cumulative mean normalized difference of each frame for lags from `_MIN_LAG` to `_MAX_LAG`."""
    spectrum = scipy.fft.rfft(frames, _FFT)
    head = scipy.fft.rfft(frames[:, :_WINDOW], _FFT)
    correlation = scipy.fft.irfft(spectrum * head.conj(), _FFT)[:, : _MAX_LAG + 1]
    total = np.cumsum(np.pad(np.square(samples, dtype=np.float64), (1, 0)))
    energy = total[_WINDOW:] - total[:-_WINDOW]  # of the window that starts at each sample
    delayed = sliding_window_view(energy, _MAX_LAG + 1)[::_PITCH_HOP]
    difference = np.maximum(delayed[:, :1] + delayed - 2 * correlation, 0)
    total = np.cumsum(difference[:, 1:], axis=1)
    lags = np.arange(1, _MAX_LAG + 1)
    normalized = np.divide(difference[:, 1:] * lags, total, out=np.ones_like(total), where=total > 1e-12)
    return np.asarray(normalized[:, _MIN_LAG - 1 :], np.float64)


def _count_syllables(samples: Samples, voiced: NDArray[np.bool_]) -> int:
    """Count the peaks of the level in voiced parts, with a dip on both sides."""
    power = np.square(samples[: len(samples) // _LEVEL_HOP * _LEVEL_HOP]).reshape(-1, _LEVEL_HOP).mean(axis=1)
    levels = 10 * np.log10(np.convolve(power, _smoothing(), "same") + 1e-12)
    floor = float(np.quantile(levels, 0.95)) - _SYLLABLE_RANGE_DB
    count, low, high, peak, rising = 0, np.inf, -np.inf, 0, True
    for index, level in enumerate([*levels.tolist(), -np.inf]):
        if rising and level > high:
            high, peak = level, index
        elif rising and level < high - _MIN_DIP_DB:
            frame = min(peak * _LEVEL_HOP // _PITCH_HOP, len(voiced) - 1)
            count += bool(high > floor and voiced[max(0, frame - 2) : frame + 2].any())
            rising, low = False, level
        elif not rising and level < low:
            low = level
        elif not rising and level > low + _MIN_DIP_DB:
            rising, high, peak = True, level, index
    return count


@lru_cache(maxsize=1)
def _smoothing() -> NDArray[np.float64]:
    window = np.hanning(_SMOOTH + 2)[1:-1]
    return np.asarray(window / window.sum(), np.float64)
