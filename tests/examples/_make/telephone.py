"""Simulate the telephone channel between the parties: band, noise, tones, hold music, and mu-law."""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray

SAMPLE_RATE = 8_000
Samples = NDArray[np.float64]  # double, so that no NumPy release rounds another way to a mu-law step


def band(samples: Samples) -> Samples:
    """Apply the telephone band, 300 to 3400 Hz (ITU-T G.712), with a zero-delay linear-phase filter of 255 taps."""
    n = np.arange(255) - 127
    low_pass = [2 * f / SAMPLE_RATE * np.sinc(2 * f / SAMPLE_RATE * n) for f in (3400, 300)]
    taps = (low_pass[0] - low_pass[1]) * np.hamming(255)
    return np.convolve(samples, taps, "same")


def carried(samples: Samples, rate: int) -> Samples:
    """Resample to 8 kHz and apply the telephone band."""
    return band(soxr.resample(samples, rate, SAMPLE_RATE, quality="HQ"))


def at_level(samples: Samples, dbfs: float) -> Samples:
    """Scale the samples so that their loud half (20 ms frames above the median) has an RMS level in dBFS."""
    frames = samples[: len(samples) // 160 * 160].reshape(-1, 160)
    power = (frames**2).mean(1)
    rms = np.sqrt(power[power >= np.median(power)].mean())
    return samples * (10 ** (dbfs / 20) / rms)


def noise(n: int, dbfs: float, rng: np.random.Generator) -> Samples:
    """Return n samples of comfort noise."""
    return at_level(band(rng.standard_normal(n)), dbfs)


def spans(samples: Samples) -> list[tuple[float, float]]:
    """Return (start, end) in seconds of each stretch of clean speech, separated by pauses of at least 0.3 s.

    A frame of 10 ms is speech when it is at most 35 dB below the utterance's loud frames (95th percentile).
    """
    hop = SAMPLE_RATE // 100
    frames = samples[: len(samples) // hop * hop].reshape(-1, hop)
    level = 10 * np.log10((frames**2).mean(1) + 1e-12)
    sounding = np.flatnonzero(level > np.percentile(level, 95) - 35)
    starts = np.flatnonzero(np.diff(sounding, prepend=-1000) > 30)
    ends = np.append(starts[1:], len(sounding)) - 1
    return [(sounding[a] / 100, (sounding[b] + 1) / 100) for a, b in zip(starts, ends, strict=True)]


def tone(seconds: float, frequencies: tuple[float, ...], on: float, off: float) -> Samples:
    """Return sine tones that are on for `on` seconds and off for `off` seconds, in turn."""
    t = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    sound = sum(np.sin(2 * np.pi * f * t) for f in frequencies) / len(frequencies)
    return sound * (t % (on + off) < on)


def music(seconds: float) -> Samples:
    """Synthesize hold music: an arpeggio over four chords, on a plucked string of eight partials."""
    chords = ((60, 64, 67, 72), (57, 60, 64, 69), (53, 57, 60, 65), (55, 59, 62, 67))  # C, Am, F, G as MIDI notes
    t = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    out = np.zeros(int(seconds * SAMPLE_RATE) + SAMPLE_RATE)
    for i in range(int(seconds / 0.25)):
        chord = chords[i // 8 % 4]
        for note, gain in ((chord[(0, 2, 1, 3, 2, 1, 3, 2)[i % 8]], 1.0), (chord[0] - 12, 0.7 * (i % 8 == 0))):
            pitch = 440 * 2 ** ((note - 69) / 12)
            pluck = sum(np.sin(2 * np.pi * pitch * k * t) * np.exp(-t * (2 + k)) / k for k in range(1, 9))
            out[i * SAMPLE_RATE // 4 :][: len(t)] += gain * pluck
    fade = np.clip((seconds - np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE) / 0.3, 0, 1)
    return out[: len(fade)] * fade


# Tones of the North American precise tone plan, in hertz and seconds of (on, off); kind as in the ground truth.
SOUNDS = {
    "dial": ("tone", lambda s: tone(s, (350.0, 440.0), s, 0.0)),
    "ring": ("tone", lambda s: tone(s, (440.0, 480.0), 2.0, 2.0)),
    "music": ("music", music),
}


def mu_law(samples: Samples) -> NDArray[np.uint8]:
    """Encode samples in [-1, 1] as G.711 mu-law."""
    x = np.clip(np.rint(np.abs(samples) * 32768), 0, 32635).astype(np.int64) + 132
    exponent = np.floor(np.log2(x)).astype(np.int64) - 7
    mantissa = (x >> (exponent + 3)) & 15
    sign = np.where(samples < 0, 128, 0)
    return (~(sign | (exponent << 4) | mantissa) & 255).astype(np.uint8)
