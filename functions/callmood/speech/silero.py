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

MEMORY = 64
"""int: chunks (2 s) after which a new memory is begun."""

_CONTEXT = 64  # samples before a chunk that the network also sees
_FRAME, _HOP, _BINS, _WIDTH = 256, 128, 129, 128
_WINDOW = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_FRAME) / _FRAME)).astype(np.float32)  # Hann's
_HALF = np.float32(0.5)


class SileroDetector:
    """Speech probabilities of one channel, as its sound comes in.

    Parameters
    ----------
    path : Path, optional
        Weights, as `python -m model export-detector` writes them; default: the shipped ones.
    block : int
        Chunks computed together: a divisor of `MEMORY`. More is faster (4 take twice as long as 64), fewer hear sooner.
        Always the same number, so that how the sound is cut up changes no bit; another changes rounding only.
    """

    def __init__(self, path: Path = MODEL / "speech.npz", block: int = MEMORY) -> None:
        if MEMORY % block:
            raise ValueError(f"block must divide {MEMORY}, and {block} does not")
        self._size = block * CHUNK
        self._network = _load(path)
        self._tail = np.zeros(_CONTEXT, np.float32)  # context, then samples of an unfinished block
        # Two LSTMs hear everything: the elder is believed, the younger takes its place when its time is over.
        self._hidden = np.zeros((2, _WIDTH), np.float32)
        self._cell = np.zeros((2, _WIDTH), np.float32)
        self._age = 0  # samples since the younger began

    def process(self, samples: Samples) -> Samples:
        """Take more sound.

        Parameters
        ----------
        samples : numpy.ndarray
            (n,) float32, mono, 16 kHz, in [-1, 1].

        Returns
        -------
        numpy.ndarray
            (k,) float32 in [0, 1], one for each chunk of the blocks that are now complete.
        """
        pending = np.concatenate([self._tail, samples])
        size = self._size
        whole = (len(pending) - _CONTEXT) // size
        blocks = [self._block(pending[i * size : (i + 1) * size + _CONTEXT]) for i in range(whole)]
        self._tail = pending[whole * size :].copy()
        return np.concatenate(blocks) if blocks else np.empty(0, np.float32)

    def finish(self) -> Samples:
        """End the sound: probabilities of its last chunks, the very last filled up with silence.

        Returns
        -------
        numpy.ndarray
            (k,) float32 in [0, 1], k less than a block.
        """
        left = len(self._tail) - _CONTEXT
        silence = np.zeros(self._size - left, np.float32)
        return self.process(silence)[: -(-left // CHUNK)]

    def _block(self, samples: Samples) -> Samples:
        if self._age == MEMORY * CHUNK:
            self._hidden = np.stack([self._hidden[1], np.zeros(_WIDTH, np.float32)])
            self._cell = np.stack([self._cell[1], np.zeros(_WIDTH, np.float32)])
            self._age = 0
        outputs, self._cell = self._network.remember(self._network.encode(samples), self._hidden, self._cell)
        self._hidden = outputs[-1]
        self._age += self._size
        return self._network.decode(outputs[:, 0])


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
        """Turn (64 + 512 k,) samples into the (k, 512) inputs of the LSTM's gates."""
        count = (len(samples) - _CONTEXT) // CHUNK
        # The first convolution wants a frame of zeros on both sides, the second on the left.
        padded = np.zeros((count, 6, _BINS), np.float32)
        padded[:, 1:5] = _spectra(samples)
        x = self._layer("conv1", _windows(padded, 4, 3, 1))
        padded = np.zeros((count, 5, _WIDTH), np.float32)
        padded[:, 1:] = x.reshape(count, 4, _WIDTH)
        x = self._layer("conv2", _windows(padded, 2, 3, 2))
        x = self._layer("conv3", x.reshape(count, -1))
        x = self._layer("conv4", x)
        gates: Samples = x @ self._input + self._bias
        return gates

    def _layer(self, name: str, x: Samples) -> Samples:
        y = x @ self._weights[name]
        y += self._weights[f"{name}_bias"]
        return np.maximum(y, 0, out=y)

    def remember(self, inputs: Samples, hidden: Samples, cell: Samples) -> tuple[Samples, Samples]:
        """Run two LSTMs over the inputs of their gates.

        Next to no array is made on the way: for vectors this short that takes longer than the arithmetic.

        Parameters
        ----------
        inputs : numpy.ndarray
            (k, 512), from `encode`.
        hidden, cell : numpy.ndarray
            (2, 128): what each remembers.

        Returns
        -------
        tuple of (numpy.ndarray, numpy.ndarray)
            Outputs (k, 2, 128), of which the last is the new hidden state, and the new cell (2, 128).
        """
        cell = cell.copy()
        outputs = np.empty((len(inputs), 2, _WIDTH), np.float32)
        sums = np.empty((2, 4 * _WIDTH), np.float32)
        by_gate = sums.reshape(2, 4, _WIDTH).transpose(1, 0, 2)
        gates = np.empty((4, 2, _WIDTH), np.float32)
        sigmoids = gates[:3]
        keep, show, forget, new = gates
        change = np.empty((2, _WIDTH), np.float32)
        # A product of two rows would be four times as slow: the library then copies the matrix first.
        elder, younger = hidden
        for given, output in zip(inputs, outputs, strict=True):
            np.dot(elder, self._recurrent, out=sums[0])
            np.dot(younger, self._recurrent, out=sums[1])
            sums += given
            np.tanh(by_gate, out=gates)
            sigmoids += 1
            sigmoids *= _HALF
            cell *= forget
            cell += np.multiply(keep, new, out=change)
            elder, younger = np.multiply(show, np.tanh(cell, out=change), out=output)
        return outputs, cell

    def decode(self, outputs: Samples) -> Samples:
        """Turn (k, 128) outputs of an LSTM into (k,) probabilities."""
        logits = np.maximum(outputs, 0) @ self._weights["output"] + self._weights["output_bias"]
        probabilities: Samples = 1 / (1 + np.exp(-logits))
        return probabilities


def _spectra(samples: Samples) -> Samples:
    """Magnitudes (k, 4, 129) of the four frames of each chunk."""
    (stride,) = samples.strides
    count = (len(samples) - _CONTEXT) // CHUNK
    chunks = as_strided(samples, (count, _CONTEXT + CHUNK), (CHUNK * stride, stride))
    # The last frame reaches over the chunk's end: the network was trained with that part mirrored.
    chunks = np.concatenate([chunks, chunks[:, -2 : -2 - _CONTEXT : -1]], axis=1)
    frames = as_strided(chunks, (count, 4, _FRAME), (chunks.strides[0], _HOP * stride, stride))
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
