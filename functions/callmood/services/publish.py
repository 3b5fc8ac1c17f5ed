"""What callmood tells of a call, so that other systems can act on it: one message, made of the `calls` view."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from callmood.errors import PublishError
from callmood.resources import SCHEMAS
from callmood.settings import Settings
from callmood.warehouse.base import Warehouse, write_analysis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.cloud.pubsub_v1 import PublisherClient

    from callmood.types import JsonRow

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
"""tuple of str: fields of the message that stand in its attributes too, where a subscription's filter sees them."""

# https://cloud.google.com/pubsub/quotas#resource_limits
_ATTRIBUTE_BYTES = 1024

# Enough for a bad minute of Pub/Sub; after that the event is delivered again.
_PUBLISH_FOR_S = 60.0

_EMPTY = {"string": "", "double": 0.0, "boolean": False}


@cache
def result_schema() -> Mapping[str, Any]:
    """The message's Avro schema: what Pub/Sub checks every message against."""
    schema: Mapping[str, Any] = json.loads((SCHEMAS / "topics/results.avsc").read_text(encoding="utf-8"))
    return schema


def call_message(warehouse: Warehouse, recording: JsonRow) -> Message | None:
    """The message about a call.

    Parameters
    ----------
    warehouse : Warehouse
        Holds the call's rows.
    recording : dict
        The call's row of `recordings`.

    Returns
    -------
    dict or None
        JSON-able, as `schemas/topics/results.avsc` has it. None where the `calls` view does not show the recording:
        it is a copy of a call that is there already, or was erased.
    """
    types = {field["name"]: field["type"] for field in result_schema()["fields"]}
    found = warehouse.query(
        f"SELECT {', '.join(types)} FROM calls WHERE call_date = @call_date AND recording_id = @recording_id",  # noqa: S608
        {"call_date": date.fromisoformat(recording["call_date"]), "recording_id": recording["recording_id"]},
    )
    if not found:
        return None
    return {
        name: _EMPTY[types[name]] if value is None else value.isoformat() if isinstance(value, date) else value
        for name, value in found[0].items()
    }


def analysis_message(segments: Sequence[JsonRow], commit: JsonRow, settings: Settings) -> Message:
    """The message about a call whose rows are at hand: from the same view, over a store that holds nothing else.

    Parameters
    ----------
    segments : sequence of dict
        Rows of `segments`.
    commit : dict
        Row of `recordings`.
    settings : Settings
        Their time zone goes into the view.

    Returns
    -------
    dict
        As `call_message` gives it.
    """
    from callmood.warehouse.duckdb import DuckDBWarehouse  # DuckDB and SQLGlot, for deployments that publish

    with TemporaryDirectory() as folder:
        store = DuckDBWarehouse(Path(folder) / "call.duckdb", settings.time_zone, settings.min_calls_per_group)
        write_analysis(store, segments, commit)
        message = call_message(store, commit)
    if message is None:
        raise ValueError(f"the calls view does not show {commit['recording_id']}, the only recording there is")
    return message


def attributes(message: Message) -> dict[str, str]:
    """The message's attributes, for filters; what is not known has none.

    Parameters
    ----------
    message : dict
        The message.

    Returns
    -------
    dict of str to str
        ``"true"`` and ``"false"`` for truth values; text cut to the 1,024 bytes that Pub/Sub allows.

    Examples
    --------
    >>> attributes({"needs_attention": True, "queue": "billing", "language": "", "duration_s": 65.1})
    {'needs_attention': 'true', 'queue': 'billing'}
    """
    told = {name: message[name] for name in ATTRIBUTES if message.get(name, "") != ""}
    texts = {name: str(value).lower() if isinstance(value, bool) else value for name, value in told.items()}
    return {name: text.encode()[:_ATTRIBUTE_BYTES].decode(errors="ignore") for name, text in texts.items()}


def publish(publisher: PublisherClient, topic: str, message: Message) -> None:
    """Publish a message, and return when Pub/Sub has it.

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
        Pub/Sub did not take it: for a minute, or for good.
    """
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError
    from google.cloud.pubsub_v1.publisher.exceptions import PublishError as NotPublished

    body = json.dumps(message).encode()
    try:
        sent = publisher.publish(topic, body, timeout=_PUBLISH_FOR_S, **attributes(message))
        sent.result(timeout=_PUBLISH_FOR_S + 5)
    except (GoogleAPIError, GoogleAuthError, NotPublished, TimeoutError) as error:
        raise PublishError(f"the rows are written, but {topic} took no message: {error!r}") from error
