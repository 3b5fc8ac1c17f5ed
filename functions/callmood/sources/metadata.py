"""What is known of a call before anyone listens: from the object's metadata, else from its name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import cast

from callmood.config import AnalysisConfig
from callmood.types import ROLES, CallMetadata, Role

_FIELDS = ("call_id", "agent_id", "queue", "customer_id", "direction", "language")
# Names that recorders use for the same thing.
_SYNONYMS = {"agent": "agent_id", "customer": "customer_id", "start_time": "started_at", "call": "call_id"}
_RESERVED = {*_FIELDS, "started_at", "channel_roles"}
_DIRECTIONS = {"in": "inbound", "incoming": "inbound", "out": "outbound", "outgoing": "outbound"}


def parse_time(text: str, zone: tzinfo) -> datetime | None:
    """Read a start time as call recorders write it.

    Parameters
    ----------
    text : str
        ISO 8601, in which dashes or underscores may stand for the colons that file names cannot hold
        (``2025-02-19T06-01-22``, ``20250219T060122``), or seconds since 1970.
    zone : tzinfo
        Zone of a time that states none.

    Returns
    -------
    datetime or None
        With its time zone; None where the text is no time.

    Examples
    --------
    >>> from datetime import UTC
    >>> parse_time("2025-02-19T06-01-22", UTC).isoformat()
    '2025-02-19T06:01:22+00:00'
    """
    text = text.strip()
    try:
        if re.fullmatch(r"\d{9,10}(\.\d+)?", text):
            return datetime.fromtimestamp(float(text), zone)
        date, separator, clock = re.sub(r"[ _]", "T", text, count=1).partition("T")
        time = datetime.fromisoformat(date + separator + re.sub(r"(?<=\d)[-_](?=\d\d[-_]?)", ":", clock, count=2))
    except (ValueError, OverflowError, OSError):
        return None
    return time if time.tzinfo else time.replace(tzinfo=zone)


def _known_names(given: Mapping[str, str]) -> dict[str, str]:
    """Keys in snake_case, synonyms and the prefixes `label-` and `callmood-` resolved, empty values dropped."""
    named = {}
    for key, value in given.items():
        name = re.sub(r"[^0-9a-z]+", "_", key.lower()).strip("_")
        name = name.removeprefix("callmood_")
        if value and value.strip():
            named[_SYNONYMS.get(name, name)] = value.strip()
    return named


def _roles(text: str | None) -> tuple[Role, ...] | None:
    roles = tuple(part.strip().lower() for part in (text or "").split(",") if part.strip())
    return cast(tuple[Role, ...], roles) if roles and set(roles) <= set(ROLES) else None


def call_metadata(name: str, metadata: Mapping[str, str], config: AnalysisConfig) -> CallMetadata:
    """Gather what is known of a call.

    Parameters
    ----------
    name : str
        Object name or file path; `config.filename_pattern` is searched in it.
    metadata : mapping of str to str
        The object's custom metadata; it wins over the name. ``label-product`` becomes the label ``product``;
        any other key that is no field of the call is a label by its own name.
    config : AnalysisConfig
        Pattern and time zone.

    Returns
    -------
    CallMetadata
        None where nothing is known; a value that makes no sense (a start that is no time, roles that are
        none) is kept as a label rather than lost.
    """
    match = re.search(config.filename_pattern, name) if config.filename_pattern else None
    from_name = {key: value for key, value in (match.groupdict() if match else {}).items() if value}
    known = {**_known_names(from_name), **_known_names(metadata)}

    started_at = parse_time(known.get("started_at", ""), config.zone)
    roles = _roles(known.get("channel_roles"))
    labels = {key.removeprefix("label_"): value for key, value in known.items() if key not in _RESERVED}
    if started_at is None and "started_at" in known:
        labels["started_at"] = known["started_at"]
    if roles is None and "channel_roles" in known:
        labels["channel_roles"] = known["channel_roles"]
    direction = known.get("direction")
    return CallMetadata(
        call_id=known.get("call_id"),
        agent_id=known.get("agent_id"),
        queue=known.get("queue"),
        customer_id=known.get("customer_id"),
        started_at=started_at,
        direction=_DIRECTIONS.get(direction.lower(), direction.lower()) if direction else None,
        language=known.get("language"),
        channel_roles=roles,
        labels=dict(sorted(labels.items())),
    )
