"""Recordings in Cloud Storage: fetch, delete, and sign URLs of objects."""

from __future__ import annotations

import hashlib
import io
import zlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from google.api_core.exceptions import NotFound
from google.auth.exceptions import GoogleAuthError
from google.cloud.storage import Blob, Client
from google.cloud.storage.retry import DEFAULT_RETRY

from callmood.config import AnalysisConfig
from callmood.errors import BadRecording, CallmoodError
from callmood.names.start_times import is_accepted
from callmood.sources.folder import too_large
from callmood.sources.legs import join_legs, without_other_leg
from callmood.sources.metadata import call_metadata
from callmood.types import CallMetadata, ObjectRef, Recording

_RETRY = DEFAULT_RETRY.with_timeout(60.0)
_REQUEST_TIMEOUT_S = 60.0
_UNPACK_BYTES = 2**16
_GZIP = 16 + zlib.MAX_WBITS


def _blob(client: Client, ref: ObjectRef) -> Blob:
    return client.bucket(ref.bucket).blob(ref.name, generation=ref.generation)


def fetch(client: Client, ref: ObjectRef, config: AnalysisConfig) -> Recording:
    """Fetch one generation of an object, with its metadata, and verify its checksum.

    The content stays in memory, because the disk of a function is memory too. Content that is stored with gzip encoding
    is unpacked here, up to the size limit, instead of by the client, which has no limit.

    Parameters
    ----------
    client : Client
        Reads the bucket.
    ref : ObjectRef
        The generation to fetch.
    config : AnalysisConfig
        Size limit, file name pattern, and time zone.

    Returns
    -------
    Recording
        Its audio is bytes.

    Raises
    ------
    BadRecording
        The generation no longer exists, is encrypted with a key of the customer, or is larger than
        `config.max_size_bytes`, packed or unpacked.
    google.api_core.exceptions.GoogleAPIError, google.cloud.storage.exceptions.DataCorruption
        Cloud Storage did not answer, denied access, or sent damaged content. A retry can succeed.
    """
    metadata, blob = _blob(client, ref), _blob(client, ref)
    try:
        metadata.reload(retry=_RETRY, timeout=_REQUEST_TIMEOUT_S)
        if metadata.size > config.max_size_bytes:
            raise too_large(metadata.size, config)
        if "customerEncryption" in metadata._properties:  # the client has no public property for it
            raise BadRecording(
                "encrypted",
                "The object is encrypted with a customer-supplied key, which callmood does not have. Upload it without "
                "a key, or use a key of Cloud KMS.",
            )
        # A blob with loaded metadata downloads from its media link, which may lack the generation. `blob` has none.
        audio = blob.download_as_bytes(checksum="crc32c", retry=_RETRY, timeout=_REQUEST_TIMEOUT_S, raw_download=True)
    except NotFound:
        raise BadRecording(
            "gone",
            "The object was deleted or replaced before it could be analyzed. "
            "A replacement has its own event; upload a deleted object again.",
        ) from None
    if metadata.content_encoding == "gzip":
        audio = unpack(audio, config)
    return Recording(
        ref=ref,
        audio=audio,
        size_bytes=len(audio),
        content_sha256=hashlib.sha256(audio).hexdigest(),
        uploaded_at=metadata.time_created,
        call=_checked(call_metadata(ref.name, metadata.metadata or {}, config), metadata.time_created),
    )


@dataclass(frozen=True)
class StoredObject:
    """The current generation of an object.

    Parameters
    ----------
    ref : ObjectRef
        That generation.
    created_at : datetime
        Its creation time, with its time zone.
    is_empty : bool
        Whether it has no bytes.
    """

    ref: ObjectRef
    created_at: datetime
    is_empty: bool


def find_current(client: Client, bucket: str, name: str) -> StoredObject | None:
    """Return the current generation of an object, or None if the object does not exist.

    Parameters
    ----------
    client : Client
        Reads the bucket.
    bucket, name : str
        The object.

    Raises
    ------
    google.api_core.exceptions.GoogleAPIError
        Cloud Storage did not answer, or denied access.
    """
    blob = client.bucket(bucket).get_blob(name, retry=_RETRY, timeout=_REQUEST_TIMEOUT_S)
    return StoredObject(ObjectRef(bucket, name, blob.generation), blob.time_created, not blob.size) if blob else None


def fetch_legs(
    client: Client, ref: ObjectRef, other: ObjectRef | None, agent: str, config: AnalysisConfig
) -> Recording:
    """Fetch both legs of a call, or one leg alone.

    Parameters
    ----------
    client : Client
        Reads the bucket.
    ref : ObjectRef
        The leg that identifies the call.
    other : ObjectRef or None
        The other leg; None if there is none.
    agent : str
        Name of the leg that is the first channel.
    config : AnalysisConfig
        As for `fetch`. The size limit applies to both legs together.

    Raises
    ------
    BadRecording
        As `fetch`, for either leg.
    """
    leg = fetch(client, ref, config)
    if other is None:
        return without_other_leg(leg)
    second = fetch(client, other, config.model_copy(update={"max_size_bytes": config.max_size_bytes - leg.size_bytes}))
    return join_legs([leg, second] if ref.name == agent else [second, leg], ref)


def unpack(packed: bytes, config: AnalysisConfig) -> bytes:
    """Unpack gzip content, and stop at the size limit.

    Parameters
    ----------
    packed : bytes
        One or several gzip members (RFC 1952).
    config : AnalysisConfig
        Size limit.

    Returns
    -------
    bytes
        The content.

    Raises
    ------
    BadRecording
        `too_large` or `damaged`.
    """
    output, member = io.BytesIO(), zlib.decompressobj(_GZIP)
    try:
        for start in range(0, len(packed), _UNPACK_BYTES):
            data = packed[start : start + _UNPACK_BYTES]
            while data:
                if member.eof:
                    member = zlib.decompressobj(_GZIP)
                output.write(member.decompress(data, _UNPACK_BYTES))
                data = member.unused_data if member.eof else member.unconsumed_tail
                if output.tell() > config.max_size_bytes:
                    raise too_large(output.tell(), config)
    except zlib.error:
        raise BadRecording(
            "damaged", "The content encoding of the object is gzip, but its content is damaged. Upload it again."
        ) from None
    return output.getvalue()


def _checked(call: CallMetadata, uploaded_at: datetime) -> CallMetadata:
    """Move a start time that BigQuery rejects to the labels, so that a wrong clock of a recorder causes no failure."""
    if call.started_at is None or is_accepted(call.started_at, uploaded_at):
        return call
    return replace(
        call,
        started_at=None,
        started_at_source=None,
        labels={**call.labels, "started_at": call.started_at.isoformat()},
        warnings=(*call.warnings, "start_unread"),
    )


def delete(client: Client, ref: ObjectRef) -> bool:
    """Delete one generation of an object.

    Parameters
    ----------
    client : Client
        May delete from the bucket.
    ref : ObjectRef
        The generation to delete. Other generations remain.

    Returns
    -------
    bool
        Whether it existed.

    Raises
    ------
    google.api_core.exceptions.GoogleAPIError
        Cloud Storage did not answer, or denied the deletion, for example because of a retention policy or a hold.
    """
    try:
        _blob(client, ref).delete(retry=_RETRY, timeout=_REQUEST_TIMEOUT_S)
    except NotFound:
        return False
    return True


def signed_url(client: Client, bucket: str, name: str, hours: int) -> str:
    """Return a URL that gives temporary access to an object without credentials.

    Parameters
    ----------
    client : Client
        Its credentials sign the URL.
    bucket, name : str
        The object. Its existence is not checked.
    hours : int
        Lifetime, 1 to 168 (the limit of Cloud Storage).

    Raises
    ------
    CallmoodError
        The credentials cannot sign.
    """
    try:
        url = client.bucket(bucket).blob(name).generate_signed_url(version="v4", expiration=timedelta(hours=hours))
    except (AttributeError, GoogleAuthError) as error:  # AttributeError: credentials without a key to sign with
        raise CallmoodError(
            "these credentials cannot sign URLs; use a service account with read access to the bucket: "
            f"gcloud auth application-default login --impersonate-service-account=ACCOUNT ({error})"
        ) from None
    return str(url)
