"""Publish the results of a call for other systems: one message, with the fields of the `calls` view."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any

from callmood.errors import PublishError
from callmood.resources import SCHEMAS
from callmood.warehouse.base import Warehouse, write_analysis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.cloud.pubsub_v1 import PublisherClient

    from callmood.types import JsonRow
    from callmood.warehouse.duckdb import InMemoryWarehouse

Message = dict[str, Any]

ATTRIBUTES = (
    "analysis_id",
    "needs_attention",
    "attention_reason",
    "escalated",
    "recovered",
    "peak_emotion",
    "queue",
    "agent_id",
    "direction",
    "language",
)
"""tuple of str: fields of the message that are also attributes, so that a subscription can filter by them."""

_CALL = "SELECT {columns} FROM calls WHERE call_date = @call_date AND recording_id = @recording_id"

# https://cloud.google.com/pubsub/quotas#resource_limits
_MAX_ATTRIBUTE_BYTES = 1024

# After this time the function fails, and Pub/Sub delivers its event again.
_TIMEOUT_S = 60.0

_DEFAULTS = {"string": "", "double": 0.0, "boolean": False}


@cache
def result_schema() -> Mapping[str, Any]:
    """Return the Avro schema that Pub/Sub validates every message against."""
    schema: Mapping[str, Any] = json.loads((SCHEMAS / "topics/results.avsc").read_text(encoding="utf-8"))
    return schema


def empty_message() -> Message:
    """Return a message in which all fields are empty: Pub/Sub requires a value of every field."""
    return {field["name"]: _DEFAULTS[field["type"]] for field in result_schema()["fields"]}


def call_message(warehouse: Warehouse, recording: JsonRow) -> Message | None:
    """Return the message for a call in a warehouse.

    Parameters
    ----------
    warehouse : Warehouse
        Contains the rows of the call.
    recording : dict
        Row of `recordings` of the call.

    Returns
    -------
    dict or None
        JSON-serializable; its schema is `schemas/topics/results.avsc`. None if the `calls` view omits the recording: it
        duplicates another call, or was erased.
    """
    empty = empty_message()
    rows = warehouse.query(
        _CALL.format(columns=", ".join(name for name in empty if name != "digest")),
        {"call_date": date.fromisoformat(recording["call_date"]), "recording_id": recording["recording_id"]},
    )
    if not rows:
        return None
    known = {name: value for name, value in rows[0].items() if value is not None}
    texts = {name: value.isoformat() if isinstance(value, date) else value for name, value in known.items()}
    return {**empty, **texts}


def analysis_message(segments: Sequence[JsonRow], commit: JsonRow, time_zone: str) -> Message:
    """Return the message for a call whose rows are in memory: query the same view over a store in memory.

    Parameters
    ----------
    segments : sequence of dict
        Rows of `segments`.
    commit : dict
        Row of `recordings`.
    time_zone : str
        IANA time zone of the view.

    Returns
    -------
    dict
        See `call_message`.
    """
    store = _message_store(time_zone)
    with store.exclusive():
        write_analysis(store, segments, commit)
        message = call_message(store, commit)
    if message is None:
        raise ValueError(f"the calls view omits {commit['recording_id']}, the only recording in its store")
    return message


@cache
def _message_store(time_zone: str) -> InMemoryWarehouse:
    """Create the store once per process: its tables and views take several times as long as a message."""
    # Lazy: only deployments that publish results need DuckDB and SQLGlot.
    from callmood.warehouse.duckdb import InMemoryWarehouse

    return InMemoryWarehouse(time_zone)


def attributes(message: Message) -> dict[str, str]:
    """Return the Pub/Sub attributes of a message, for filters. Omit unknown values.

    Parameters
    ----------
    message : dict
        The message.

    Returns
    -------
    dict of str to str
        Booleans as ``"true"`` and ``"false"``; text truncated to the 1,024 bytes that Pub/Sub allows.

    Examples
    --------
    >>> attributes({"needs_attention": True, "queue": "billing", "language": "", "duration_s": 65.1})
    {'needs_attention': 'true', 'queue': 'billing'}
    """
    known = {name: message[name] for name in ATTRIBUTES if message.get(name, "") != ""}
    texts = {name: str(value).lower() if isinstance(value, bool) else value for name, value in known.items()}
    return {name: text.encode()[:_MAX_ATTRIBUTE_BYTES].decode(errors="ignore") for name, text in texts.items()}


def publish(publisher: PublisherClient, topic: str, message: Message) -> None:
    """Publish a message, and wait until Pub/Sub confirms it.

    Parameters
    ----------
    publisher : PublisherClient
        The client.
    topic : str
        ``projects/PROJECT/topics/TOPIC``.
    message : dict
        The message.

    Raises
    ------
    PublishError
        Pub/Sub rejected the message, or did not confirm it within a minute.
    """
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError
    from google.cloud.pubsub_v1.publisher.exceptions import PublishError as PubSubPublishError

    body = json.dumps(message).encode()
    try:
        future = publisher.publish(topic, body, timeout=_TIMEOUT_S, **attributes(message))
        future.result(timeout=_TIMEOUT_S + 5)
    except (GoogleAPIError, GoogleAuthError, PubSubPublishError, TimeoutError) as error:
        raise PublishError(f"the results are stored, but publishing to {topic} failed: {error!r}") from error
