"""Detect speech with the network of Silero VAD, in NumPy: one probability for each chunk of 32 ms.

The network (https://github.com/snakers4/silero-vad, version 6, MIT) applies four convolutions to the spectrum of a
chunk, then an LSTM. The convolutions run for many chunks in a few matrix products.

One difference: the state of the LSTM covers only the last 2 to 4 s. With unlimited state, the published network reacts
to a ringing tone or hold music for seconds after its end, and misses whole sentences that follow. Therefore the output
of a section of 2 s depends only on that section and the one before it, and the LSTM runs over many sections at once.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from callmood.resources import MODEL

Array = NDArray[np.float32]

CHUNK = 512
"""int: number of samples for one probability (32 ms at 16 kHz)."""

SECTION = 64
"""int: number of chunks (2 s) after which a new LSTM state starts."""

RECORDING_BLOCK = 12 * SECTION
"""int: number of chunks (25 s) that are computed together in a recording. More take more memory, hardly less time."""

_CONTEXT = 64  # samples before a chunk that are part of the network's input
_FRAME, _HOP, _BINS, _WIDTH = 256, 128, 129, 128
_WINDOW = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_FRAME) / _FRAME)).astype(np.float32)  # Hann
_HALF = np.float32(0.5)
_ENCODED = 256  # chunks whose convolutions are computed together: their arrays fit in the cache


class SileroDetector:
    """Compute the speech probabilities of one channel as its samples arrive.

    Parameters
    ----------
    path : Path, optional
        Weights from `python -m model export-detector`. Default: the shipped weights.
    block : int
        Number of chunks that are computed together, a multiple or a divisor of `SECTION`. More chunks are faster; fewer
        have less delay. The size is fixed, so results do not depend on how the samples are split between calls. Other
        sizes differ only by rounding.
    """

    def __init__(self, path: Path = MODEL / "speech.npz", block: int = RECORDING_BLOCK) -> None:
        if block % SECTION and SECTION % block:
            raise ValueError(f"block must be a multiple or a divisor of {SECTION}, and {block} is neither")
        self._size = block * CHUNK
        self._network = _load(path)
        self._pending = [np.zeros(_CONTEXT, np.float32)]  # context, then samples of an incomplete block
        self._run = _Sections(self._network) if block >= SECTION else _Chunks(self._network)

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
        self._pending.append(samples)
        size = self._size
        complete = (sum(map(len, self._pending)) - _CONTEXT) // size
        if not complete:
            return np.empty(0, np.float32)
        pending = np.concatenate(self._pending)
        blocks = [self._run.process(_chunks(pending[i * size :][: size + _CONTEXT])) for i in range(complete)]
        self._pending = [pending[complete * size :].copy()]
        return np.concatenate(blocks)

    def finish(self) -> Array:
        """End the channel. Its last chunk is padded with silence.

        Returns
        -------
        numpy.ndarray
            (k,) float32 in [0, 1]: the remaining probabilities, fewer than a block.
        """
        pending = np.concatenate(self._pending)
        remaining = len(pending) - _CONTEXT
        if not remaining:
            return np.empty(0, np.float32)
        padding = -remaining % min(self._size, SECTION * CHUNK)
        return self._run.process(_chunks(np.pad(pending, (0, padding))))[: -(-remaining // CHUNK)]


class _Sections:
    """Detect speech in whole sections: the LSTM runs over all of them at once, one column of its matrices for each."""

    def __init__(self, network: _Network) -> None:
        self._network = network
        self._features: Array | None = None  # of the last section
        self._probabilities = np.empty((1, SECTION), np.float32)  # of the last section
        self._silent = np.array([False, False])  # whether the last two sections are digital silence

    def process(self, chunks: Array) -> Array:
        """Return the probabilities (k,) of chunks (k, 576).

        Digital silence, such as a gap, a muted channel, or an unused one, is computed twice. Then it repeats.
        """
        sections = chunks.reshape(-1, SECTION, chunks.shape[1])
        silent = np.append(self._silent, ~sections.any(axis=(1, 2)))
        computed = ~(silent[:-2] & silent[1:-1] & silent[2:])
        rows = self._probabilities
        if computed.any():
            rows = np.concatenate([rows, self._detect(sections if computed.all() else sections[computed])])
        self._probabilities, self._silent = rows[-1:].copy(), silent[-2:]
        probabilities: Array = rows[np.cumsum(computed)].ravel()
        return probabilities

    def _detect(self, sections: Array) -> Array:
        """Return the probabilities (n, 64) of sections (n, 64, 576).

        The LSTM runs over the section before each one, from a zero state, and then over the section itself.
        """
        features = self._network.encode(sections.reshape(-1, sections.shape[2])).reshape(-1, SECTION, _WIDTH)
        before = np.zeros_like(features[0]) if self._features is None else self._features
        gates = self._network.gates(np.concatenate([before[None], features]).transpose(1, 2, 0))
        zero = np.zeros((_WIDTH, len(features)), np.float32)
        outputs, cell = self._network.run_lstm(gates[..., :-1], zero, zero)
        hidden = outputs[-1]
        if self._features is None:  # nothing precedes the first section
            hidden[:, 0] = cell[:, 0] = 0
        self._features = features[-1].copy()
        outputs, _ = self._network.run_lstm(gates[..., 1:], hidden, cell)
        return self._network.decode(outputs.transpose(2, 0, 1))


class _Chunks:
    """A few chunks at a time: two LSTM states process all of them. The older gives the output, the newer replaces it.

    The sections of both begin at the same chunks as in `_Sections`.
    """

    def __init__(self, network: _Network) -> None:
        self._network = network
        self._hidden = np.zeros((_WIDTH, 2), np.float32)
        self._cell = np.zeros((_WIDTH, 2), np.float32)
        self._age = 0  # chunks since the start of the newer state

    def process(self, chunks: Array) -> Array:
        """Return the probabilities (k,) of chunks (k, 576), all in one section."""
        if self._age == SECTION:
            self._hidden = np.pad(self._hidden[:, 1:], ((0, 0), (0, 1)))
            self._cell = np.pad(self._cell[:, 1:], ((0, 0), (0, 1)))
            self._age = 0
        gates = self._network.gates(self._network.encode(chunks)[:, :, None])
        outputs, self._cell = self._network.run_lstm(gates, self._hidden, self._cell)
        self._hidden = outputs[-1]
        self._age += len(chunks)
        return self._network.decode(outputs[..., 0])


class _Network:
    """The network with its weights."""

    def __init__(self, weights: dict[str, Array]) -> None:
        self._weights = weights
        # sigmoid(2 x) = (1 + tanh(x)) / 2. With halved weights, one tanh computes all four gates.
        scale = np.repeat(np.array([0.5, 0.5, 0.5, 1], np.float32), _WIDTH)
        self._input = np.ascontiguousarray((weights["lstm_input"] * scale).T)
        self._bias = (weights["lstm_bias"] * scale)[:, None]
        self._recurrent = np.ascontiguousarray((weights["lstm_recurrent"] * scale).T)

    def encode(self, chunks: Array) -> Array:
        """Return the features (k, 128) of chunks (k, 576), each with the 64 samples before it."""
        parts = [self._encode(chunks[first : first + _ENCODED]) for first in range(0, len(chunks), _ENCODED)]
        return np.concatenate(parts)

    def _encode(self, chunks: Array) -> Array:
        """Apply the convolutions, whose kernels cover three frames. A frame of padding is left out of the product."""
        count, kernel = len(chunks), self._weights["conv1"]
        frames = _spectra(chunks).reshape(count, -1)  # four frames side by side
        x = np.empty((count, 4, _WIDTH), np.float32)
        np.matmul(frames[:, : 2 * _BINS], kernel[_BINS:], out=x[:, 0])
        np.matmul(frames[:, : 3 * _BINS], kernel, out=x[:, 1])
        np.matmul(frames[:, _BINS:], kernel, out=x[:, 2])
        np.matmul(frames[:, 2 * _BINS :], kernel[: 2 * _BINS], out=x[:, 3])
        frames, kernel = self._activate("conv1", x).reshape(count, -1), self._weights["conv2"]
        x = np.empty((count, 2, _WIDTH // 2), np.float32)
        np.matmul(frames[:, : 2 * _WIDTH], kernel[_WIDTH:], out=x[:, 0])
        np.matmul(frames[:, _WIDTH:], kernel, out=x[:, 1])
        x = self._activate("conv2", x).reshape(count, -1)
        x = self._activate("conv3", x @ self._weights["conv3"])
        return self._activate("conv4", x @ self._weights["conv4"])

    def _activate(self, name: str, x: Array) -> Array:
        x += self._weights[f"{name}_bias"]
        return np.maximum(x, 0, out=x)

    def gates(self, features: Array) -> Array:
        """Return the inputs (k, 512, n) of the LSTM's gates for features (k, 128, n)."""
        gates: Array = np.matmul(self._input, np.ascontiguousarray(features))
        gates += self._bias
        return gates

    def run_lstm(self, inputs: Array, hidden: Array, cell: Array) -> tuple[Array, Array]:
        """Run n LSTM states over the inputs of their gates.

        The loop allocates no arrays: for arrays this small, an allocation takes longer than the arithmetic.

        Parameters
        ----------
        inputs : numpy.ndarray
            (k, 512, n) from `gates`, or (k, 512, 1): the same for all states.
        hidden, cell : numpy.ndarray
            (128, n): the states.

        Returns
        -------
        tuple of (numpy.ndarray, numpy.ndarray)
            Outputs (k, 128, n), the last of which is the new hidden state, and the new cell state (128, n).
        """
        cell = cell.copy()
        outputs = np.empty((len(inputs), *hidden.shape), np.float32)
        gates = np.empty((4 * _WIDTH, hidden.shape[1]), np.float32)
        sigmoids = gates[: 3 * _WIDTH]
        input_gate, output_gate, forget_gate, candidate = gates.reshape(4, *hidden.shape)
        temporary = np.empty_like(cell)
        for chunk_inputs, output in zip(inputs, outputs, strict=True):
            np.matmul(self._recurrent, hidden, out=gates)
            gates += chunk_inputs
            np.tanh(gates, out=gates)
            sigmoids += 1
            sigmoids *= _HALF
            cell *= forget_gate
            cell += np.multiply(input_gate, candidate, out=temporary)
            hidden = np.multiply(output_gate, np.tanh(cell, out=temporary), out=output)
        return outputs, cell

    def decode(self, outputs: Array) -> Array:
        """Return probabilities (...) for outputs (..., 128) of an LSTM."""
        logits = np.maximum(outputs, 0) @ self._weights["output"] + self._weights["output_bias"]
        probabilities: Array = 1 / (1 + np.exp(-logits))
        return probabilities


def _chunks(samples: Array) -> Array:
    """Return the chunks (k, 576) of (64 + 512 k,) samples, each with the 64 samples before it."""
    return sliding_window_view(samples, _CONTEXT + CHUNK)[::CHUNK]


def _spectra(chunks: Array) -> Array:
    """Return the magnitude spectra (k, 4, 129) of the four frames of each chunk (k, 576)."""
    # The last frame extends beyond the end of the chunk. As in training, the samples are reflected there.
    extended = np.concatenate([chunks, chunks[:, -2 : -2 - _CONTEXT : -1]], axis=1)
    frames = sliding_window_view(extended, _FRAME, axis=1)[:, ::_HOP]
    magnitudes: Array = np.abs(scipy.fft.rfft(frames * _WINDOW))
    return magnitudes


@cache
def _load(path: Path) -> _Network:
    with np.load(path) as arrays:
        return _Network({name: arrays[name].astype(np.float32) for name in arrays})
