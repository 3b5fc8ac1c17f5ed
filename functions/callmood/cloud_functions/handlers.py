"""Handlers of the functions: each handles one event with the services below."""

from __future__ import annotations

import logging
import os
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from callmood.analysis.rows import ErasureReason, erasure_row, failure_row
from callmood.cloud_functions.clients import Clients
from callmood.cloud_functions.pubsub import ResultEvent, StorageEvent
from callmood.errors import LegAwaited, SettingsError
from callmood.settings import AlertSettings, AnalyzeSettings, DeadLetterSettings, EraseSettings, MonitorSettings
from callmood.sources.sidecar import is_sidecar
from callmood.types import DELETED, FINALIZED

if TYPE_CHECKING:
    from collections.abc import Callable

    from callmood.emotion.model import EmotionModel
    from callmood.sources.legs import LegNames
    from callmood.types import ObjectRef, Recording
    from callmood.warehouse.base import Warehouse

log = logging.getLogger(__name__)


def analyze(event: StorageEvent, settings: AnalyzeSettings, clients: Clients) -> None:
    """Analyze an uploaded recording: fetch that generation, write its rows, and publish its message.

    Parameters
    ----------
    event : StorageEvent
        Events other than OBJECT_FINALIZE, and sidecar files, are skipped.
    settings : AnalyzeSettings
        Settings of the function.
    clients : Clients
        Shared clients.

    Raises
    ------
    LegAwaited
        The recording is one leg of a call, and the other one may still arrive.
    """
    if not _is_about_recording(event, FINALIZED):
        return
    # These imports are heavy, and the other functions do not need them.
    from callmood.services.process import process, retire
    from callmood.sources.gcs import fetch
    from callmood.sources.legs import leg_names

    def model() -> EmotionModel:
        models = clients.models(settings.model_uri, settings.population_uri)
        version = event.model_version
        return models.for_version(version) if version else models.for_recording(event.ref.recording_id)

    warehouse = clients.warehouse(settings.dataset)
    if event.overwrote:
        # First, because the older generation must disappear even if this one is never analyzed.
        retire(warehouse, event.overwrote)
    names = leg_names(event.ref.name, settings)
    read = _leg_reader(event.ref, names, warehouse, settings, clients) if names else None
    if names and not read:
        log.info("Skipped: the event of the other leg completes the call.")
        return
    result = process(
        event.ref,
        read or (lambda ref: fetch(clients.storage, ref, settings)),
        model,
        warehouse,
        settings,
        event_id=event.event_id,
    )
    if result.status == "failed":
        log.warning("Permanent failure: %s.", result.row["code"], extra={"fields": {"failure": result.row["code"]}})
        return
    logged = ("analysis_id", "duration_s", "segment_count", "warnings", "model_version", "processing_s")
    log.info("Analyzed.", extra={"fields": {name: result.row[name] for name in logged}})
    if settings.results_topic and not event.model_version:  # a backfill must not alert anyone about old calls
        from callmood.services.publish import analysis_message, publish

        # Publish last: rows matter more. If this fails, the event is delivered again, and views count the rows once.
        message = analysis_message(result.segments, result.row, settings.time_zone)
        publish(clients.publisher, settings.results_topic, message)


def _leg_reader(
    ref: ObjectRef, names: LegNames, warehouse: Warehouse, settings: AnalyzeSettings, clients: Clients
) -> Callable[[ObjectRef], Recording] | None:
    """Return the function that reads the call of a leg, or None if the event of the other leg completes the call.

    Both events compare the same two generations, so exactly one of them completes the call, in any order of events. An
    empty leg has a failure of its own, and the other one counts as alone.
    """
    from callmood.services.process import retire
    from callmood.sources.gcs import fetch_legs, find_current

    current = find_current(clients.storage, ref.bucket, ref.name)
    other = find_current(clients.storage, ref.bucket, names.other)
    if current and current.is_empty:
        other = None
    elif other is None or other.is_empty:
        other = None
        age_s = (datetime.now(UTC) - current.created_at).total_seconds() if current else settings.leg_wait_s
        if age_s < settings.leg_wait_s:
            raise LegAwaited(f"the other leg of the call has not arrived; it may take {settings.leg_wait_s:g} s.")
    elif (other.ref.generation, other.ref.name) > (ref.generation, ref.name):
        return None
    else:
        # Hide what was analyzed under the other leg: that leg alone, or the call with an older generation of this leg.
        retire(warehouse, other.ref)
    return lambda known: fetch_legs(clients.storage, known, other.ref if other else None, names.agent, settings)


def alert(event: ResultEvent, settings: AlertSettings) -> None:
    """Post a call's message to the webhook if the call needs attention.

    Parameters
    ----------
    event : ResultEvent
        Calls that need no attention are skipped, in case the subscription has no filter.
    settings : AlertSettings
        Settings of the function.
    """
    from callmood.services.webhook import Webhook

    if not event.message["needs_attention"]:
        log.info("Skipped: the call needs no attention.")
        return
    url, secret = settings.alert_url, settings.alert_secret
    if not url:
        raise SettingsError("ALERT_URL: set it to the URL that receives alerts")
    webhook = Webhook(url.get_secret_value(), secret.get_secret_value() if secret else None)
    webhook.post(event.message["analysis_id"], event.body)
    log.info("Alerted.")


def erase(event: StorageEvent, settings: EraseSettings, clients: Clients) -> None:
    """Hide the results of an overwritten recording at once; those of a deleted one if `ERASE_ON_DELETE` is set.

    Parameters
    ----------
    event : StorageEvent
        Events other than OBJECT_DELETE, and sidecar files, are skipped.
    settings : EraseSettings
        Settings of the function.
    clients : Clients
        Shared clients.
    """
    if not _is_about_recording(event, DELETED):
        return
    if not (event.overwritten or settings.erase_on_delete):
        log.info("Skipped: ERASE_ON_DELETE is off, so results outlive their audio.")
        return
    # The newer generation may never be analyzed, so each side of an overwrite hides the older one.
    reason: ErasureReason = "replaced" if event.overwritten else "object_deleted"
    row = erasure_row(event.ref.recording_id, reason, datetime.now(UTC), event.ref)
    clients.warehouse(settings.dataset).append("erasures", [row])
    log.info("Erased.", extra={"fields": {"erasure": reason}})


def dead_letter(event: StorageEvent, settings: DeadLetterSettings, clients: Clients) -> None:
    """Record that a dead-lettered event left its recording without results.

    Parameters
    ----------
    event : StorageEvent
        With the attributes that Pub/Sub adds to dead letters:
        https://cloud.google.com/pubsub/docs/dead-letter-topics#track-delivery-attempts.
    settings : DeadLetterSettings
        Settings of the function.
    clients : Clients
        Shared clients.
    """
    prefix = "CloudPubSubDeadLetterSource"
    attempts = event.attributes.get(f"{prefix}DeliveryCount", "an unknown number of")
    subscription = event.attributes.get(f"{prefix}Subscription", "unknown")
    published = event.attributes.get(f"{prefix}TopicPublishTime", "an unknown time")
    fix = "erase the call" if event.kind == DELETED else "run callmood retry-failures"
    message = (
        f"The {event.kind} event of {published} was dead-lettered after {attempts} attempts by subscription "
        f"{subscription}. Find the reason in the function's log under this recording_id, fix it, then {fix}."
    )
    row = failure_row("undeliverable", message, datetime.now(UTC), event.ref, event.event_id)
    clients.warehouse(settings.dataset).append("failures", [row])
    log.error("Dead-lettered after %s attempts.", attempts, extra={"fields": {"failure": "undeliverable"}})


def monitor(day: date, settings: MonitorSettings, clients: Clients) -> None:
    """Compare a day's calls with the model's reference; write the checks, the metrics, and the messages.

    Parameters
    ----------
    day : date
        In the configured time zone.
    settings : MonitorSettings
        Settings of the function.
    clients : Clients
        Shared clients.
    """
    from callmood.monitoring.daily_check import check_day, count_drift_days, drifted_metrics, retraining_message
    from callmood.monitoring.reference import reference_loader

    reports = clients.warehouse(settings.reports_dataset or settings.dataset)
    rows = check_day(
        reports,
        day,
        reference_loader(settings.model_uri, settings.reference_uri, lambda: clients.storage),
        min_calls_per_group=settings.min_calls_per_group,
        checked_at=datetime.now(UTC),
    )
    if rows:
        clients.warehouse(settings.dataset).append("drift_checks", rows)
    if rows and settings.metrics_prefix:
        from callmood.monitoring.metrics import publish_metrics

        project = os.environ["GOOGLE_CLOUD_PROJECT"]
        publish_metrics(clients.metrics, project, settings.metrics_prefix, rows, datetime.now(UTC))
    for version, drifted in drifted_metrics(rows).items():
        days = count_drift_days(reports, day, version)
        fields = {"drift": sorted(drifted), "drift_days": days, "model_version": version, "day": day.isoformat()}
        log.warning("Calls have drifted: %s.", ", ".join(sorted(drifted)), extra={"fields": fields})
        if settings.retrain_topic and days == settings.retrain_after_days:
            from callmood.services.publish import publish

            publish(clients.publisher, settings.retrain_topic, retraining_message(day, version, drifted))
    if settings.results_topic and day.isoweekday() == settings.digest_weekday:
        from callmood.services.digest import digest_message, weekly_digest
        from callmood.services.publish import publish

        digest = weekly_digest(reports, day, settings.min_calls_per_group)
        publish(clients.publisher, settings.results_topic, digest_message(digest))
        log.info("Published the weekly digest.", extra={"fields": {"insights": len(digest["insights"])}})
    log.info("Checked.", extra={"fields": {"day": day.isoformat(), "checks": len(rows)}})


def _is_about_recording(event: StorageEvent, kind: str) -> bool:
    """Return whether the event has this kind and is about a recording; log the reason if not."""
    if event.kind != kind:
        log.info("Skipped: the event is %s, not %s.", event.kind, kind)
    elif is_sidecar(event.ref.name):
        log.info("Skipped: a sidecar file.")
    else:
        return True
    return False
