"""Audio transforms of rooms, telephone networks, and recorders: functions of samples, a generator, and parameters.

Samples are mono at 16 kHz, float32 of shape (n,), in about [-1, 1]. Only `speed` changes the length.
`model.augmentation.telephone` combines them. `spec_augment` transforms spectrograms.
"""

from __future__ import annotations

from typing import Any

import librosa
import numpy as np
import soxr
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, sosfiltfilt

from callmood.types import SAMPLE_RATE

Samples = NDArray[np.float32]
Array = NDArray[np.float32]

PACKET = SAMPLE_RATE // 50  # 20 ms, the packet length of nearly all IP telephones
_LAGS = slice(SAMPLE_RATE // 200, SAMPLE_RATE // 66)  # pitch periods: 66 to 200 Hz
_FADE_10_MS = 0.2  # concealment fades by a fifth of its level every 10 ms
_TINY = np.float32(1e-12)


def mean_power(samples: Samples) -> float:
    """Return the mean square."""
    return float(np.mean(np.square(samples), dtype=np.float64)) if len(samples) else 0.0


def gain(samples: Samples, _: Generator, *, db: float) -> Samples:
    """Amplify by `db` decibels; clip at full scale."""
    return (samples * np.float32(10 ** (db / 20))).clip(-1, 1)


def clip(samples: Samples, _: Generator, *, over_db: float) -> Samples:
    """Clip peaks, as an overdriven input does: everything above `over_db` below the highest peak."""
    ceiling = np.abs(samples).max(initial=0) * np.float32(10 ** (-over_db / 20))
    return samples.clip(-ceiling, ceiling)


def band_pass(samples: Samples, _: Generator, *, low_hz: float, high_hz: float) -> Samples:
    """Pass `low_hz` to `high_hz` (both at -3 dB), with a slope of 48 dB per octave and without delay."""
    sections = butter(4, (low_hz, high_hz), btype="bandpass", fs=SAMPLE_RATE, output="sos")
    return np.asarray(sosfiltfilt(sections, samples, padlen=min(120, len(samples) - 1)), np.float32)


def noise(samples: Samples, rng: Generator, *, snr_db: float, tilt_db: float) -> Samples:
    """Add noise at a signal-to-noise ratio; its spectrum changes by `tilt_db` per octave."""
    spectrum = np.fft.rfft(rng.standard_normal(len(samples)))
    octaves = np.log2(np.maximum(np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE), 50) / 1000)
    return mix_at_snr(samples, np.fft.irfft(spectrum * 10 ** (tilt_db * octaves / 20), len(samples)), snr_db)


def hum(samples: Samples, rng: Generator, *, snr_db: float, mains_hz: float) -> Samples:
    """Add mains hum, with harmonics that fall by 3 dB per octave, because lines couple higher ones better."""
    t = np.arange(len(samples)) / SAMPLE_RATE
    harmonics = np.arange(1, 21)[:, None]
    waves = np.sin(2 * np.pi * harmonics * mains_hz * t + rng.uniform(0, 2 * np.pi, harmonics.shape))
    return mix_at_snr(samples, (waves / np.sqrt(harmonics)).sum(axis=0), snr_db)


def background(samples: Samples, rng: Generator, *, sound: Samples, snr_db: float) -> Samples:
    """Mix in a sound, repeated from a random position, at a signal-to-noise ratio."""
    return mix_at_snr(samples, np.resize(np.roll(sound, -int(rng.integers(len(sound)))), len(samples)), snr_db)


def mix_at_snr(samples: Samples, other: NDArray[np.floating[Any]], snr_db: float) -> Samples:
    """Add another sound of the same length at `snr_db` below the samples' mean power."""
    scale = np.sqrt(mean_power(samples) * 10 ** (-snr_db / 10) / (np.mean(np.square(other)) + _TINY))
    added: Samples = (scale * other).astype(np.float32)
    return samples + added


def room_response(rng: Generator, *, rt60_s: float, direct_db: float) -> Samples:
    """Return a room's impulse response: the direct sound, then from 2 ms noise that decays by 60 dB in `rt60_s`.

    Polack's model of late reverberation (La transmission de l'énergie sonore dans les salles, 1988).

    Parameters
    ----------
    rng : numpy.random.Generator
    rt60_s : float
        Reverberation time, for example 0.3 in a living room, 0.8 in a stairwell.
    direct_db : float
        Energy of the direct sound relative to the reverberation.

    Returns
    -------
    ndarray of float32, shape (n,)
        Unit energy; the first sample is the direct sound.
    """
    t = np.arange(int(rt60_s * SAMPLE_RATE)) / SAMPLE_RATE
    tail = rng.standard_normal(len(t)) * 10 ** (-3 * t / rt60_s) * (t > 0.002)
    tail *= 10 ** (-direct_db / 20) / np.sqrt(np.sum(tail**2))
    tail[0] = 1
    return np.asarray(tail / np.sqrt(np.sum(tail**2)), np.float32)


def reverberate(samples: Samples, _: Generator, *, response: Samples) -> Samples:
    """Convolve with a room's impulse response; the length does not change."""
    return np.asarray(fftconvolve(samples, response)[: len(samples)], np.float32)


def lose_packets(samples: Samples, rng: Generator, *, loss_rate: float, burst_length: float) -> Samples:
    """Drop packets of 20 ms in bursts (Gilbert, Bell System Technical Journal, 1960), and conceal the losses.

    Parameters
    ----------
    samples : ndarray of float32, shape (n,)
    rng : numpy.random.Generator
    loss_rate : float
        Ratio of lost packets, in [0, 0.5].
    burst_length : float
        Mean number of consecutive lost packets; at least 1.
    """
    chances = rng.random(-(-len(samples) // PACKET))
    first = loss_rate / (burst_length * (1 - loss_rate))  # gives `loss_rate` in the long run
    lost = np.zeros(len(chances), bool)
    for i, chance in enumerate(chances):
        lost[i] = chance < (1 - 1 / burst_length if i and lost[i - 1] else first)
    return conceal(samples, lost)


def conceal(samples: Samples, lost: NDArray[np.bool_]) -> Samples:
    """Fill lost packets with repetitions of the last pitch period that fade to silence within 60 ms.

    Waveform substitution after ITU-T G.711, Appendix I (1999). The pitch period is the lag with the highest
    autocorrelation of the last 20 ms. A quarter of a period is cross-faded at both ends.

    Parameters
    ----------
    samples : ndarray of float32, shape (n,)
    lost : ndarray of bool, shape (n / 320, rounded up)
    """
    concealed = samples.copy()
    edges = np.flatnonzero(np.diff(np.concatenate([[False], lost, [False]]).astype(int))) * PACKET
    for start, end in edges.reshape(-1, 2):
        stop = min(end, len(concealed))
        known = concealed[max(0, start - 2 * PACKET) : start]
        if len(known) < 2 * PACKET:  # no earlier samples
            concealed[start:stop] = 0
            continue
        period = _period(known)
        ramp = np.linspace(0, 1, period // 4, endpoint=False, dtype=np.float32)
        blend = len(ramp)
        # The period's end is cross-faded with the samples before its start, so that repetitions join smoothly.
        joined = (1 - ramp) * known[-blend:] + ramp * known[-period - blend : -period]
        concealed[start - blend : start] = joined
        # The filling continues for one blend into the next received packet.
        filling = np.resize(np.concatenate([known[-period:-blend], joined]), stop - start + blend)
        filling *= _fading(len(filling))
        filling[stop - start :] *= 1 - ramp
        concealed[start:stop] = filling[: stop - start]
        rest = concealed[stop : stop + blend]
        rest *= ramp[: len(rest)]
        rest += filling[stop - start :][: len(rest)]
    return concealed


def _period(known: Samples) -> int:
    """Return the lag with the highest normalized autocorrelation of the last packet, in samples."""
    last = known[-PACKET:]
    earlier = np.lib.stride_tricks.sliding_window_view(known, PACKET)[::-1][_LAGS]  # row i: lag _LAGS.start + i
    correlation = earlier @ last / np.sqrt(np.sum(earlier**2, axis=1) + _TINY)
    return _LAGS.start + int(correlation.argmax())


def _fading(n: int) -> Samples:
    """Return the level of concealment: 1 for 10 ms, then falling to 0 at 60 ms."""
    tens = np.arange(n) / (SAMPLE_RATE / 100)
    return np.asarray((1 - _FADE_10_MS * (tens - 1)).clip(0, 1), np.float32)


def speed(samples: Samples, _: Generator, *, factor: float) -> Samples:
    """Change speed and pitch (Ko et al., Audio augmentation for speech recognition, 2015); this changes the length."""
    return np.asarray(soxr.resample(samples, SAMPLE_RATE * factor, SAMPLE_RATE), np.float32)


def pitch(samples: Samples, _: Generator, *, semitones: float) -> Samples:
    """Raise pitch and formants at the same tempo."""
    return np.asarray(librosa.effects.pitch_shift(samples, sr=SAMPLE_RATE, n_steps=semitones, n_fft=1024), np.float32)


def hold_music(rng: Generator, seconds: float = 8.0) -> Samples:
    """Return synthetic hold music: a random melody of decaying square-like tones."""
    n = int(0.4 * SAMPLE_RATE)
    t = np.arange(n) / SAMPLE_RATE
    scale = 330 * 2 ** (np.array([0, 2, 4, 7, 9, 12]) / 12)  # pentatonic
    notes = [
        np.exp(-4 * t) * sum(np.sin(2 * np.pi * k * hz * t) / k for k in (1, 3, 5))
        for hz in rng.choice(scale, int(seconds / 0.4))
    ]
    return np.asarray(0.3 * np.concatenate(notes), np.float32)


def spec_augment(mel: Array, rng: Generator, *, frames: int, bands: int, masks: int = 2) -> Array:
    """Mask ranges of time and of frequency (Park et al., SpecAugment, 2019).

    Parameters
    ----------
    mel : ndarray of float32, shape (n, 80)
    rng : numpy.random.Generator
    frames, bands : int
        Maximum width of a mask; a time mask covers at most a fifth of the frames.
    masks : int
        Number of masks in time and in frequency.

    Returns
    -------
    ndarray of float32, shape (n, 80)
        Masked values are the spectrogram's mean.
    """
    masked = mel.copy()
    for axis, widest in ((0, min(frames, len(mel) // 5)), (1, bands)):
        for _ in range(masks):
            width = int(rng.integers(widest + 1))
            start = int(rng.integers(mel.shape[axis] - width + 1))
            np.moveaxis(masked, axis, 0)[start : start + width] = mel.mean()
    return masked
