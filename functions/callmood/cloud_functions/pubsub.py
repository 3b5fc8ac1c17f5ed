"""Events: what Pub/Sub pushes, and what Cloud Storage says in it of an object."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from callmood.errors import BadEvent
from callmood.types import MODEL_VERSION, ObjectRef

# https://cloud.google.com/storage/docs/buckets#naming, as far as it matters to clients.
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]*[a-z0-9]")
# Cloud Storage and BigQuery both count in 64 bits with a sign.
_GENERATIONS = range(1, 2**63)


@dataclass(frozen=True)
class StorageEvent:
    """One thing that happened to one generation of one object.

    Parameters
    ----------
    kind : str
        Cloud Storage's event type, such as ``OBJECT_FINALIZE``.
    ref : ObjectRef
        What it happened to.
    event_id : str
        Pub/Sub's message id: the same in every delivery.
    overwrote : ObjectRef or None
        The generation whose place this one took, where the event says so.
    overwritten : bool
        A newer generation took this one's place: this is the delete event of an overwrite.
    model_version : str or None
        The version of the model that is to analyze it, where the event asks for one: `callmood backfill --model`.
    attributes : mapping of str to str
        All that came with the message.
    """

    kind: str
    ref: ObjectRef
    event_id: str
    overwrote: ObjectRef | None = None
    overwritten: bool = False
    model_version: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


def parse_push(body: object) -> StorageEvent:
    """Read the body of a Pub/Sub push request that carries a Cloud Storage notification.

    All that matters stands in the message's attributes, so the payload is not looked at, whatever it is.
    https://cloud.google.com/storage/docs/pubsub-notifications and https://cloud.google.com/pubsub/docs/push.

    Parameters
    ----------
    body : object
        The decoded JSON: ``{"message": {"messageId": …, "attributes": {…}, …}, "subscription": …}``.

    Returns
    -------
    StorageEvent
        What happened.

    Raises
    ------
    BadEvent
        The body is something else.
    """
    message, event_id = _pushed(body)
    attributes = message.get("attributes")
    if not isinstance(attributes, Mapping) or not all(_is_text(text) for pair in attributes.items() for text in pair):
        raise BadEvent("The message has no attributes: it is no Cloud Storage notification.", event_id)
    missing = [name for name in ("eventType", "bucketId", "objectId", "objectGeneration") if not attributes.get(name)]
    if missing:
        raise BadEvent(f"The message lacks {', '.join(missing)}: it is no Cloud Storage notification.", event_id)

    bucket, name = attributes["bucketId"], attributes["objectId"]
    generation = _generation(attributes["objectGeneration"])
    if generation is None or not _BUCKET.fullmatch(bucket):
        raise BadEvent("The message's bucketId is no bucket's, or its objectGeneration no generation.", event_id)
    version = attributes.get("modelVersion")
    if version is not None and not MODEL_VERSION.fullmatch(version):
        raise BadEvent("The message's modelVersion is no version of a model.", event_id)
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
    """What callmood tells of a call, as a subscriber of the results topic gets it.

    Parameters
    ----------
    message : dict
        The message: `schemas/topics/results.avsc`.
    body : bytes
        The same, as it was published.
    event_id : str
        Pub/Sub's message id.
    """

    message: Mapping[str, Any]
    body: bytes
    event_id: str


def parse_result(body: object) -> ResultEvent:
    """Read the body of a Pub/Sub push request that carries a message of the results topic.

    Parameters
    ----------
    body : object
        The decoded JSON.

    Returns
    -------
    ResultEvent
        What was published.

    Raises
    ------
    BadEvent
        The body is something else.
    """
    pushed, event_id = _pushed(body)
    try:
        data = base64.b64decode(pushed.get("data", ""), validate=True)
        message = json.loads(data)
    except (TypeError, ValueError):
        message = None
    if not isinstance(message, Mapping) or not {"analysis_id", "recording_id", "needs_attention"} <= message.keys():
        raise BadEvent("The message is none of the results topic: its data is no result in JSON.", event_id)
    return ResultEvent(message, data, event_id)


def _pushed(body: object) -> tuple[Mapping[str, Any], str]:
    """The message of a push request, and its id."""
    message = body.get("message") if isinstance(body, Mapping) else None
    if not isinstance(message, Mapping):
        raise BadEvent("The request is no Pub/Sub push: it holds no message.")
    event_id = message.get("messageId")
    if not isinstance(event_id, str) or not event_id:
        raise BadEvent("The request is no Pub/Sub push: its message has no id.")
    return message, event_id


def _is_text(value: object) -> bool:
    """A string that UTF-8 can carry: JSON can smuggle in half a character."""
    return isinstance(value, str) and not any("\ud800" <= character <= "\udfff" for character in value)


def _generation(text: str) -> int | None:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
    return number if number in _GENERATIONS else None
