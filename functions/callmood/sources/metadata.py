"""Parse the metadata of a call from the metadata and the name of its object."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import cast

from callmood.config import AnalysisConfig
from callmood.names.formats import NamePattern
from callmood.names.legs import find_leg
from callmood.names.start_times import EARLIEST, LATEST, parse_time
from callmood.types import ROLES, CallMetadata, Role, StartSource

_FIELDS = ("call_id", "agent_id", "queue", "customer_id", "direction", "language")
# Other names that recorders use.
_ALIASES = {"agent": "agent_id", "customer": "customer_id", "start_time": "started_at", "call": "call_id"}
_RESERVED = {*_FIELDS, "started_at", "channel_roles"}
_LEG = "leg"
_DIRECTIONS = {"in": "inbound", "incoming": "inbound", "out": "outbound", "outgoing": "outbound"}
_STARTS = {"started_at", "start_date", "start_clock"}
# The suffix of a file is no part of the ID that precedes it. Other text after a dot is, as in 1710253353.123.
_SUFFIX = re.compile(
    r"\.(?:wav|wave|mp3|mp2|mpga|ogg|oga|opus|flac|m4a|mp4|m4b|aac|amr|awb|webm|mka|mkv|weba|wma|asf|aif|aiff|aifc|caf|w64|"
    r"rf64|au|snd|gsm|wv|3gp|3gpp|3g2|mov|spx|ape|tta|g722|g729|ulaw|alaw|mulaw|ul|al|pcma|pcmu|sln|slin|sln16|raw|pcm|vox|"
    r"adpcm|sph|bin|dat)$",
    re.IGNORECASE,
)


def _normalized(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return the metadata with keys in snake_case, without the prefix `callmood-`, aliases, and empty values."""
    normalized = {}
    for key, value in metadata.items():
        name = re.sub(r"[^0-9a-z]+", "_", key.lower()).strip("_")
        name = name.removeprefix("callmood_")
        if value and value.strip():
            normalized[_ALIASES.get(name, name)] = value.strip()
    return normalized


def normalized_keys(names: Iterable[str]) -> set[str]:
    """Return the fields and labels that keys of metadata name."""
    return set(_normalized(dict.fromkeys(names, "-")))


def _roles(text: str | None) -> tuple[Role, ...] | None:
    roles = tuple(part.strip().lower() for part in (text or "").split(",") if part.strip())
    return cast(tuple[Role, ...], roles) if roles and set(roles) <= set(ROLES) else None


@dataclass(frozen=True)
class NameFields:
    """The fields that a pattern reads from a name.

    Parameters
    ----------
    values : dict of str to str
        Normalized fields and labels, without the start.
    started_at : datetime or None
        Start of the call, with its time zone.
    unread_start : str or None
        Text of a start that cannot be read.
    leg_span : tuple of (int, int) or None
        Position of the leg in the name.
    """

    values: dict[str, str]
    started_at: datetime | None = None
    unread_start: str | None = None
    leg_span: tuple[int, int] | None = None


def read_name(name: str, config: AnalysisConfig) -> NameFields | None:
    """Read the fields in a name with the patterns of the configuration.

    Parameters
    ----------
    name : str
        Object name or file path, with slashes.
    config : AnalysisConfig
        Patterns and time zone.

    Returns
    -------
    NameFields or None
        None if no pattern matches the whole file name, or the end of the path that begins at a folder.
    """
    without_suffix = _SUFFIX.sub("", name)
    suffix_length = len(name) - len(without_suffix)
    for pattern in config.name_patterns():
        for text in dict.fromkeys((without_suffix, name)):
            for tail in _tails(text):
                match = re.fullmatch(pattern.regex, tail)
                # A pattern can contain the suffix, but no value can.
                ends_in_suffix = match and text is name and match.lastindex and suffix_length
                if match and not (
                    ends_in_suffix and max(map(match.end, match.re.groupindex)) > len(tail) - suffix_length
                ):
                    return _fields(match, pattern, config, len(text) - len(tail))
    return None


def _tails(path: str) -> Iterator[str]:
    """Return the last component of a path, then the last two, and so on."""
    position = len(path)
    while position > 0:
        position = path.rfind("/", 0, position)
        yield path[position + 1 :]


def _fields(match: re.Match[str], pattern: NamePattern, config: AnalysisConfig, position: int) -> NameFields:
    groups = {key: value for key, value in match.groupdict().items() if value}
    values = _normalized({key: value for key, value in groups.items() if key not in _STARTS} | dict(pattern.values))
    start = groups.get("started_at")
    if pattern.start_format is None:
        started_at = _read_start(start, config.zone)
    else:
        start = " ".join(groups[key] for key in ("start_date", "start_clock") if key in groups)
        started_at = _read_format(start, pattern.start_format, config.zone)
    leg_span = (position + match.start(_LEG), position + match.end(_LEG)) if _LEG in groups else None
    return NameFields(values, started_at, start if start and started_at is None else None, leg_span)


def _read_format(text: str, form: str, zone: tzinfo) -> datetime | None:
    try:
        return datetime.strptime(text, form).replace(tzinfo=zone)
    except ValueError:
        return None


def _read_start(text: str | None, zone: tzinfo) -> datetime | None:
    """Return a start within the calendar of all warehouses, or None."""
    time = parse_time(text or "", zone)
    if time is None or not EARLIEST.year <= time.year < LATEST.year:
        return None
    return time if EARLIEST <= time < LATEST else None


def call_metadata(name: str, metadata: Mapping[str, str], config: AnalysisConfig) -> CallMetadata:
    """Return the metadata of a call.

    Parameters
    ----------
    name : str
        Object name or file path, which `read_name` reads.
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
    from_name = read_name(name, config) or NameFields({})
    from_metadata = _normalized(metadata)
    stated = from_metadata.pop("started_at", None)
    values = {**from_name.values, **from_metadata}

    started_at, source = _read_start(stated, config.zone), "metadata"
    if started_at is None:
        started_at, source = from_name.started_at, "name"
    unread = stated if stated and source == "name" else from_name.unread_start
    roles = _roles(values.get("channel_roles"))
    direction = _direction(values)
    leg = find_leg(values.get(_LEG, ""), direction, config.leg_names)
    if leg:
        del values[_LEG]
        roles = roles or (leg.role,)
    labels = {key.removeprefix("label_"): value for key, value in values.items() if key not in _RESERVED}
    if unread:
        labels["started_at"] = unread
    if roles is None and "channel_roles" in values:
        labels["channel_roles"] = values["channel_roles"]
    return CallMetadata(
        call_id=values.get("call_id"),
        agent_id=values.get("agent_id"),
        queue=values.get("queue"),
        customer_id=values.get("customer_id"),
        started_at=started_at,
        started_at_source=cast(StartSource, source) if started_at else None,
        direction=direction,
        language=values.get("language"),
        channel_roles=roles,
        labels=dict(sorted(labels.items())),
        warnings=("start_unread",) if unread and started_at is None else (),
    )


def _direction(values: Mapping[str, str]) -> str | None:
    direction = values.get("direction")
    return _DIRECTIONS.get(direction.lower(), direction.lower()) if direction else None
