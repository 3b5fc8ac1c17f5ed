"""Detect speech with the network of Silero VAD, in NumPy: one probability for each chunk of 32 ms.

The network (https://github.com/snakers4/silero-vad, version 6, MIT) applies four convolutions to the spectrum of a
chunk, then an LSTM. Only the LSTM must run chunk by chunk. The convolutions run for a block of chunks in a few matrix
products, which is several times faster than a runtime that processes one chunk at a time.

One difference: the state of the LSTM covers only the last 2 to 4 s. With unlimited state, the published network reacts
to a ringing tone or hold music for seconds after its end, and misses whole sentences that follow.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from callmood.resources import MODEL

Array = NDArray[np.float32]

CHUNK = 512
"""int: number of samples for one probability (32 ms at 16 kHz)."""

STATE_CHUNKS = 64
"""int: number of chunks (2 s) after which a new LSTM state starts."""

_CONTEXT = 64  # samples before a chunk that are part of the network's input
_FRAME, _HOP, _BINS, _WIDTH = 256, 128, 129, 128
_WINDOW = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_FRAME) / _FRAME)).astype(np.float32)  # Hann
_HALF = np.float32(0.5)
_MAX_SILENCES = 64  # states from which silence is remembered; a block needs one, and shorter blocks one each


class SileroDetector:
    """Compute the speech probabilities of one channel as its samples arrive.

    Parameters
    ----------
    path : Path, optional
        Weights from `python -m model export-detector`. Default: the shipped weights.
    block : int
        Number of chunks that are computed together, a divisor of `STATE_CHUNKS`. More chunks are faster (4 take twice
        as long as 64); fewer have less delay. The size is fixed, so results do not depend on how the samples are split
        between calls. Other sizes differ only by rounding.
    """

    def __init__(self, path: Path = MODEL / "speech.npz", block: int = STATE_CHUNKS) -> None:
        if STATE_CHUNKS % block:
            raise ValueError(f"block must divide {STATE_CHUNKS}, and {block} does not")
        self._size = block * CHUNK
        self._network = _load(path)
        self._tail = np.zeros(_CONTEXT, np.float32)  # context, then samples of an incomplete block
        # Two LSTM states process all chunks. The older one gives the output; the newer one later replaces it.
        self._hidden = np.zeros((2, _WIDTH), np.float32)
        self._cell = np.zeros((2, _WIDTH), np.float32)
        self._age = 0  # samples since the start of the newer state

    def process(self, samples: Array) -> Array:
        """Process more samples.

        Parameters
        ----------
        samples : numpy.ndarray
            (n,) float32, mono, 16 kHz, in [-1, 1].

        Returns
        -------
        numpy.ndarray
            (k,) float32 in [0, 1]: the probabilities of the blocks that are now complete.
        """
        pending = np.concatenate([self._tail, samples])
        size = self._size
        complete = (len(pending) - _CONTEXT) // size
        blocks = [self._process_block(pending[i * size : (i + 1) * size + _CONTEXT]) for i in range(complete)]
        self._tail = pending[complete * size :].copy()
        return np.concatenate(blocks) if blocks else np.empty(0, np.float32)

    def finish(self) -> Array:
        """End the channel. Its last chunk is padded with silence.

        Returns
        -------
        numpy.ndarray
            (k,) float32 in [0, 1]: the remaining probabilities, fewer than a block.
        """
        remaining = len(self._tail) - _CONTEXT
        silence = np.zeros(self._size - remaining, np.float32)
        return self.process(silence)[: -(-remaining // CHUNK)]

    def _process_block(self, samples: Array) -> Array:
        if self._age == STATE_CHUNKS * CHUNK:
            self._hidden = np.stack([self._hidden[1], np.zeros(_WIDTH, np.float32)])
            self._cell = np.stack([self._cell[1], np.zeros(_WIDTH, np.float32)])
            self._age = 0
        outputs, self._cell = self._network.run(samples, self._hidden, self._cell)
        self._hidden = outputs[-1]
        self._age += self._size
        return self._network.decode(outputs[:, 0])


class _Network:
    """The network with its weights."""

    def __init__(self, weights: dict[str, Array]) -> None:
        self._weights = weights
        self._silence: dict[tuple[int, bytes, bytes], tuple[Array, Array]] = {}
        # sigmoid(2 x) = (1 + tanh(x)) / 2. With halved weights, one tanh computes all four gates.
        scale = np.repeat(np.array([0.5, 0.5, 0.5, 1], np.float32), _WIDTH)
        self._input = weights["lstm_input"] * scale
        self._bias = weights["lstm_bias"] * scale
        self._recurrent = np.ascontiguousarray(weights["lstm_recurrent"] * scale)

    def run(self, samples: Array, hidden: Array, cell: Array) -> tuple[Array, Array]:
        """Return the outputs of both LSTM states for a block of samples, and the new cell state; as in `run_lstm`.

        Digital silence, such as a gap, a muted channel, or an unused one, repeats from a given state. It is computed
        once, because the time of silence should not cost as much as the time of speech.
        """
        if samples.any():
            return self.run_lstm(self.encode(samples), hidden, cell)
        key = len(samples), hidden.tobytes(), cell.tobytes()
        found = self._silence.get(key)
        if found is None:
            if len(self._silence) >= _MAX_SILENCES:
                self._silence.clear()
            found = self._silence[key] = self.run_lstm(self.encode(samples), hidden, cell)
        return found

    def encode(self, samples: Array) -> Array:
        """Return the (k, 512) inputs of the LSTM's gates for (64 + 512 k,) samples."""
        count = (len(samples) - _CONTEXT) // CHUNK
        # The first convolution is padded with a frame of zeros on both sides, the second on the left.
        padded = np.zeros((count, 6, _BINS), np.float32)
        padded[:, 1:5] = _spectra(samples)
        x = self._layer("conv1", _windows(padded, 4, 3, 1))
        padded = np.zeros((count, 5, _WIDTH), np.float32)
        padded[:, 1:] = x.reshape(count, 4, _WIDTH)
        x = self._layer("conv2", _windows(padded, 2, 3, 2))
        x = self._layer("conv3", x.reshape(count, -1))
        x = self._layer("conv4", x)
        gates: Array = x @ self._input + self._bias
        return gates

    def _layer(self, name: str, x: Array) -> Array:
        y = x @ self._weights[name]
        y += self._weights[f"{name}_bias"]
        return np.maximum(y, 0, out=y)

    def run_lstm(self, inputs: Array, hidden: Array, cell: Array) -> tuple[Array, Array]:
        """Run both LSTM states over the inputs of the gates.

        The loop allocates no arrays: for vectors this short, an allocation takes longer than the arithmetic.

        Parameters
        ----------
        inputs : numpy.ndarray
            (k, 512), from `encode`.
        hidden, cell : numpy.ndarray
            (2, 128): the two states.

        Returns
        -------
        tuple of (numpy.ndarray, numpy.ndarray)
            Outputs (k, 2, 128), the last of which is the new hidden state, and the new cell state (2, 128).
        """
        cell = cell.copy()
        outputs = np.empty((len(inputs), 2, _WIDTH), np.float32)
        sums = np.empty((2, 4 * _WIDTH), np.float32)
        by_gate = sums.reshape(2, 4, _WIDTH).transpose(1, 0, 2)
        gates = np.empty((4, 2, _WIDTH), np.float32)
        sigmoids = gates[:3]
        input_gate, output_gate, forget_gate, candidate = gates
        temporary = np.empty((2, _WIDTH), np.float32)
        # Two vector products are four times as fast as one product of both rows, for which NumPy copies the matrix.
        older, newer = hidden
        for chunk_inputs, output in zip(inputs, outputs, strict=True):
            np.dot(older, self._recurrent, out=sums[0])
            np.dot(newer, self._recurrent, out=sums[1])
            sums += chunk_inputs
            np.tanh(by_gate, out=gates)
            sigmoids += 1
            sigmoids *= _HALF
            cell *= forget_gate
            cell += np.multiply(input_gate, candidate, out=temporary)
            older, newer = np.multiply(output_gate, np.tanh(cell, out=temporary), out=output)
        return outputs, cell

    def decode(self, outputs: Array) -> Array:
        """Return (k,) probabilities for (k, 128) outputs of an LSTM."""
        logits = np.maximum(outputs, 0) @ self._weights["output"] + self._weights["output_bias"]
        probabilities: Array = 1 / (1 + np.exp(-logits))
        return probabilities


def _spectra(samples: Array) -> Array:
    """Return the magnitude spectra (k, 4, 129) of the four frames of each chunk."""
    (stride,) = samples.strides
    count = (len(samples) - _CONTEXT) // CHUNK
    chunks = as_strided(samples, (count, _CONTEXT + CHUNK), (CHUNK * stride, stride))
    # The last frame extends beyond the end of the chunk. As in training, the samples are reflected there.
    chunks = np.concatenate([chunks, chunks[:, -2 : -2 - _CONTEXT : -1]], axis=1)
    frames = as_strided(chunks, (count, 4, _FRAME), (chunks.strides[0], _HOP * stride, stride))
    spectrum = np.fft.rfft(frames * _WINDOW)
    magnitudes: Array = np.sqrt(spectrum.real**2 + spectrum.imag**2)
    return magnitudes


def _windows(frames: Array, count: int, length: int, hop: int) -> Array:
    """Return the input rows of a convolution over (chunks, frames, width): (chunks * count, length * width)."""
    chunk, frame, item = frames.strides
    width = frames.shape[2]
    shape = (len(frames), count, length * width)
    return as_strided(frames, shape, (chunk, hop * frame, item)).reshape(-1, length * width)


@cache
def _load(path: Path) -> _Network:
    with np.load(path) as arrays:
        return _Network({name: arrays[name].astype(np.float32) for name in arrays})
