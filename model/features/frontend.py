"""Input features of training: log-mel spectrograms, or the output of a frozen frontend."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from callmood.emotion.log_mel import log_mel

MAX_FRAMES = 800
"""int: 8 s, the longest segment."""


class Spectrogram:
    """Computes log-mel spectrograms of (frames, 80) in half precision, cut or zero-padded to a fixed length."""

    def __init__(self, frames: int) -> None:
        self.version = f"log-mel, {frames} frames"
        self._frames = frames

    def embed(self, samples: NDArray[np.float32]) -> NDArray[np.float16]:
        """Return the spectrogram of one clip."""
        mel = log_mel(samples)[: self._frames]
        return np.pad(mel, ((0, self._frames - len(mel)), (0, 0))).astype(np.float16)


class FrozenFrontend:
    """Runs the frozen frontend as in serving, so that training sees its int8 rounding."""

    def __init__(self, file: Path) -> None:
        content = file.read_bytes()
        self.version = hashlib.sha256(content).hexdigest()[:12]
        self._run = Interpreter(model_content=content, num_threads=1).get_signature_runner("embed")

    def embed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the frontend's output for one clip."""
        features: NDArray[np.float32] = self._run(mel=log_mel(samples)[None, :MAX_FRAMES])["embedding"][0]
        return features
