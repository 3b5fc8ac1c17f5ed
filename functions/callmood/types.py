"""Types and constants that the whole package shares."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

SAMPLE_RATE = 16_000
"""int: sample rate of all audio inside callmood, in Hz."""

EMOTIONS = ("anger", "disgust", "fear", "happiness", "neutral", "sadness")
"""tuple of str: emotions that the model distinguishes, in the order of its probabilities."""

Role = Literal["agent", "customer", "mixed"]
ROLES: tuple[Role, ...] = ("agent", "customer", "mixed")
"""tuple of str: roles of a channel; a ``mixed`` channel carries both parties."""

JsonRow = dict[str, Any]
"""type: one row of a table, with values that JSON can represent."""

MODEL_VERSION = re.compile(r"[0-9a-f]{12}")
"""re.Pattern: format of `EmotionModel.version`."""

FINALIZED = "OBJECT_FINALIZE"
"""str: Cloud Storage's event type for a new object."""

DELETED = "OBJECT_DELETE"
"""str: Cloud Storage's event type for a deleted or overwritten object."""


def recording_id(bucket: str, name: str, generation: int) -> str:
    """Return the deterministic ID of one generation of one object.

    Parameters
    ----------
    bucket : str
        Bucket of the object; empty for a local file.
    name : str
        Object name, or absolute path of a local file.
    generation : int
        Cloud Storage's generation; modification time in nanoseconds for a local file.

    Returns
    -------
    str
        32 hexadecimal digits.

    Examples
    --------
    >>> recording_id("calls", "2026/a.wav", 1)
    '77328980de64de0b6448f15c70072e69'
    """
    # NUL cannot occur in a bucket or object name, so no two inputs share a joined string.
    return hashlib.sha256(f"{bucket}\0{name}\0{generation}".encode()).hexdigest()[:32]


@dataclass(frozen=True)
class ObjectRef:
    """Reference to one generation of a stored object.

    Parameters
    ----------
    bucket : str
        Empty for a local file.
    name : str
        Object name, or absolute path of a local file.
    generation : int
        Cloud Storage's generation; modification time in nanoseconds for a local file.
    """

    bucket: str
    name: str
    generation: int

    @property
    def recording_id(self) -> str:
        """Return the ID of this generation of this object: 32 hexadecimal digits."""
        return recording_id(self.bucket, self.name, self.generation)

    @property
    def uri(self) -> str:
        """Return ``gs://bucket/name``, or ``file:///path`` for a local file."""
        return f"gs://{self.bucket}/{self.name}" if self.bucket else Path(self.name).as_uri()


@dataclass(frozen=True)
class CallMetadata:
    """Metadata of a call from the telephone system; None for unknown values.

    Parameters
    ----------
    call_id, agent_id, queue, customer_id, direction, language : str or None
        As given. The direction is ``inbound`` or ``outbound``; the language is a BCP 47 tag.
    started_at : datetime or None
        Start of the call, with its time zone.
    channel_roles : tuple of str or None
        Roles of channels 0, 1, …, if the object's metadata states them.
    labels : mapping of str to str
        All other metadata, such as ``product`` or ``campaign``.
    """

    call_id: str | None = None
    agent_id: str | None = None
    queue: str | None = None
    customer_id: str | None = None
    started_at: datetime | None = None
    direction: str | None = None
    language: str | None = None
    channel_roles: tuple[Role, ...] | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Recording:
    """A recording to analyze: its audio and its metadata.

    Parameters
    ----------
    ref : ObjectRef
        Its origin.
    audio : Path or bytes
        The encoded file.
    size_bytes : int
        Length of the encoded file.
    content_sha256 : str
        SHA-256 of the encoded file, 64 hexadecimal digits.
    uploaded_at : datetime
        Creation time of this generation, with its time zone.
    call : CallMetadata
        Metadata from the telephone system.
    """

    ref: ObjectRef
    audio: Path | bytes
    size_bytes: int
    content_sha256: str
    uploaded_at: datetime
    call: CallMetadata = CallMetadata()
