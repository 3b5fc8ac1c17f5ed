"""What a recording is, before anyone listens to it: its place, its identity and what is known of its call."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath

from callmood.types import Role

_SIDE_SUFFIXES = {
    *(".json", ".jsonl", ".xml", ".csv", ".tsv", ".txt", ".log", ".srt", ".vtt"),  # metadata and transcripts
    *(".md", ".html", ".pdf", ".docx", ".xlsx", ".md5", ".sha256"),
    *(".tmp", ".part", ".crdownload"),  # unfinished uploads
}


def is_sidecar(name: str) -> bool:
    """Whether an object lies beside recordings and is none itself, told from its name alone.

    Folders (a name that ends in a slash), hidden files and anything below a path part that begins with a dot or
    an underscore, and what recorders write beside audio: transcripts, metadata, checksums, unfinished uploads.
    Any other name, whatever its suffix, is taken for a recording and judged by its bytes.

    Parameters
    ----------
    name : str
        Object name, or path below the folder.

    Examples
    --------
    >>> [is_sidecar(n) for n in ("2026/a.wav", "2026/a.wav.json", "2026/", "_done/a.wav", "a")]
    [False, True, True, True, False]
    """
    path = PurePosixPath(name)
    return (
        name.endswith("/")
        or any(part.startswith((".", "_")) for part in path.parts)
        or path.suffix.lower() in _SIDE_SUFFIXES
    )


def recording_id(bucket: str, name: str, generation: int) -> str:
    """Id of one object's one generation: the same input gives the same id, always.

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
    """One generation of one stored object.

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
        """32 hexadecimal digits that name this generation of this object."""
        return recording_id(self.bucket, self.name, self.generation)

    @property
    def uri(self) -> str:
        """``gs://bucket/name``, or ``file:///path`` for a local file."""
        return f"gs://{self.bucket}/{self.name}" if self.bucket else Path(self.name).as_uri()


@dataclass(frozen=True)
class CallMetadata:
    """What the telephone system knew of the call; None where it said nothing.

    Parameters
    ----------
    call_id, agent_id, queue, customer_id, direction, language : str or None
        As given; direction is ``inbound`` or ``outbound``, language a BCP 47 tag.
    started_at : datetime or None
        When the call began, with its time zone.
    channel_roles : tuple of str or None
        Roles of channels 0, 1, … where the object's metadata states them.
    labels : mapping of str to str
        Everything else, such as ``product`` or ``campaign``.
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
    """A recording in hand: its audio, and all that is known of it without listening.

    Parameters
    ----------
    ref : ObjectRef
        Where it came from.
    audio : Path or bytes
        The encoded file.
    size_bytes : int
        Length of the encoded file.
    content_sha256 : str
        64 hexadecimal digits over the encoded file.
    uploaded_at : datetime
        When this generation was created, with its time zone.
    call : CallMetadata
        What the telephone system knew.
    """

    ref: ObjectRef
    audio: Path | bytes
    size_bytes: int
    content_sha256: str
    uploaded_at: datetime
    call: CallMetadata = CallMetadata()
