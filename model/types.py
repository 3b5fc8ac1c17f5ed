"""Names that commands, configurations, and training code share."""

from __future__ import annotations

from typing import Literal

CorpusName = Literal["cremad", "emodb", "ravdess", "savee", "tess", "synthetic", "csv"]
Split = Literal["train", "valid", "test"]
Channel = Literal["clean", "telephone", "random_telephone"]
Crop = Literal["whole", "speech", "random"]

Runtime = Literal["ai-edge-litert", "tflite-runtime"]
"""type: a TFLite runtime; `callmood.emotion.model.RUNTIMES` has its module."""
