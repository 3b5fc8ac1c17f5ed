"""HTTP requests of the functions: parse the event, call the handler, and answer with a status code."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import flask

from callmood import logs
from callmood.analysis.rows import failure_row
from callmood.cloud_functions.clients import Clients
from callmood.cloud_functions.pubsub import (
    MAX_BODY_BYTES,
    ResultEvent,
    StorageEvent,
    parse_push,
    parse_result,
    read_json,
)
from callmood.errors import BadEvent, LegAwaited
from callmood.names.start_times import EARLIEST
from callmood.settings import AlertSettings, DatasetSettings, MonitorSettings

log = logging.getLogger(__name__)

D = TypeVar("D", bound=DatasetSettings)
Response = tuple[str, int]


def handle_event(
    request: flask.Request, handle: Callable[[StorageEvent, D, Clients], None], settings: D, clients: Clients
) -> Response:
    """Handle a Cloud Storage notification that Pub/Sub pushes.

    Parameters
    ----------
    request : flask.Request
        A push request: https://cloud.google.com/pubsub/docs/push.
    handle : callable
        `handlers.analyze`, `handlers.erase`, or `handlers.dead_letter`.
    settings : DatasetSettings
        Settings of the function.
    clients : Clients
        Shared clients.

    Returns
    -------
    tuple of (str, int)
        204 acknowledges the message: it was handled, or it can never be handled. 500 makes Pub/Sub deliver it again;
        so does 503, for a leg whose other leg has not arrived yet.
    """
    with logs.context(**_trace(request)):
        body = request.stream.read(MAX_BODY_BYTES + 1)
        try:
            event = parse_push(read_json(body))
        except BadEvent as bad:
            event_id = bad.event_id or f"sha256-{hashlib.sha256(body).hexdigest()[:32]}"
            with logs.context(event_id=event_id):
                return _attempt(partial(_record_bad_event, bad, event_id, settings, clients))
        with logs.context(private=event.ref.name, event_id=event.event_id, recording_id=event.ref.recording_id):
            return _attempt(lambda: handle(event, settings, clients))


def handle_result(
    request: flask.Request, handle: Callable[[ResultEvent, AlertSettings], None], settings: AlertSettings
) -> Response:
    """Handle a call's message that Pub/Sub pushes.

    Parameters
    ----------
    request : flask.Request
        A push request of a subscription to the results topic.
    handle : callable
        `handlers.alert`.
    settings : AlertSettings
        Settings of the function.

    Returns
    -------
    tuple of (str, int)
        As in `handle_event`. An invalid message is only logged: a subscriber needs no permission to write rows.
    """
    with logs.context(**_trace(request)):
        try:
            event = parse_result(read_json(request.stream.read(MAX_BODY_BYTES + 1)))
        except BadEvent as bad:
            with logs.context(event_id=bad.event_id):
                _log_bad_event(bad)
            return "", 204
        with logs.context(event_id=event.event_id, recording_id=event.message["recording_id"]):
            return _attempt(lambda: handle(event, settings))


def handle_schedule(
    request: flask.Request,
    handle: Callable[[date, MonitorSettings, Clients], None],
    settings: MonitorSettings,
    clients: Clients,
) -> Response:
    """Handle the request of Cloud Scheduler: yesterday, or the day in the body, ``{"day": "2026-11-20"}``.

    Parameters
    ----------
    request : flask.Request
        From Cloud Scheduler, or from any permitted caller.
    handle : callable
        `handlers.monitor`.
    settings : MonitorSettings
        Settings of the function.
    clients : Clients
        Shared clients.

    Returns
    -------
    tuple of (str, int)
        204: checked. 400: the body contains no valid day. 500 makes Cloud Scheduler try again.
    """
    with logs.context(**_trace(request)):
        try:
            body: Any = read_json(request.stream.read(MAX_BODY_BYTES + 1))
            today = datetime.now(settings.zone).date()
            day = date.fromisoformat(body["day"]) if body else today - timedelta(days=1)
            if day.year < EARLIEST.year:
                raise ValueError(f"{day} is too early; calls start in {EARLIEST.year} or later")
        except (ValueError, TypeError, KeyError, BadEvent) as error:
            log.error("Not checked: the body contains no valid day: %s", error)
            return 'send {"day": "2026-11-20"}, or nothing for yesterday', 400
        return _attempt(lambda: handle(day, settings, clients))


def _trace(request: flask.Request) -> dict[str, str]:
    return logs.trace(request.headers.get("X-Cloud-Trace-Context"), os.environ.get("GOOGLE_CLOUD_PROJECT"))


def _attempt(handle: Callable[[], None]) -> Response:
    try:
        handle()
    except LegAwaited as awaited:
        log.info("Not handled yet: %s", awaited)
        return "", 503
    except Exception:
        log.exception("Not handled; the request will be retried.")
        return "", 500
    return "", 204


def _log_bad_event(bad: BadEvent) -> None:
    log.error("Dropped an invalid event: %s", bad, extra={"fields": {"failure": "bad_event"}})


def _record_bad_event(bad: BadEvent, event_id: str, settings: DatasetSettings, clients: Clients) -> None:
    _log_bad_event(bad)
    row = failure_row("bad_event", str(bad), datetime.now(UTC), event_id=event_id)
    clients.warehouse(settings.dataset).append("failures", [row])
