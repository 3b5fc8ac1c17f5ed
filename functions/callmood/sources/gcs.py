"""Cloud Storage in a folder's place: one generation of an object, fetched as a recording."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta

from google.api_core.exceptions import NotFound
from google.auth.exceptions import GoogleAuthError
from google.cloud.storage import Blob, Client
from google.cloud.storage.retry import DEFAULT_RETRY

from callmood.config import AnalysisConfig
from callmood.errors import BadRecording, CallmoodError
from callmood.sources.folder import too_large
from callmood.sources.metadata import call_metadata
from callmood.types import CallMetadata, ObjectRef, Recording

_RETRY = DEFAULT_RETRY.with_timeout(60.0)
_REQUEST_TIMEOUT_S = 60.0

# BigQuery refuses streamed rows of other days: https://cloud.google.com/bigquery/docs/streaming-data-into-bigquery
_OLDEST, _NEWEST = timedelta(days=-3650), timedelta(days=364)


def _blob(client: Client, ref: ObjectRef) -> Blob:
    return client.bucket(ref.bucket).blob(ref.name, generation=ref.generation)


def fetch(client: Client, ref: ObjectRef, config: AnalysisConfig) -> Recording:
    """Fetch exactly one generation of an object: its bytes, checked against Cloud Storage's checksum, and its metadata.

    The bytes stay in memory: a function's disk is memory too.

    Parameters
    ----------
    client : Client
        Reads the bucket.
    ref : ObjectRef
        The generation.
    config : AnalysisConfig
        Size limit, file-name pattern and time zone.

    Returns
    -------
    Recording
        Its audio is bytes.

    Raises
    ------
    BadRecording
        The generation is gone, or larger than `config.max_size_bytes` (and then not fetched).
    google.api_core.exceptions.GoogleAPIError, google.cloud.storage.exceptions.DataCorruption
        Cloud Storage did not answer, refused, or sent damaged bytes: another attempt may succeed.
    """
    known, blob = _blob(client, ref), _blob(client, ref)
    try:
        known.reload(retry=_RETRY, timeout=_REQUEST_TIMEOUT_S)
        if known.size > config.max_size_bytes:
            raise too_large(known.size, config)
        # Not by `known`: it would read from the link that came with its metadata, which need not name the generation.
        audio = blob.download_as_bytes(checksum="crc32c", retry=_RETRY, timeout=_REQUEST_TIMEOUT_S)
    except NotFound:
        raise BadRecording(
            "gone",
            "The object was deleted or replaced before it could be analyzed. "
            "A replacement is analyzed by its own event; a deleted one must be uploaded again.",
        ) from None
    return Recording(
        ref=ref,
        audio=audio,
        size_bytes=len(audio),
        content_sha256=hashlib.sha256(audio).hexdigest(),
        uploaded_at=known.time_created,
        call=_believed(call_metadata(ref.name, known.metadata or {}, config), known.time_created),
    )


def _believed(call: CallMetadata, uploaded_at: datetime) -> CallMetadata:
    """Keep a start that no row could have as a label: a recorder whose clock stands at 1970 must not cost its calls."""
    if call.started_at is None or _OLDEST < call.started_at - uploaded_at < _NEWEST:
        return call
    return replace(call, started_at=None, labels={**call.labels, "started_at": call.started_at.isoformat()})


def delete(client: Client, ref: ObjectRef) -> bool:
    """Delete exactly one generation of an object.

    Parameters
    ----------
    client : Client
        May delete from the bucket.
    ref : ObjectRef
        The generation; a newer one stays.

    Returns
    -------
    bool
        False where it was gone already.

    Raises
    ------
    google.api_core.exceptions.GoogleAPIError
        Cloud Storage did not answer, or refused: a retention policy or a hold protects the object.
    """
    try:
        _blob(client, ref).delete(retry=_RETRY, timeout=_REQUEST_TIMEOUT_S)
    except NotFound:
        return False
    return True


def signed_url(client: Client, bucket: str, name: str, hours: int) -> str:
    """Address of an object that anybody who holds it can play for some hours.

    Parameters
    ----------
    client : Client
        Its credentials sign; the object is not looked at.
    bucket, name : str
        The object.
    hours : int
        1 to 168, Cloud Storage's limit.

    Raises
    ------
    CallmoodError
        The credentials cannot sign.
    """
    try:
        url = client.bucket(bucket).blob(name).generate_signed_url(version="v4", expiration=timedelta(hours=hours))
    except (AttributeError, GoogleAuthError) as error:  # AttributeError: credentials without a key to sign with
        raise CallmoodError(
            "these credentials cannot sign addresses; sign in as a service account that may read the bucket: "
            f"gcloud auth application-default login --impersonate-service-account=ACCOUNT ({error})"
        ) from None
    return str(url)
