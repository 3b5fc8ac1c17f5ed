"""What rooms, lines and recorders do to a voice, each as a function of samples, chance and how much of it.

Samples are mono at 16 kHz, float32 of shape (n,), in about [-1, 1]; the length stays, save with `speed`. `model.augmentation.telephone`
puts them together. `spec_augment` works on what a network is given.
"""

from __future__ import annotations

import librosa
import numpy as np
import soxr
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, sosfiltfilt

from callmood.types import SAMPLE_RATE

Samples = NDArray[np.float32]
Array = NDArray[np.float32]

PACKET = SAMPLE_RATE // 50  # 20 ms, as nearly all IP telephones send
_LAGS = slice(SAMPLE_RATE // 200, SAMPLE_RATE // 66)  # a voice's period: 66 to 200 Hz
_FADE_10_MS = 0.2  # what is made up loses a fifth of its level every 10 ms
_TINY = np.float32(1e-12)


def power(samples: Samples) -> float:
    """Mean square."""
    return float(np.mean(np.square(samples), dtype=np.float64)) if len(samples) else 0.0


def gain(samples: Samples, _: Generator, *, db: float) -> Samples:
    """Make louder by `db` decibels; what passes full scale is cut off."""
    return (samples * np.float32(10 ** (db / 20))).clip(-1, 1)


def clip(samples: Samples, _: Generator, *, over_db: float) -> Samples:
    """Cut off peaks, as an overdriven input does: everything from `over_db` under the highest peak."""
    ceiling = np.abs(samples).max(initial=0) * np.float32(10 ** (-over_db / 20))
    return samples.clip(-ceiling, ceiling)


def band_pass(samples: Samples, _: Generator, *, low_hz: float, high_hz: float) -> Samples:
    """Pass `low_hz` to `high_hz` (3 dB down at both), 48 dB an octave, without delay."""
    sections = butter(4, (low_hz, high_hz), btype="bandpass", fs=SAMPLE_RATE, output="sos")
    return np.asarray(sosfiltfilt(sections, samples, padlen=min(120, len(samples) - 1)), np.float32)


def noise(samples: Samples, rng: Generator, *, snr_db: float, tilt_db: float) -> Samples:
    """Add noise that lies `snr_db` under the samples' mean power; its spectrum changes by `tilt_db` an octave."""
    spectrum = np.fft.rfft(rng.standard_normal(len(samples)))
    octaves = np.log2(np.maximum(np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE), 50) / 1000)
    return under(samples, np.fft.irfft(spectrum * 10 ** (tilt_db * octaves / 20), len(samples)), snr_db)


def hum(samples: Samples, rng: Generator, *, snr_db: float, mains_hz: float) -> Samples:
    """Add the hum of the mains: overtones that fall by 3 dB an octave, since lines couple high ones better."""
    t = np.arange(len(samples)) / SAMPLE_RATE
    overtones = np.arange(1, 21)[:, None]
    waves = np.sin(2 * np.pi * overtones * mains_hz * t + rng.uniform(0, 2 * np.pi, overtones.shape))
    return under(samples, (waves / np.sqrt(overtones)).sum(axis=0), snr_db)


def background(samples: Samples, rng: Generator, *, sound: Samples, snr_db: float) -> Samples:
    """Lay a sound, from a random place on and over and over, under the samples."""
    return under(samples, np.resize(np.roll(sound, -int(rng.integers(len(sound)))), len(samples)), snr_db)


def under(samples: Samples, other: NDArray[np.floating], snr_db: float) -> Samples:
    """Add another sound of the same length at `snr_db` under the samples' mean power."""
    share = np.sqrt(power(samples) * 10 ** (-snr_db / 10) / (np.mean(np.square(other)) + _TINY))
    return samples + (share * other).astype(np.float32)


def room_response(rng: Generator, *, rt60_s: float, direct_db: float) -> Samples:
    """Impulse response of a room: the direct sound, and after 2 ms noise that decays by 60 dB in `rt60_s`.

    Polack's model of late reverberation (La transmission de l'énergie sonore dans les salles, 1988).

    Parameters
    ----------
    rng : numpy.random.Generator
    rt60_s : float
        Reverberation time, such as 0.3 for a living room, 0.8 for a stairwell.
    direct_db : float
        How far the energy of the direct sound is above that of the rest.

    Returns
    -------
    ndarray of float32, shape (n,)
        Of unit energy; its first sample is the direct sound.
    """
    t = np.arange(int(rt60_s * SAMPLE_RATE)) / SAMPLE_RATE
    tail = rng.standard_normal(len(t)) * 10 ** (-3 * t / rt60_s) * (t > 0.002)
    tail *= 10 ** (-direct_db / 20) / np.sqrt(np.sum(tail**2))
    tail[0] = 1
    return (tail / np.sqrt(np.sum(tail**2))).astype(np.float32)


def reverberate(samples: Samples, _: Generator, *, response: Samples) -> Samples:
    """Put the voice into a room; what rings on after the end is cut off."""
    return np.asarray(fftconvolve(samples, response)[: len(samples)], np.float32)


def lose_packets(samples: Samples, rng: Generator, *, share: float, burst: float) -> Samples:
    """Lose packets of 20 ms, and conceal it as receivers do.

    Losses come in bursts (Gilbert, Bell System Technical Journal, 1960).

    Parameters
    ----------
    samples : ndarray of float32, shape (n,)
    rng : numpy.random.Generator
    share : float
        Of packets that are lost, in [0, 0.5].
    burst : float
        Packets that are lost in a row, on average; at least 1.
    """
    chances = rng.random(-(-len(samples) // PACKET))
    begins = share / (burst * (1 - share))  # so that `share` of all packets are lost in the long run
    lost = np.zeros(len(chances), bool)
    for i, chance in enumerate(chances):
        lost[i] = chance < (1 - 1 / burst if i and lost[i - 1] else begins)
    return conceal(samples, lost)


def conceal(samples: Samples, lost: NDArray[np.bool_]) -> Samples:
    """Fill lost packets with the voice's last period, over and over and ever fainter.

    Waveform substitution after ITU-T G.711, Appendix I (1999): the period is where the last 20 ms are most like
    themselves; a quarter of a period is blended at both ends; after 60 ms there is silence.

    Parameters
    ----------
    samples : ndarray of float32, shape (n,)
    lost : ndarray of bool, shape (n / 320, rounded up)
        Which packets are.
    """
    heard = samples.copy()
    edges = np.flatnonzero(np.diff(np.concatenate([[False], lost, [False]]).astype(int))) * PACKET
    for start, end in edges.reshape(-1, 2):
        stop = min(end, len(heard))
        known = heard[max(0, start - 2 * PACKET) : start]
        if len(known) < 2 * PACKET:  # nothing was heard yet
            heard[start:stop] = 0
            continue
        period = _period(known)
        ramp = np.linspace(0, 1, period // 4, endpoint=False, dtype=np.float32)
        blend = len(ramp)
        # The period's end is bent toward what came before its beginning, so that it runs into itself.
        bent = (1 - ramp) * known[-blend:] + ramp * known[-period - blend : -period]
        heard[start - blend : start] = bent
        # It runs on for a blend into the first packet that comes again.
        filling = np.resize(np.concatenate([known[-period:-blend], bent]), stop - start + blend)
        filling *= _fading(len(filling))
        filling[stop - start :] *= 1 - ramp
        heard[start:stop] = filling[: stop - start]
        rest = heard[stop : stop + blend]
        rest *= ramp[: len(rest)]
        rest += filling[stop - start :][: len(rest)]
    return heard


def _period(known: Samples) -> int:
    """Lag at which the last packet is most like what came before it, in samples."""
    last = known[-PACKET:]
    earlier = np.lib.stride_tricks.sliding_window_view(known, PACKET)[::-1][_LAGS]  # row i: lag _LAGS.start + i
    likeness = earlier @ last / np.sqrt(np.sum(earlier**2, axis=1) + _TINY)
    return _LAGS.start + int(likeness.argmax())


def _fading(n: int) -> Samples:
    """Level of made-up sound: full for 10 ms, then less and less until 60 ms."""
    tens = np.arange(n) / (SAMPLE_RATE / 100)
    return (1 - _FADE_10_MS * (tens - 1)).clip(0, 1).astype(np.float32)


def speed(samples: Samples, _: Generator, *, factor: float) -> Samples:
    """Play faster and higher (Ko et al., Audio augmentation for speech recognition, 2015); the length shrinks."""
    return soxr.resample(samples, SAMPLE_RATE * factor, SAMPLE_RATE)


def pitch(samples: Samples, _: Generator, *, semitones: float) -> Samples:
    """Raise the pitch, and the formants with it, at the same pace."""
    return librosa.effects.pitch_shift(samples, sr=SAMPLE_RATE, n_steps=semitones, n_fft=1024)


def melody(rng: Generator, seconds: float = 8.0) -> Samples:
    """Hold music of a poor exchange: a random melody of decaying square-like tones."""
    n = int(0.4 * SAMPLE_RATE)
    t = np.arange(n) / SAMPLE_RATE
    scale = 330 * 2 ** (np.array([0, 2, 4, 7, 9, 12]) / 12)  # pentatonic
    notes = [
        np.exp(-4 * t) * sum(np.sin(2 * np.pi * k * hz * t) / k for k in (1, 3, 5))
        for hz in rng.choice(scale, int(seconds / 0.4))
    ]
    return (0.3 * np.concatenate(notes)).astype(np.float32)


def spec_augment(mel: Array, rng: Generator, *, frames: int, bands: int, masks: int = 2) -> Array:
    """Hide stretches of time and of frequency (Park et al., SpecAugment, 2019).

    Parameters
    ----------
    mel : ndarray of float32, shape (n, 80)
    rng : numpy.random.Generator
    frames, bands : int
        Widest stretch of either; no more than a fifth of the frames are hidden at once.
    masks : int
        Stretches of either.

    Returns
    -------
    ndarray of float32, shape (n, 80)
        What is hidden has the spectrogram's mean.
    """
    hidden = mel.copy()
    for axis, widest in ((0, min(frames, len(mel) // 5)), (1, bands)):
        for _ in range(masks):
            width = int(rng.integers(widest + 1))
            start = int(rng.integers(mel.shape[axis] - width + 1))
            np.moveaxis(hidden, axis, 0)[start : start + width] = mel.mean()
    return hidden
