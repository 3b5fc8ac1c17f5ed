"""Input features of the emotion model: Whisper's log-mel spectrogram, without librosa for a fast cold start."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from callmood.types import SAMPLE_RATE

N_MELS = 80
WINDOW = 400  # samples: 25 ms
HOP = 160  # samples: 10 ms, so 100 frames a second
FRAME_RATE = SAMPLE_RATE // HOP


def log_mel(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return Whisper's log-mel spectrogram of a clip, without padding to 30 s.

    As in `whisper.audio.log_mel_spectrogram` (openai/whisper, MIT): a periodic Hann window of 25 ms every 10 ms,
    reflection at both ends, the last frame dropped; decimal logarithm, with a floor 8 below the maximum of the clip;
    then `(x + 4) / 4`.

    Parameters
    ----------
    samples : ndarray of float32, shape (n,)
        Mono audio at 16 kHz in [-1, 1]; n >= 160.

    Returns
    -------
    ndarray of float32, shape (n // 160, 80)
        About [-1, 2], time first.

    Raises
    ------
    ValueError
        The clip is shorter than one hop (10 ms).
    """
    if len(samples) < HOP:
        raise ValueError(f"{len(samples)} samples are too few for a spectrogram; give at least {HOP}")
    padded = np.pad(np.asarray(samples, np.float32), WINDOW // 2, mode="reflect")
    frames = sliding_window_view(padded, WINDOW)[::HOP][: len(samples) // HOP]  # (frames, 400)
    spectrum = scipy.fft.rfft(frames * _hann_window())  # (frames, 201)
    power = spectrum.real**2 + spectrum.imag**2
    log: NDArray[np.float32] = np.log10(np.maximum(power @ mel_filters(), np.float32(1e-10)))
    log = np.maximum(log, log.max() - 8)
    return (log + 4) / 4


@lru_cache(maxsize=1)
def _hann_window() -> NDArray[np.float32]:
    """Return the periodic Hann window, shape (400,)."""
    return np.hanning(WINDOW + 1)[:-1].astype(np.float32)


@lru_cache(maxsize=1)
def mel_filters() -> NDArray[np.float32]:
    """Return triangular mel filters of unit area, shape (201, 80).

    Slaney's scale is linear below 1 kHz and logarithmic above (Auditory Toolbox, 1998). The filters equal
    `librosa.filters.mel(sr=16000, n_fft=400, n_mels=80)`, which Whisper ships as `mel_filters.npz`.
    """
    bins = np.linspace(0, SAMPLE_RATE / 2, WINDOW // 2 + 1)
    edges = _mel_to_hz(np.linspace(0.0, _hz_to_mel(SAMPLE_RATE / 2), N_MELS + 2))  # each filter spans three edges
    rising = (bins[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return (triangles * 2.0 / (edges[2:] - edges[:-2])).astype(np.float32)


_KNEE_HZ, _KNEE_MEL, _LOG_STEP = 1000.0, 15.0, np.log(6.4) / 27.0


def _hz_to_mel(hz: float) -> float:
    return float(_KNEE_MEL + np.log(hz / _KNEE_HZ) / _LOG_STEP)  # for frequencies above the knee


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(mel < _KNEE_MEL, mel * _KNEE_HZ / _KNEE_MEL, _KNEE_HZ * np.exp(_LOG_STEP * (mel - _KNEE_MEL)))
