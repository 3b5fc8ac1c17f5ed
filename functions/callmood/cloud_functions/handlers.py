"""What the functions do with an event: the world's side of `analyze`."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import flask

from callmood import logs
from callmood.analysis.rows import analysis_rows, erasure_row, failure_row
from callmood.cloud_functions.pubsub import ResultEvent, StorageEvent, parse_push, parse_result
from callmood.errors import BadEvent, BadRecording, SettingsError
from callmood.recording import is_side_file
from callmood.settings import Settings
from callmood.types import DELETED, FINALIZED
from callmood.warehouse.base import Warehouse, write_analysis
from callmood.warehouse.bigquery import BigQueryWarehouse

if TYPE_CHECKING:
    from google.cloud.monitoring_v3 import MetricServiceClient
    from google.cloud.pubsub_v1 import PublisherClient
    from google.cloud.storage import Client

    from callmood.models.resolver import Models
    from callmood.services.webhook import Webhook

log = logging.getLogger(__name__)


class Deployment:
    """What the requests of one instance share: made on first use, which is after the server has forked.

    Parameters
    ----------
    settings : Settings
        The settings.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def warehouse(self) -> Warehouse:
        """Where rows go."""
        return BigQueryWarehouse(self.settings.dataset)

    @cached_property
    def storage(self) -> Client:
        """Where recordings lie."""
        from google.cloud.storage import Client

        return Client()

    @cached_property
    def publisher(self) -> PublisherClient:
        """What publishes results."""
        from google.cloud.pubsub_v1 import PublisherClient

        return PublisherClient()

    @cached_property
    def reports(self) -> Warehouse:
        """Where views are asked."""
        return BigQueryWarehouse(self.settings.reports_dataset or self.settings.dataset)

    @cached_property
    def metrics(self) -> MetricServiceClient:
        """What takes metrics."""
        from google.cloud.monitoring_v3 import MetricServiceClient

        return MetricServiceClient()

    @cached_property
    def webhook(self) -> Webhook:
        """Where alerts go."""
        from callmood.services.webhook import Webhook

        url, secret = self.settings.alert_url, self.settings.alert_secret
        if not url:
            raise SettingsError("ALERT_URL: set it to the address that alerts are to be posted to")
        return Webhook(url.get_secret_value(), secret.get_secret_value() if secret else None)

    @cached_property
    def models(self) -> Models:
        """What is asked for the model of a recording."""
        from callmood.models.resolver import open_models

        return open_models(self.settings.model_uri, lambda: self.storage)


Handler = Callable[[StorageEvent, Deployment], None]
_T = TypeVar("_T")


def answer(request: flask.Request, deployment: Deployment, handle: Handler) -> tuple[str, int]:
    """Handle the event that Pub/Sub pushes, and say whether it is done with.

    Parameters
    ----------
    request : flask.Request
        A push request: https://cloud.google.com/pubsub/docs/push.
    deployment : Deployment
        What requests share.
    handle : callable
        `analyze`, `erase` or `quarantine`.

    Returns
    -------
    tuple of (str, int)
        204 acknowledges the message: it was handled, or never can be. 500 has Pub/Sub deliver it again.
    """
    with logs.context(**_trace(request)):
        try:
            event = parse_push(request.get_json(force=True, silent=True))
        except BadEvent as bad:
            with logs.context(event_id=bad.event_id):
                return _attempt(_note_bad_event, bad, deployment)
        with logs.context(private=event.ref.name, event_id=event.event_id, recording_id=event.ref.recording_id):
            return _attempt(handle, event, deployment)


def answer_result(
    request: flask.Request, deployment: Deployment, handle: Callable[[ResultEvent, Deployment], None]
) -> tuple[str, int]:
    """Handle the result that Pub/Sub pushes, and say whether it is done with.

    Parameters
    ----------
    request : flask.Request
        A push request of a subscription to the results topic.
    deployment : Deployment
        What requests share.
    handle : callable
        `alert`.

    Returns
    -------
    tuple of (str, int)
        As `answer` gives it. What is no result is only logged: a subscriber needs no right to write rows.
    """
    with logs.context(**_trace(request)):
        try:
            event = parse_result(request.get_json(force=True, silent=True))
        except BadEvent as bad:
            with logs.context(event_id=bad.event_id):
                _log_bad_event(bad)
            return "", 204
        with logs.context(event_id=event.event_id, recording_id=event.message["recording_id"]):
            return _attempt(handle, event, deployment)


def answer_schedule(request: flask.Request, deployment: Deployment) -> tuple[str, int]:
    """Check the day before this one, or the one that the body names: ``{"day": "2026-11-20"}``.

    Parameters
    ----------
    request : flask.Request
        Cloud Scheduler's, or anybody's who may call.
    deployment : Deployment
        What requests share.

    Returns
    -------
    tuple of (str, int)
        204: it was checked. 400: the body names no day. 500 has Cloud Scheduler try again.
    """
    with logs.context(**_trace(request)):
        try:
            said = request.get_json(force=True, silent=True)
            today = datetime.now(deployment.settings.zone).date()
            day = date.fromisoformat(said["day"]) if said else today - timedelta(days=1)
        except (ValueError, TypeError, KeyError) as error:
            log.error("Not checked: the body names no day: %s", error)
            return 'send {"day": "2026-11-20"}, or nothing for yesterday', 400
        return _attempt(monitor, day, deployment)


def _trace(request: flask.Request) -> dict[str, str]:
    return logs.trace(request.headers.get("X-Cloud-Trace-Context"), os.environ.get("GOOGLE_CLOUD_PROJECT"))


def _attempt(handle: Callable[[_T, Deployment], None], what: _T, deployment: Deployment) -> tuple[str, int]:
    try:
        handle(what, deployment)
    except Exception:
        log.exception("Not handled; it will be tried again.")
        return "", 500
    return "", 204


def _log_bad_event(bad: BadEvent) -> None:
    log.error("Not handled, and never will be: %s", bad, extra={"fields": {"failure": "bad_event"}})


def _note_bad_event(bad: BadEvent, deployment: Deployment) -> None:
    _log_bad_event(bad)
    if bad.event_id:
        row = failure_row("bad_event", str(bad), datetime.now(UTC), event_id=bad.event_id)
        deployment.warehouse.append("failures", [row])


def _is_of_recording(event: StorageEvent, kind: str) -> bool:
    """Whether the event is of this kind, and of a recording; the log tells of those that are not."""
    if event.kind != kind:
        log.info("Passed over: the event is %s, not %s.", event.kind, kind)
    elif is_side_file(event.ref.name):
        log.info("Passed over: a side file.")
    else:
        return True
    return False


def analyze(event: StorageEvent, deployment: Deployment) -> None:
    """A recording was uploaded: fetch that generation, analyze it and write its rows.

    Parameters
    ----------
    event : StorageEvent
        Other kinds than OBJECT_FINALIZE, and side files, are passed over.
    deployment : Deployment
        What requests share.
    """
    if not _is_of_recording(event, FINALIZED):
        return
    # Heavy, and the other functions do without.
    from callmood.analysis.analyzer import analyze
    from callmood.sources.gcs import fetch

    settings, warehouse = deployment.settings, deployment.warehouse
    try:
        recording = fetch(deployment.storage, event.ref, settings)
        models, wanted = deployment.models, event.model_version
        model = models.of_version(wanted) if wanted else models.of_recording(event.ref.recording_id)
        started = time.perf_counter()
        analysis = analyze(recording, model, settings)
    except BadRecording as bad:
        log.warning("Failed for good: %s.", bad.code, extra={"fields": {"failure": bad.code}})
        row = failure_row(bad.code, bad.message, datetime.now(UTC), event.ref, event.event_id)
        warehouse.append("failures", [row])
        return
    segments, commit = analysis_rows(analysis, settings, datetime.now(UTC), time.perf_counter() - started)
    write_analysis(warehouse, segments, commit)
    if event.overwrote:
        row = erasure_row(event.overwrote.recording_id, "replaced", datetime.now(UTC))
        warehouse.append("erasures", [row])
    told = ("analysis_id", "duration_s", "segment_count", "warnings", "model_version", "processing_s")
    log.info("Analyzed.", extra={"fields": {name: commit[name] for name in told}})
    if settings.results_topic and not event.model_version:  # nobody is to be alerted of last year's calls
        from callmood.services.publish import analysis_message, publish

        # Last, for the rows matter more. Where it fails the event comes again, and the rows of both times count once.
        publish(deployment.publisher, settings.results_topic, analysis_message(segments, commit, settings))


def alert(event: ResultEvent, deployment: Deployment) -> None:
    """A result was published: post it to the webhook, where the call needs attention.

    Parameters
    ----------
    event : ResultEvent
        Calls that need none are passed over, should the subscription have no filter.
    deployment : Deployment
        What requests share.
    """
    if not event.message["needs_attention"]:
        log.info("Passed over: the call needs no attention.")
        return
    deployment.webhook.post(event.message["analysis_id"], event.body)
    log.info("Alerted.")


def erase(event: StorageEvent, deployment: Deployment) -> None:
    """A recording was deleted: hide its results at once, where `ERASE_ON_DELETE` asks for that.

    Parameters
    ----------
    event : StorageEvent
        Other kinds than OBJECT_DELETE, side files and the delete event of an overwrite are passed over.
    deployment : Deployment
        What requests share.
    """
    if not _is_of_recording(event, DELETED):
        return
    if event.overwritten:
        log.info("Passed over: a newer generation took its place.")
        return
    if not deployment.settings.erase_on_delete:
        log.info("Passed over: results are to outlive their audio.")
        return
    row = erasure_row(event.ref.recording_id, "object_deleted", datetime.now(UTC))
    deployment.warehouse.append("erasures", [row])
    log.info("Erased.", extra={"fields": {"erasure": "object_deleted"}})


def quarantine(event: StorageEvent, deployment: Deployment) -> None:
    """An event ended in the dead letter topic: write down that its recording has no results, and why that may be.

    Parameters
    ----------
    event : StorageEvent
        With the attributes that Pub/Sub adds to dead letters:
        https://cloud.google.com/pubsub/docs/dead-letter-topics#track-delivery-attempts.
    deployment : Deployment
        What requests share.
    """
    prefix = "CloudPubSubDeadLetterSource"
    attempts = event.attributes.get(f"{prefix}DeliveryCount", "an unknown number of")
    subscription = event.attributes.get(f"{prefix}Subscription", "unknown")
    published = event.attributes.get(f"{prefix}TopicPublishTime", "an unknown time")
    remedy = "erase the call" if event.kind == DELETED else "upload the object again"
    message = (
        f"The {event.kind} event of {published} was given up after {attempts} attempts by subscription {subscription}. "
        f"The function's log has the reason under this recording_id; mend it, then {remedy}."
    )
    row = failure_row("undeliverable", message, datetime.now(UTC), event.ref, event.event_id)
    deployment.warehouse.append("failures", [row])
    log.error("Given up after %s attempts.", attempts, extra={"fields": {"failure": "undeliverable"}})


def monitor(day: date, deployment: Deployment) -> None:
    """A day is over: compare its calls with what the model knows, write what was found, and tell who should know.

    Parameters
    ----------
    day : date
        In the configured time zone.
    deployment : Deployment
        What requests share.
    """
    from callmood.monitoring.daily_check import check_day, days_of_drift, drifting, retrain_message
    from callmood.monitoring.reference import references

    settings = deployment.settings
    rows = check_day(
        deployment.reports,
        day,
        references(settings, lambda: deployment.storage),
        min_calls_per_group=settings.min_calls_per_group,
        checked_at=datetime.now(UTC),
    )
    if rows:
        deployment.warehouse.append("drift_checks", rows)
    if rows and settings.metrics_prefix:
        from callmood.monitoring.metrics import publish as publish_metrics

        project = os.environ["GOOGLE_CLOUD_PROJECT"]
        publish_metrics(deployment.metrics, project, settings.metrics_prefix, rows, datetime.now(UTC))
    for version, metrics in drifting(rows).items():
        days = days_of_drift(deployment.reports, day, version)
        told = {"drift": sorted(metrics), "drift_days": days, "model_version": version, "day": day.isoformat()}
        log.warning("Calls have drifted: %s.", ", ".join(sorted(metrics)), extra={"fields": told})
        if settings.retrain_topic and days == settings.retrain_after_days:
            from callmood.services.publish import publish

            publish(deployment.publisher, settings.retrain_topic, retrain_message(day, version, metrics))
    log.info("Checked.", extra={"fields": {"day": day.isoformat(), "checks": len(rows)}})
