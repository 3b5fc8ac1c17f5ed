"""Parse the start times that call recorders write into names and metadata. Ambiguous times are refused."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo

EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""datetime: limits of start times. Every time between them has a day in every time zone and in every warehouse."""

# BigQuery rejects streamed rows of other days: https://cloud.google.com/bigquery/docs/streaming-data-into-bigquery
_MIN_AGE, _MAX_AGE = timedelta(days=-364), timedelta(days=3650)

# Digits of a number of seconds, milliseconds, microseconds, or nanoseconds since 1970, from 2001 to 2286.
_EPOCH_UNITS = {10: 1, 13: 10**3, 16: 10**6, 19: 10**9}

_DATE = r"(?P<year>\d{4})(?P<date_separator>[-/._ ]?)(?P<month>\d\d)(?P=date_separator)(?P<day>\d\d)"
_FRACTION = r"(?:[.,](?P<fraction>\d{1,9})|[-_:](?P<milliseconds>\d{3}))"
_CLOCK = (
    r"(?P<hour>\d\d|\d(?=:))(?P<clock_separator>[-:._ ]?)(?P<minute>\d\d)"
    rf"(?:(?P=clock_separator)(?P<second>\d\d){_FRACTION}?)?(?: ?(?P<half>[AaPp][Mm]))?"
)
# Two digits after a dash can be hours of a zone or hundredths of a second.
_ZONE = r"(?P<zone>[ _-]?(?:Z|UTC|GMT)|\[UTC\]|[ _]?[+-]\d\d:?\d\d|[ _]?\+\d\d|(?<=:\d\d)-\d\d)"
_TIME = re.compile(rf"(?:(?P<prefix>GMT|UTC))?{_DATE}(?:(?:[T _.,-]+|T)?{_CLOCK}{_ZONE}?)?", re.ASCII)


def parse_time(text: str, zone: tzinfo) -> datetime | None:
    """Parse a start time in the formats that call recorders use.

    Parameters
    ----------
    text : str
        Year, month, and day in this order, then hour, minute, and optionally second and fraction, with common
        separators or none (``2025-02-19T06-01-22``, ``20250219060122``, ``20250219T06:01_UTC``); or seconds,
        milliseconds, or microseconds since 1970. A time of a repeated hour is the first of the two.
    zone : tzinfo
        Time zone of a time without a zone.

    Returns
    -------
    datetime or None
        With its time zone. None if the text is not a time, or can be several times: ``03-04-2025`` does not state
        which number is the month, and ``2024031214`` is an hour in 2024 and a second in 2034.

    Examples
    --------
    >>> parse_time("20250219T06:01_UTC", UTC).isoformat()
    '2025-02-19T06:01:00+00:00'
    >>> parse_time("2024031214", UTC)
    """
    text = re.sub(r"^([0-9]{14})([0-9]{3})$", r"\1.\2", text.strip())
    if re.fullmatch(r"\d{10}(?:\.\d+)?|\d{13}|\d{16}|\d{19}", text, re.ASCII):
        return _from_epoch(text, zone)
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    part = match.groupdict()
    try:
        time = datetime(
            int(part["year"]),
            int(part["month"]),
            int(part["day"]),
            _hour(part["hour"], part["half"]),
            int(part["minute"] or 0),
            int(part["second"] or 0),
            int((part["fraction"] or part["milliseconds"] or "0")[:6].ljust(6, "0")),
        )
        return time.replace(tzinfo=_zone(part["prefix"] or part["zone"], zone))
    except ValueError:
        return None


def is_accepted(started_at: datetime, now: datetime) -> bool:
    """Return whether BigQuery accepts a new row of a call with this start: up to ten years ago, or one year ahead."""
    return _MIN_AGE < now - started_at < _MAX_AGE


def _from_epoch(text: str, zone: tzinfo) -> datetime | None:
    whole, _, fraction = text.partition(".")
    if len(whole) == 10 and not fraction and _is_hour(whole):
        return None
    microseconds = int(whole) * 10**6 // _EPOCH_UNITS[len(whole)] + int(fraction[:6].ljust(6, "0"))
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)).astimezone(zone)


def _is_hour(text: str) -> bool:
    """Return whether ten digits can be a year, month, day, and hour."""
    try:
        return EARLIEST.year <= datetime.strptime(text, "%Y%m%d%H").year < LATEST.year
    except ValueError:
        return False


def _hour(text: str | None, half: str | None) -> int:
    hour = int(text or 0)
    if half is None:
        return hour
    if not 1 <= hour <= 12:
        raise ValueError("the hour of a half day is 1 to 12")
    return hour % 12 + 12 * (half.lower() == "pm")


def _zone(text: str | None, default: tzinfo) -> tzinfo:
    if not text:
        return default
    digits = re.sub(r"[^0-9+-]", "", text)
    if digits in ("", "-"):
        return UTC
    offset = timedelta(hours=int(digits[1:3]), minutes=int(digits[3:5] or 0))
    return timezone(-offset if digits[0] == "-" else offset)
