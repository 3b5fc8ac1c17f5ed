"""How likely each 32 ms of sound is speech: Silero VAD's network, in numpy.

The network (https://github.com/snakers4/silero-vad, version 6, MIT) looks at a chunk's spectrum through four
convolutions and remembers through an LSTM. Only the LSTM must go chunk by chunk: the rest is done for a block of chunks
in a few matrix products, which makes it several times faster than a runtime that is handed one chunk at a time.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from callmood.resources import MODEL

Samples = NDArray[np.float32]

CHUNK = 512
"""int: samples that one probability stands for (32 ms at 16 kHz)."""

BLOCK = 16
"""int: chunks computed together. Always the same number, so that how the sound is cut into pushes changes no bit."""

_CONTEXT = 64  # samples before a chunk that the network also sees
_FRAME, _HOP, _BINS, _WIDTH = 256, 128, 129, 128


class VoiceDetector:
    """Speech probabilities of one channel, as its sound comes in.

    Parameters
    ----------
    path : Path, optional
        Weights, as `model/export_speech.py` writes them; default: the shipped ones.
    """

    def __init__(self, path: Path = MODEL / "speech.npz") -> None:
        self._network = _load(path)
        self._tail = np.zeros(_CONTEXT, np.float32)  # context, then samples of an unfinished block
        self._hidden = np.zeros(_WIDTH, np.float32)
        self._cell = np.zeros(_WIDTH, np.float32)

    def push(self, samples: Samples) -> Samples:
        """Take more sound.

        Parameters
        ----------
        samples : numpy.ndarray
            (n,) float32, mono, 16 kHz, in [-1, 1].

        Returns
        -------
        numpy.ndarray
            (16 k,) float32 in [0, 1], one for each chunk of the blocks that are now complete.
        """
        pending = np.concatenate([self._tail, samples])
        size = BLOCK * CHUNK
        whole = (len(pending) - _CONTEXT) // size
        blocks = [self._block(pending[i * size : (i + 1) * size + _CONTEXT]) for i in range(whole)]
        self._tail = pending[whole * size :].copy()
        return np.concatenate(blocks) if blocks else np.empty(0, np.float32)

    def flush(self) -> Samples:
        """End the sound: probabilities of its last chunks, the very last filled up with silence."""
        left = len(self._tail) - _CONTEXT
        silence = np.zeros(BLOCK * CHUNK - left, np.float32)
        return self.push(silence)[: -(-left // CHUNK)]

    def _block(self, samples: Samples) -> Samples:
        network = self._network
        gates = network.encode(samples)
        outputs = np.empty((BLOCK, _WIDTH), np.float32)
        hidden, cell = self._hidden, self._cell
        for gate, output in zip(gates, outputs, strict=True):
            gate += hidden @ network.recurrent
            np.tanh(gate, out=gate)
            keep, forget, new, show = gate.reshape(4, _WIDTH)
            # sigmoid(2 x) = (1 + tanh(x)) / 2: the weights are halved on loading, so one tanh serves all four gates.
            cell = 0.5 * ((1 + forget) * cell + (1 + keep) * new)
            hidden = np.multiply(0.5 * (1 + show), np.tanh(cell), out=output)
        self._hidden, self._cell = hidden, cell
        return network.decode(outputs)


class _Network:
    """The weights, and all of the network but its memory."""

    def __init__(self, weights: dict[str, Samples]) -> None:
        self._weights = weights
        self._spectrum = _fourier()
        halve = np.full(4 * _WIDTH, 0.5, np.float32)
        halve[2 * _WIDTH : 3 * _WIDTH] = 1  # the third gate is a tanh by itself
        self._input = weights["lstm_input"] * halve
        self._bias = weights["lstm_bias"] * halve
        self.recurrent = np.ascontiguousarray(weights["lstm_recurrent"] * halve)

    def encode(self, samples: Samples) -> Samples:
        """Turn (context + block,) samples into (16, 512) inputs of the LSTM's gates."""
        chunks = _windows(samples, _CONTEXT + CHUNK, CHUNK)
        # The last frame of a chunk reaches half over its end: the network was trained with that half mirrored.
        mirrored = np.concatenate([chunks, chunks[:, -2 : -2 - _CONTEXT : -1]], axis=1)
        spectrum = np.stack([_windows(c, _FRAME, _HOP) for c in mirrored]).reshape(-1, _FRAME) @ self._spectrum
        magnitude = np.sqrt(spectrum[:, :_BINS] ** 2 + spectrum[:, _BINS:] ** 2).reshape(BLOCK, 4, _BINS)
        padded = np.pad(magnitude, ((0, 0), (1, 1), (0, 0)))
        x = self._layer("conv1", np.concatenate([padded[:, i : i + 4] for i in range(3)], axis=2))
        padded = np.pad(x, ((0, 0), (1, 0), (0, 0)))
        x = self._layer("conv2", np.concatenate([padded[:, i : i + 3 : 2] for i in range(3)], axis=2))
        x = self._layer("conv3", x.reshape(BLOCK, -1))
        x = self._layer("conv4", x)
        gates: Samples = x @ self._input + self._bias
        return gates

    def _layer(self, name: str, x: Samples) -> Samples:
        y = x.reshape(-1, x.shape[-1]) @ self._weights[name] + self._weights[f"{name}_bias"]
        rectified: Samples = np.maximum(y, 0).reshape(*x.shape[:-1], -1)
        return rectified

    def decode(self, hidden: Samples) -> Samples:
        """Turn (16, 128) outputs of the LSTM into (16,) probabilities."""
        logits = np.maximum(hidden, 0) @ self._weights["output"] + self._weights["output_bias"]
        probabilities: Samples = 1 / (1 + np.exp(-logits))
        return probabilities


def _windows(samples: Samples, length: int, hop: int) -> Samples:
    (stride,) = samples.strides
    return as_strided(samples, ((len(samples) - length) // hop + 1, length), (hop * stride, stride), writeable=False)


def _fourier() -> Samples:
    """Real and imaginary parts of a Hann-windowed discrete Fourier transform, as one (256, 258) matrix."""
    n = np.arange(_FRAME)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * n / _FRAME)
    angle = 2 * np.pi * np.outer(n, np.arange(_BINS)) / _FRAME
    matrix: Samples = (hann[:, None] * np.hstack([np.cos(angle), -np.sin(angle)])).astype(np.float32)
    return matrix


@cache
def _load(path: Path) -> _Network:
    with np.load(path) as arrays:
        return _Network({name: arrays[name].astype(np.float32) for name in arrays})
