"""A deployment looked at from outside: whether all is there and as it should be, and every recording gets its rows."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import requests
from google.api_core.exceptions import GoogleAPIError, NotFound
from google.auth.exceptions import GoogleAuthError
from google.cloud.bigquery import Client, SchemaField
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.cloud.storage import Client as StorageClient

from callmood.errors import CallmoodError, ModelError, RegistryError
from callmood.models.registry import Registry, parse_address
from callmood.recording import ObjectRef, is_side_file
from callmood.resources import SCHEMAS
from callmood.warehouse.bigquery import BigQueryWarehouse
from callmood.warehouse.schema import Field, tables

APPLY = "run: terraform apply"
FUNCTIONS = ("analyze", "erase", "quarantine")

# Pub/Sub waits this long for an answer, so a function has this long for one recording.
_ACK_DEADLINE_S = 600
# Five attempts with back-off take about a quarter of an hour; by then every recording has a row of some kind.
_SETTLED_AFTER = timedelta(minutes=30)
_LISTED, _LOOKED_AT = 20_000, 200
_ASK_ONCE: dict[str, Any] = {"retry": None, "timeout": 30.0}

# BigQuery knows these types by two names.
_TYPES = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL", "STRUCT": "RECORD"}


@dataclass(frozen=True)
class Finding:
    """What one look found.

    Parameters
    ----------
    what : str
        What was looked at.
    well : bool
        Whether it is as it should be.
    found : str
        What was found, in a sentence.
    remedy : str
        What to do; empty where all is well.
    """

    what: str
    well: bool
    found: str
    remedy: str = ""


@dataclass(frozen=True)
class Deployment:
    """What a deployment consists of, by name, and the clients to look at it.

    Parameters
    ----------
    project, name : str
        As in Terraform's `project_id` and `name`.
    bucket : str
        The recordings' bucket.
    dataset : str
        ``project.dataset`` of the tables.
    storage, publisher, subscriber, bigquery
        Clients.
    model : str or None
        What the functions are told as `MODEL_URI`, where it is to be looked at.
    """

    project: str
    name: str
    bucket: str
    dataset: str
    storage: StorageClient
    publisher: PublisherClient
    subscriber: SubscriberClient
    bigquery: Client
    model: str | None = None


def examine(deployment: Deployment) -> Iterator[Finding]:
    """Look at a deployment, from the bucket to the rows.

    Parameters
    ----------
    deployment : Deployment
        Where to look.

    Yields
    ------
    Finding
        One for each thing looked at; what cannot be looked at is not well.
    """
    looks: list[tuple[str, Callable[[Deployment], Iterator[Finding]]]] = [
        ("bucket", _bucket),
        ("notifications", _notifications),
        ("topics", _topics),
        ("subscriptions", _subscriptions),
        ("functions", _functions),
        ("model", _model),
        ("tables", _tables),
        ("views", _views),
        ("recordings", _recordings),
        ("failures", _failures),
    ]
    for what, look in looks:
        try:
            yield from look(deployment)
        except (GoogleAPIError, GoogleAuthError, CallmoodError, requests.RequestException) as error:
            yield _blind(what, error)


def _blind(what: str, error: Exception) -> Finding:
    """What it means that something could not be looked at."""
    cause = error.__cause__ if isinstance(error, CallmoodError) else error
    if isinstance(cause, NotFound):
        return Finding(what, False, f"Not found: {cause.message}", APPLY)
    if isinstance(cause, GoogleAuthError):
        return Finding(what, False, f"No credentials: {cause}", "run: gcloud auth application-default login")
    return Finding(what, False, f"Could not look: {error}", "ask to be one of Terraform's operators, and try again")


def _bucket(at: Deployment) -> Iterator[Finding]:
    bucket = at.storage.get_bucket(at.bucket, **_ASK_ONCE)
    policy = bucket.iam_configuration
    well = policy.public_access_prevention == "enforced" and policy.uniform_bucket_level_access_enabled
    yield Finding(
        "bucket",
        well,
        f"gs://{at.bucket} is {'private' if well else 'open to being made public'}.",
        "" if well else f"somebody changed it by hand; {APPLY}",
    )


def _notifications(at: Deployment) -> Iterator[Finding]:
    topic = f"{at.name}-recordings"
    told = [
        found for found in at.storage.bucket(at.bucket).list_notifications(**_ASK_ONCE) if found.topic_name == topic
    ]
    kinds = {kind for found in told for kind in found.event_types or ()}
    missing = {"OBJECT_FINALIZE", "OBJECT_DELETE"} - kinds
    found = (
        f"The bucket does not tell {topic} of {', '.join(sorted(missing))}."
        if missing
        else f"The bucket tells {topic}."
    )
    yield Finding("notifications", not missing, found, APPLY if missing else "")


def _topics(at: Deployment) -> Iterator[Finding]:
    for name in ("recordings", "dead-letters"):
        at.publisher.get_topic(topic=at.publisher.topic_path(at.project, f"{at.name}-{name}"), **_ASK_ONCE)
    yield Finding("topics", True, "Recordings and dead letters have their topics.")


def _subscriptions(at: Deployment) -> Iterator[Finding]:
    for function in FUNCTIONS:
        found = _subscription(at, function)
        faults = []
        if not found.push_config.push_endpoint:
            faults.append("pushes nowhere")
        elif not found.push_config.oidc_token.service_account_email:
            faults.append("does not sign its calls")
        if found.topic == "_deleted-topic_":
            faults.append("has lost its topic")
        if function != "quarantine" and not found.dead_letter_policy.dead_letter_topic:
            faults.append("gives up without a dead letter")
        if function == "analyze" and found.ack_deadline_seconds < _ACK_DEADLINE_S:
            faults.append(f"waits only {found.ack_deadline_seconds} s for an analysis")
        name = f"{at.name}-{function}"
        told = f"{name} {', '.join(faults)}." if faults else f"{name} pushes to its function."
        yield Finding("subscriptions", not faults, told, APPLY if faults else "")


def _subscription(at: Deployment, function: str):  # type: ignore[no-untyped-def]  # the library has no types
    path = at.subscriber.subscription_path(at.project, f"{at.name}-{function}")
    return at.subscriber.get_subscription(subscription=path, **_ASK_ONCE)


def _functions(at: Deployment) -> Iterator[Finding]:
    for function in FUNCTIONS:
        endpoint = _subscription(at, function).push_config.push_endpoint
        answer = requests.get(endpoint, timeout=30.0) if endpoint else None
        well = answer is not None and answer.status_code in (403, 404)  # refused, or hidden by its ingress
        told = f"answers strangers with {answer.status_code}" if answer is not None else "is called by nobody"
        yield Finding(
            "functions",
            well,
            f"{function} {'takes no calls from outside' if well else told}.",
            "" if well else f"it should refuse: look at its ingress and at who may invoke it; {APPLY}",
        )


def _model(at: Deployment) -> Iterator[Finding]:
    """Whether the versions that serve can be loaded and pass their self-tests."""
    address = parse_address(at.model)
    if address is None:
        return
    uri, alias = address
    registry = Registry(uri, lambda: at.storage)
    try:
        release = registry.release(alias)
    except RegistryError as error:
        yield Finding("model", False, f"{error}.", f"promote a version: python -m model versions --registry {uri}")
        return
    for version, share in ((release.version, 1 - release.share), (release.canary, release.share)):
        if version is None:
            continue
        try:
            registry.load(version)
        except ModelError as error:
            yield Finding("model", False, f"{alias}: {error}.", f"run: python -m model rollback --registry {uri}")
        else:
            yield Finding("model", True, f"{alias} is {version} for {share:.0%} of the recordings, and it works.")


def _tables(at: Deployment) -> Iterator[Finding]:
    for table in tables().values():
        there = at.bigquery.get_table(f"{at.dataset}.{table.name}", **_ASK_ONCE)
        wrong = list(_differences(table.fields, there.schema))
        told = f"{table.name}: {', '.join(wrong)}." if wrong else f"{table.name} has every column."
        yield Finding("tables", not wrong, told, f"the tables are older than this software; {APPLY}" if wrong else "")


def _differences(fields: tuple[Field, ...], columns: list[SchemaField], where: str = "") -> Iterator[str]:
    there = {column.name: column for column in columns}
    for field in fields:
        column, name = there.get(field.name), where + field.name
        if column is None:
            yield f"{name} is missing"
            continue
        kind = _TYPES.get(column.field_type, column.field_type)
        if (kind, column.mode) != (field.type, field.mode):
            yield f"{name} is {kind} {column.mode}, should be {field.type} {field.mode}"
        yield from _differences(field.fields, list(column.fields), f"{name}.")


def _views(at: Deployment) -> Iterator[Finding]:
    names = sorted(path.stem for path in (SCHEMAS / "views").glob("*.sql"))
    there = {found.table_id for found in at.bigquery.list_tables(at.dataset, **_ASK_ONCE)}
    missing = [name for name in names if name not in there]
    told = f"Missing: {', '.join(missing)}." if missing else f"All {len(names)} views are there."
    yield Finding("views", not missing, told, APPLY if missing else "")


def _recordings(at: Deployment) -> Iterator[Finding]:
    """No recording disappears without a row that says why: look whether that is so of the newest."""
    listed = list(islice(at.storage.list_blobs(at.bucket, **_ASK_ONCE), _LISTED))
    settled = datetime.now(UTC) - _SETTLED_AFTER
    old = [blob for blob in listed if blob.time_created < settled and not is_side_file(blob.name)]
    newest = heapq.nlargest(_LOOKED_AT, old, key=lambda blob: blob.time_created)
    ids = {ObjectRef(at.bucket, blob.name, blob.generation).recording_id: blob.name for blob in newest}
    rows = BigQueryWarehouse(at.dataset, at.bigquery).query(
        " UNION DISTINCT ".join(
            f"SELECT recording_id FROM {table} WHERE recording_id IN UNNEST(SPLIT(@ids, ','))"  # noqa: S608 - ours
            for table in ("recordings", "failures", "erasures")
        ),
        {"ids": ",".join(ids) or "none"},
    )
    lost = [ids[found] for found in ids.keys() - {row["recording_id"] for row in rows}]
    if not ids:
        yield Finding("recordings", True, f"No recording is older than {_SETTLED_AFTER}.")
        return
    told = f"{len(lost)} of the newest {len(ids)} have no row" if lost else f"The newest {len(ids)} all have rows"
    remedy = f"were they there before the deployment? run: callmood backfill gs://{at.bucket}" if lost else ""
    yield Finding("recordings", not lost, f"{told}{f', such as {min(lost)}' if lost else ''}.", remedy)


def _failures(at: Deployment) -> Iterator[Finding]:
    rows = BigQueryWarehouse(at.dataset, at.bigquery).query(
        "SELECT code, COUNT(DISTINCT failure_id) AS n FROM failures "
        "WHERE failed_at >= @since GROUP BY code ORDER BY code",
        {"since": datetime.now(UTC) - timedelta(days=1)},
    )
    ours = [row for row in rows if row["code"] in ("undeliverable", "forbidden")]
    told = ", ".join(f"{row['n']} {row['code']}" for row in rows) or "none"
    remedy = "the log of analyze says why, by recording_id; mend it, then run: callmood retry-failures" if ours else ""
    yield Finding("failures", not ours, f"Failures of the last day: {told}.", remedy)
