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

Role = Literal["agent", "customer", "mixed", "unknown"]
ROLES: tuple[Role, ...] = ("agent", "customer", "mixed", "unknown")
"""tuple of str: roles of a channel or a segment; a ``mixed`` channel carries several parties."""

JsonRow = dict[str, Any]
"""type: one row of a table, with values that JSON can represent."""

StartSource = Literal["metadata", "name", "details", "upload", "file"]
"""type: source of the start of a call; upload and file times are not the start."""

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
        Cloud Storage's generation; for a local file, a number that grows with each new content of the file.

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


def text_sha256(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8: 64 hexadecimal digits, as `TO_HEX(SHA256(text))` returns in views."""
    return hashlib.sha256(text.encode()).hexdigest()


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
        Cloud Storage's generation; for a local file, a number that grows with each new content of the file.
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

    @property
    def object_sha256(self) -> str:
        """Return the SHA-256 of the URI, which identifies the object in rows that must not contain its name."""
        return text_sha256(self.uri)


METADATA_WARNINGS = {
    "start_unread": "The start time in the name or metadata is ambiguous, has an unknown format, or is outside the "
    "calendar. The time of the upload or file replaces it.",
    "leg_missing": "The recording is one leg of a call, and the other leg is empty, or did not arrive in time "
    "(`LEG_WAIT_S`). When it arrives, the complete call replaces this result.",
}
"""dict of str to str: every warning about the metadata of a call, and its meaning."""


@dataclass(frozen=True)
class CallMetadata:
    """Metadata of a call from the telephone system; None for unknown values.

    Parameters
    ----------
    call_id, agent_id, queue, customer_id, direction, language : str or None
        As given. The direction is ``inbound`` or ``outbound``; the language is a BCP 47 tag.
    started_at : datetime or None
        Start of the call, with its time zone.
    started_at_source : {"metadata", "name"} or None
        Source of `started_at`.
    channel_roles : tuple of str or None
        Roles of channels 0, 1, …, if the object's metadata states them.
    labels : mapping of str to str
        All other metadata, such as ``product`` or ``campaign``.
    warnings : tuple of str
        Codes of `METADATA_WARNINGS`.
    """

    call_id: str | None = None
    agent_id: str | None = None
    queue: str | None = None
    customer_id: str | None = None
    started_at: datetime | None = None
    started_at_source: StartSource | None = None
    direction: str | None = None
    language: str | None = None
    channel_roles: tuple[Role, ...] | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class LegAudio:
    """The audio of one leg of a call that is recorded as one file per party.

    Parameters
    ----------
    ref : ObjectRef
        Its origin.
    audio : Path or bytes
        The encoded file.
    content_sha256 : str
        SHA-256 of the encoded file, 64 hexadecimal digits.
    """

    ref: ObjectRef
    audio: Path | bytes
    content_sha256: str


@dataclass(frozen=True)
class Recording:
    """A recording to analyze: its audio and its metadata.

    Parameters
    ----------
    ref : ObjectRef
        Its origin.
    audio : Path or bytes
        The encoded file; of several legs, the first.
    size_bytes : int
        Length of the encoded file, or of all legs.
    content_sha256 : str
        SHA-256 of the encoded file, 64 hexadecimal digits. Of several legs, a hash of their hashes.
    uploaded_at : datetime
        Creation time of this generation, with its time zone.
    call : CallMetadata
        Metadata from the telephone system.
    legs : tuple of LegAudio
        Both legs of a call with one file per party, each of which is a channel; otherwise empty.
    """

    ref: ObjectRef
    audio: Path | bytes
    size_bytes: int
    content_sha256: str
    uploaded_at: datetime
    call: CallMetadata = CallMetadata()
    legs: tuple[LegAudio, ...] = ()
