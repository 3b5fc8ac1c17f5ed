"""How likely each 32 ms of sound is speech: Silero VAD's network, in numpy.

The network (https://github.com/snakers4/silero-vad, version 6, MIT) looks at a chunk's spectrum through four
convolutions and remembers through an LSTM. Only the LSTM must go chunk by chunk: the rest is done for a block of chunks
in a few matrix products, which makes it several times faster than a runtime that is handed one chunk at a time.

One thing is changed: the memory reaches back 2 to 4 s, no further. As published, the network still half believes in a
ringing tone or hold music seconds after it has ended, and misses whole sentences that follow it.
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

BLOCK = 64
"""int: chunks computed together (2 s). Always the same number, so that how the sound is cut up changes no bit."""

_CONTEXT = 64  # samples before a chunk that the network also sees
_FRAME, _HOP, _BINS, _WIDTH = 256, 128, 129, 128
_WINDOW = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_FRAME) / _FRAME)).astype(np.float32)  # Hann's
_HALF = np.float32(0.5)


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
        # What an LSTM remembers that began with the last block.
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
            (64 k,) float32 in [0, 1], one for each chunk of the blocks that are now complete.
        """
        pending = np.concatenate([self._tail, samples])
        size = BLOCK * CHUNK
        whole = (len(pending) - _CONTEXT) // size
        blocks = [self._block(pending[i * size : (i + 1) * size + _CONTEXT]) for i in range(whole)]
        self._tail = pending[whole * size :].copy()
        return np.concatenate(blocks) if blocks else np.empty(0, np.float32)

    def flush(self) -> Samples:
        """End the sound: probabilities of its last chunks, the very last filled up with silence.

        Returns
        -------
        numpy.ndarray
            (k,) float32 in [0, 1], k less than 64.
        """
        left = len(self._tail) - _CONTEXT
        silence = np.zeros(BLOCK * CHUNK - left, np.float32)
        return self.push(silence)[: -(-left // CHUNK)]

    def _block(self, samples: Samples) -> Samples:
        """Run two LSTMs: one remembers the block before, and is listened to; one begins here, for the block after."""
        inputs = self._network.encode(samples)
        outputs = self._network.remember(inputs, self._hidden, self._cell)
        self._cell = np.zeros(_WIDTH, np.float32)
        self._hidden = self._network.remember(inputs, np.zeros(_WIDTH, np.float32), self._cell)[-1]
        return self._network.decode(outputs)


class _Network:
    """The weights, and what is computed with them."""

    def __init__(self, weights: dict[str, Samples]) -> None:
        self._weights = weights
        # sigmoid(2 x) = (1 + tanh(x)) / 2: halved, the gates that are sigmoids share one tanh with the one that is not.
        halve = np.repeat(np.array([0.5, 0.5, 0.5, 1], np.float32), _WIDTH)
        self._input = weights["lstm_input"] * halve
        self._bias = weights["lstm_bias"] * halve
        self._recurrent = np.ascontiguousarray(weights["lstm_recurrent"] * halve)

    def encode(self, samples: Samples) -> Samples:
        """Turn (64 + block,) samples into the (64, 512) inputs of the LSTM's gates."""
        # The first convolution wants a frame of zeros on both sides, the second on the left.
        padded = np.zeros((BLOCK, 6, _BINS), np.float32)
        padded[:, 1:5] = _spectra(samples)
        x = self._layer("conv1", _windows(padded, 4, 3, 1))
        padded = np.zeros((BLOCK, 5, _WIDTH), np.float32)
        padded[:, 1:] = x.reshape(BLOCK, 4, _WIDTH)
        x = self._layer("conv2", _windows(padded, 2, 3, 2))
        x = self._layer("conv3", x.reshape(BLOCK, -1))
        x = self._layer("conv4", x)
        gates: Samples = x @ self._input + self._bias
        return gates

    def _layer(self, name: str, x: Samples) -> Samples:
        y = x @ self._weights[name]
        y += self._weights[f"{name}_bias"]
        return np.maximum(y, 0, out=y)

    def remember(self, inputs: Samples, hidden: Samples, cell: Samples) -> Samples:
        """Run the LSTM over (64, 512) inputs of its gates, from (128,) hidden state and `cell`: its (64, 128) outputs.

        `cell` is changed in place; the new hidden state is the last output. Next to no array is made on the way: for
        vectors this short that takes longer than the arithmetic.
        """
        outputs = np.empty((len(inputs), _WIDTH), np.float32)
        gates = np.empty(4 * _WIDTH, np.float32)
        sigmoids = gates[: 3 * _WIDTH]
        keep, show, forget, new = gates.reshape(4, _WIDTH)
        change = np.empty(_WIDTH, np.float32)
        for given, output in zip(inputs, outputs, strict=True):
            np.dot(hidden, self._recurrent, out=gates)
            gates += given
            np.tanh(gates, out=gates)
            sigmoids += 1
            sigmoids *= _HALF
            cell *= forget
            cell += np.multiply(keep, new, out=change)
            hidden = np.multiply(show, np.tanh(cell, out=change), out=output)
        return outputs

    def decode(self, outputs: Samples) -> Samples:
        """Turn (64, 128) outputs of the LSTM into (64,) probabilities."""
        logits = np.maximum(outputs, 0) @ self._weights["output"] + self._weights["output_bias"]
        probabilities: Samples = 1 / (1 + np.exp(-logits))
        return probabilities


def _spectra(samples: Samples) -> Samples:
    """Magnitudes (64, 4, 129) of the four frames of each chunk."""
    (stride,) = samples.strides
    chunks = as_strided(samples, (BLOCK, _CONTEXT + CHUNK), (CHUNK * stride, stride))
    # The last frame reaches over the chunk's end: the network was trained with that part mirrored.
    chunks = np.concatenate([chunks, chunks[:, -2 : -2 - _CONTEXT : -1]], axis=1)
    frames = as_strided(chunks, (BLOCK, 4, _FRAME), (chunks.strides[0], _HOP * stride, stride))
    spectrum = np.fft.rfft(frames * _WINDOW)
    magnitudes: Samples = np.sqrt(spectrum.real**2 + spectrum.imag**2)
    return magnitudes


def _windows(frames: Samples, count: int, length: int, hop: int) -> Samples:
    """Unroll a convolution over (chunks, frames, width): the (chunks * count, length * width) rows it multiplies."""
    chunk, frame, item = frames.strides
    width = frames.shape[2]
    shape = (len(frames), count, length * width)
    return as_strided(frames, shape, (chunk, hop * frame, item)).reshape(-1, length * width)


@cache
def _load(path: Path) -> _Network:
    with np.load(path) as arrays:
        return _Network({name: arrays[name].astype(np.float32) for name in arrays})
