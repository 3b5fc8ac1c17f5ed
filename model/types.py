"""Names that commands, configurations, and training code share."""

from __future__ import annotations

from typing import Literal

CorpusName = Literal["cremad", "emodb", "ravdess", "savee", "tess", "calm", "csv"]
Split = Literal["train", "valid", "test"]
