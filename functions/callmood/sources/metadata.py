"""Parse the metadata of a call from the metadata and the name of its object."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import cast

from callmood.config import AnalysisConfig
from callmood.types import ROLES, CallMetadata, Role

_FIELDS = ("call_id", "agent_id", "queue", "customer_id", "direction", "language")
# Other names that recorders use.
_ALIASES = {"agent": "agent_id", "customer": "customer_id", "start_time": "started_at", "call": "call_id"}
_RESERVED = {*_FIELDS, "started_at", "channel_roles"}
# Hours, minutes, and seconds without colons; a time zone may follow.
_CLOCK = re.compile(r"^(\d\d)[-_](\d\d)(?:[-_](\d\d)(?![\d:]))?")
_DIRECTIONS = {"in": "inbound", "incoming": "inbound", "out": "outbound", "outgoing": "outbound"}


def parse_time(text: str, zone: tzinfo) -> datetime | None:
    """Parse a start time in the formats that call recorders use.

    Parameters
    ----------
    text : str
        ISO 8601, with colons, dashes, underscores, or nothing between the digits of the time
        (``2025-02-19T06-01-22``, ``20250219T060122``); or seconds since 1970.
    zone : tzinfo
        Time zone of a time without a zone.

    Returns
    -------
    datetime or None
        With its time zone. None if the text is not a time.

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
        date, separator, clock = re.sub(r"[ _T]", "T", text, count=1).partition("T")
        clock = _CLOCK.sub(lambda match: ":".join(filter(None, match.groups())), clock, count=1)
        time = datetime.fromisoformat(date + separator + clock)
    except (ValueError, OverflowError, OSError):
        return None
    return time if time.tzinfo else time.replace(tzinfo=zone)


def _normalized(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return the metadata with keys in snake_case, without the prefix `callmood-`, aliases, and empty values."""
    normalized = {}
    for key, value in metadata.items():
        name = re.sub(r"[^0-9a-z]+", "_", key.lower()).strip("_")
        name = name.removeprefix("callmood_")
        if value and value.strip():
            normalized[_ALIASES.get(name, name)] = value.strip()
    return normalized


def _roles(text: str | None) -> tuple[Role, ...] | None:
    roles = tuple(part.strip().lower() for part in (text or "").split(",") if part.strip())
    return cast(tuple[Role, ...], roles) if roles and set(roles) <= set(ROLES) else None


def call_metadata(name: str, metadata: Mapping[str, str], config: AnalysisConfig) -> CallMetadata:
    """Return the metadata of a call.

    Parameters
    ----------
    name : str
        Object name or file path. `config.filename_pattern` is searched in it.
    metadata : mapping of str to str
        Custom metadata of the object, which takes precedence over the name. ``label-product`` becomes the label
        ``product``. Any other key that is not a field of the call becomes a label with its own name.
    config : AnalysisConfig
        Pattern and time zone.

    Returns
    -------
    CallMetadata
        With None for unknown values. An invalid start time or role becomes a label.
    """
    match = re.search(config.filename_pattern, name) if config.filename_pattern else None
    from_name = {key: value for key, value in (match.groupdict() if match else {}).items() if value}
    values = {**_normalized(from_name), **_normalized(metadata)}

    started_at = parse_time(values.get("started_at", ""), config.zone)
    roles = _roles(values.get("channel_roles"))
    labels = {key.removeprefix("label_"): value for key, value in values.items() if key not in _RESERVED}
    if started_at is None and "started_at" in values:
        labels["started_at"] = values["started_at"]
    if roles is None and "channel_roles" in values:
        labels["channel_roles"] = values["channel_roles"]
    direction = values.get("direction")
    return CallMetadata(
        call_id=values.get("call_id"),
        agent_id=values.get("agent_id"),
        queue=values.get("queue"),
        customer_id=values.get("customer_id"),
        started_at=started_at,
        direction=_DIRECTIONS.get(direction.lower(), direction.lower()) if direction else None,
        language=values.get("language"),
        channel_roles=roles,
        labels=dict(sorted(labels.items())),
    )
