"""Types and constants that the whole package shares."""

from __future__ import annotations

import re
from typing import Any, Literal

SAMPLE_RATE = 16_000
"""int: sample rate of all audio inside callmood, in Hz."""

EMOTIONS = ("anger", "disgust", "fear", "happiness", "neutral", "sadness")
"""tuple of str: emotions that the model distinguishes, in the order of its probabilities."""

Role = Literal["agent", "customer", "mixed"]
ROLES: tuple[Role, ...] = ("agent", "customer", "mixed")
"""tuple of str: roles of a channel; a ``mixed`` channel carries both parties."""

JsonRow = dict[str, Any]
"""type: one row of a table, with values that JSON can hold."""

MODEL_VERSION = re.compile(r"[0-9a-f]{12}")
"""re.Pattern: format of `EmotionModel.version`."""

FINALIZED = "OBJECT_FINALIZE"
"""str: Cloud Storage's event type for a new object."""

DELETED = "OBJECT_DELETE"
"""str: Cloud Storage's event type for a deleted or overwritten object."""
