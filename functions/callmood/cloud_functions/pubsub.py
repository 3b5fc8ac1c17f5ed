"""Parse Pub/Sub push requests: Cloud Storage notifications, and messages of the results topic.

One strict parser: whatever can never become an event raises BadEvent, so that it is acknowledged instead of retried.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from callmood.errors import BadEvent
from callmood.types import MODEL_VERSION, ObjectRef

MAX_BODY_BYTES = 16 * 2**20
"""int: maximum size of a request. Pub/Sub's messages have up to 10 MB, in base64 13.4 MB."""

# IDs become HTTP headers and log fields.
_ID = re.compile(r"[\x21-\x7e]{1,256}")
# Characters of bucket names: https://cloud.google.com/storage/docs/buckets#naming.
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]*[a-z0-9]")
# Cloud Storage and BigQuery use signed 64-bit integers.
_GENERATIONS = range(1, 2**63)


@dataclass(frozen=True)
class StorageEvent:
    """An event of one generation of an object.

    Parameters
    ----------
    kind : str
        Cloud Storage's event type, such as ``OBJECT_FINALIZE``.
    ref : ObjectRef
        The generation.
    event_id : str
        Pub/Sub's message ID, which is the same in every delivery.
    overwrote : ObjectRef or None
        The generation that this one replaced.
    overwritten : bool
        Whether this is the delete event of an overwrite: a newer generation replaced this one.
    model_version : str or None
        The model version to use, if the event states one (`callmood backfill --model`).
    attributes : mapping of str to str
        All attributes of the message.
    """

    kind: str
    ref: ObjectRef
    event_id: str
    overwrote: ObjectRef | None = None
    overwritten: bool = False
    model_version: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


def read_json(body: bytes) -> object:
    """Decode the body of a request.

    Parameters
    ----------
    body : bytes
        At most one byte more than `MAX_BODY_BYTES`, so that a larger request need not be read.

    Returns
    -------
    object
        The decoded JSON; None for an empty body.

    Raises
    ------
    BadEvent
        The body is too large, is not JSON, or is nested too deeply.
    """
    if len(body) > MAX_BODY_BYTES:
        raise BadEvent(f"The request is larger than {MAX_BODY_BYTES >> 20} MiB, so it is not a Pub/Sub push request.")
    try:
        return json.loads(body) if body.strip() else None
    except RecursionError:
        raise BadEvent("The JSON of the request is nested too deeply.") from None
    except ValueError:
        raise BadEvent("The request is not JSON, so it is not a Pub/Sub push request.") from None


def parse_push(body: object) -> StorageEvent:
    """Parse the body of a Pub/Sub push request with a Cloud Storage notification.

    Only the attributes of the message are used, so any payload format works.
    https://cloud.google.com/storage/docs/pubsub-notifications and https://cloud.google.com/pubsub/docs/push.

    Parameters
    ----------
    body : object
        The decoded JSON: ``{"message": {"messageId": …, "attributes": {…}, …}, "subscription": …}``.

    Returns
    -------
    StorageEvent
        The event.

    Raises
    ------
    BadEvent
        The body is not such a request.
    """
    message, event_id = _message(body)
    attributes = message.get("attributes")
    if not isinstance(attributes, Mapping) or not all(_is_text(text) for pair in attributes.items() for text in pair):
        raise BadEvent("The message has no valid attributes, so it is not a Cloud Storage notification.", event_id)
    missing = [name for name in ("eventType", "bucketId", "objectId", "objectGeneration") if not attributes.get(name)]
    if missing:
        raise BadEvent(f"The message lacks {', '.join(missing)}, so it is not a Cloud Storage notification.", event_id)

    bucket, name = attributes["bucketId"], attributes["objectId"]
    generation = _generation(attributes["objectGeneration"])
    if generation is None or not _BUCKET.fullmatch(bucket):
        raise BadEvent("Invalid bucketId or objectGeneration.", event_id)
    version = attributes.get("modelVersion")
    if version is not None and not MODEL_VERSION.fullmatch(version):
        raise BadEvent("Invalid modelVersion.", event_id)
    overwrote = _generation(attributes.get("overwroteGeneration", ""))
    return StorageEvent(
        kind=attributes["eventType"],
        ref=ObjectRef(bucket, name, generation),
        event_id=event_id,
        overwrote=ObjectRef(bucket, name, overwrote) if overwrote else None,
        overwritten="overwrittenByGeneration" in attributes,
        model_version=version,
        attributes=attributes,
    )


@dataclass(frozen=True)
class ResultEvent:
    """A message of the results topic.

    Parameters
    ----------
    message : dict
        The decoded message: `schemas/topics/results.avsc`.
    body : bytes
        The message as it was published.
    event_id : str
        Pub/Sub's message ID.
    """

    message: Mapping[str, Any]
    body: bytes
    event_id: str


def parse_result(body: object) -> ResultEvent:
    """Parse the body of a Pub/Sub push request with a message of the results topic.

    Parameters
    ----------
    body : object
        The decoded JSON.

    Returns
    -------
    ResultEvent
        The message.

    Raises
    ------
    BadEvent
        The body is not such a request.
    """
    message, event_id = _message(body)
    try:
        data = base64.b64decode(message.get("data", ""), validate=True)
        result = json.loads(data)
    except (TypeError, ValueError, RecursionError):
        result = None
    if (
        not isinstance(result, Mapping)
        or not all(_is_id(result.get(name)) for name in ("analysis_id", "recording_id"))
        or not isinstance(result.get("needs_attention"), bool)
    ):
        raise BadEvent("The data of the message is not a result in JSON.", event_id)
    return ResultEvent(result, data, event_id)


def _message(body: object) -> tuple[Mapping[str, Any], str]:
    """Return the message of a push request, and its ID."""
    message = body.get("message") if isinstance(body, Mapping) else None
    if not isinstance(message, Mapping):
        raise BadEvent("The request has no message, so it is not a Pub/Sub push request.")
    event_id = message.get("messageId")
    if not _is_id(event_id):
        raise BadEvent("The message has no messageId, so the request is not a Pub/Sub push request.")
    return message, event_id


def _is_id(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _is_text(value: object) -> bool:
    """Return whether a value is a string without NUL, and without lone surrogates, which UTF-8 cannot contain."""
    return isinstance(value, str) and not any(
        "\ud800" <= character <= "\udfff" or character == "\0" for character in value
    )


def _generation(text: str) -> int | None:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
    return number if number in _GENERATIONS else None
