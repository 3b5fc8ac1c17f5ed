"""Speech probabilities of the detector."""

import numpy as np
import pytest

from callmood.speech.silero import CHUNK, SileroDetector, _Network

RATE = 16_000


def vowels(seconds):
    """Return a harmonic signal with variable pitch and formants."""
    t = np.arange(round(seconds * RATE)) / RATE
    pitch = 2 * np.pi * (120 * t - 3 * np.cos(2 * np.pi * 1.5 * t))
    low, high = 500 + 250 * np.sin(2 * np.pi * 2 * t), 1500 + 500 * np.cos(2 * np.pi * 3 * t)
    signal = sum(
        np.cos(k * pitch) * (np.exp(-(((k * 120 - low) / 150) ** 2)) + 0.5 * np.exp(-(((k * 120 - high) / 200) ** 2)))
        for k in range(1, 30)
    )
    return (0.1 * signal * np.sin(2 * np.pi * 2 * t) ** 2).astype(np.float32)


def test_probabilities_equal_those_of_the_published_network():
    """Expected: silero_vad_16k_op15.onnx of Silero VAD 6.2.3 in onnxruntime, first 64 chunks."""
    # fmt: off
    published = [
        0.01, 0.04, 0.35, 0.81, 0.85, 0.90, 0.95, 0.97, 0.96, 0.99, 0.99, 0.99, 0.99, 0.99, 0.99, 1.00,
        0.99, 0.96, 0.91, 0.89, 0.84, 0.82, 0.81, 0.78, 0.71, 0.90, 0.91, 0.93, 0.97, 0.98, 0.99, 0.99,
        0.95, 0.91, 0.84, 0.77, 0.82, 0.75, 0.72, 0.75, 0.86, 0.95, 0.96, 0.96, 0.96, 0.96, 0.95, 0.93,
        0.93, 0.86, 0.81, 0.83, 0.81, 0.83, 0.86, 0.81, 0.90, 0.96, 0.96, 0.95, 0.92, 0.95, 0.94, 0.87,
    ]
    # fmt: on
    np.testing.assert_allclose(SileroDetector(block=64).process(vowels(64 * 0.032)), published, atol=0.01)


@pytest.mark.parametrize("seconds", [0, 0.001, 1.9, 2.048, 5, 40])
@pytest.mark.parametrize("block", [2, 64, 128])
def test_blocks_of_every_size_give_the_same_probabilities(block, seconds):
    signal = np.concatenate([vowels(10), np.zeros(3 * RATE, np.float32)] * 4)[: round(seconds * RATE)]
    whole, other = SileroDetector(), SileroDetector(block=block)
    expected = np.concatenate([whole.process(signal), whole.finish()])
    found = np.concatenate([*map(other.process, np.array_split(signal, 7)), other.finish()])
    assert len(expected) == -(-len(signal) // CHUNK)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_digital_silence_is_computed_once_with_equal_results(monkeypatch):
    noise = np.random.default_rng(0).normal(0, 0.1, 7 * RATE).astype(np.float32)
    signal = np.concatenate([noise, np.zeros(60 * RATE, np.float32), noise, np.zeros(60 * RATE, np.float32)])
    computed = []
    encode = _Network.encode
    monkeypatch.setattr(_Network, "encode", lambda self, chunks: computed.append(len(chunks)) or encode(self, chunks))
    repeated = SileroDetector().process(signal)
    chunks = sum(computed)
    np.testing.assert_allclose(repeated, SileroDetector().process(signal + np.float32(1e-20)), atol=1e-5)
    assert chunks < 0.3 * (sum(computed) - chunks)
