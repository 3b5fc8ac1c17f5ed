"""What training reads of a clip: its spectrogram, or what a frozen front makes of it."""

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
    """Hands on the log-mel spectrogram, (frames, 80) in half precision, cut or padded with zeros to so many frames."""

    def __init__(self, frames: int) -> None:
        self.version = f"log-mel, {frames} frames"
        self._frames = frames

    def embed(self, samples: NDArray[np.float32]) -> NDArray[np.float16]:
        """Hear one clip."""
        mel = log_mel(samples)[: self._frames]
        return np.pad(mel, ((0, self._frames - len(mel)), (0, 0))).astype(np.float16)


class Front:
    """Runs a frozen front as it will serve, so that what follows learns on what it will see, int8 rounding included."""

    def __init__(self, file: Path) -> None:
        content = file.read_bytes()
        self.version = hashlib.sha256(content).hexdigest()[:12]
        self._run = Interpreter(model_content=content, num_threads=1).get_signature_runner("embed")

    def embed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Hear one clip."""
        features: NDArray[np.float32] = self._run(mel=log_mel(samples)[None, :MAX_FRAMES])["embedding"][0]
        return features
