"""Check a deployment from the outside: its resources, their configuration, and the rows of its recordings."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any

import requests
from google.api_core.exceptions import BadRequest, GoogleAPIError, NotFound
from google.auth.exceptions import GoogleAuthError
from google.cloud.bigquery import Client, QueryJobConfig, ScalarQueryParameter, SchemaField
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.cloud.storage import Client as StorageClient

from callmood.errors import CallmoodError, ModelError, RegistryError
from callmood.models.registry import Registry, parse_registry_uri
from callmood.ops.cost import load_prices
from callmood.ops.looker import PAGES
from callmood.resources import SCHEMAS
from callmood.sources.sidecar import is_sidecar
from callmood.types import ObjectRef
from callmood.warehouse.bigquery import BigQueryWarehouse
from callmood.warehouse.schema import Field, tables, views

APPLY = "run: terraform apply"
DEAD_LETTER_FUNCTION = "dead-letter"
FUNCTIONS = ("analyze", "erase", DEAD_LETTER_FUNCTION)

# Pub/Sub waits this long for a response, so this is also the time limit of a function for one recording.
_ACK_DEADLINE_S = 600
# Twenty attempts with backoff take up to three hours. After that, every recording has a row in some table.
_SETTLED_AFTER = timedelta(hours=4)
# Calls are usually younger than this when they are uploaded.
_USUAL_AGE = timedelta(days=31)
# Columns that a filter on the day uses.
_DAYS = ("call_date", "failed_date")
_CHEAP_BYTES = 20e9
_MAX_LISTED, _MAX_CHECKED = 20_000, 200
_NO_RETRY: dict[str, Any] = {"retry": None, "timeout": 30.0}

_RECORDINGS_WITH_ROWS = """
SELECT recording_id FROM recordings WHERE call_date >= @first AND recording_id IN UNNEST(SPLIT(@ids, ','))
UNION DISTINCT
SELECT recording_id FROM failures WHERE failed_at >= TIMESTAMP(@first) AND recording_id IN UNNEST(SPLIT(@ids, ','))
UNION DISTINCT
SELECT recording_id FROM erasures WHERE erased_at >= TIMESTAMP(@first) AND recording_id IN UNNEST(SPLIT(@ids, ','))
"""

_WHOLE_VIEW = "SELECT * FROM {view} WHERE {condition}"

# BigQuery has two names for each of these types.
_TYPES = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL", "STRUCT": "RECORD"}


@dataclass(frozen=True)
class CheckResult:
    """The result of one check.

    Parameters
    ----------
    check : str
        Name of the check.
    ok : bool
        Whether the check passed.
    message : str
        What the check found, in one sentence.
    fix : str
        How to fix a problem; empty if the check passed.
    """

    check: str
    ok: bool
    message: str
    fix: str = ""


@dataclass(frozen=True)
class Deployment:
    """The names of the resources of a deployment, and the clients to check them.

    Parameters
    ----------
    project, name : str
        Terraform's `project_id` and `name`.
    bucket : str
        Bucket of the recordings.
    dataset : str
        ``project.dataset`` of the tables.
    storage, publisher, subscriber, bigquery
        Clients.
    model : str or None
        `MODEL_URI` of the functions, to check the model registry.
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


def run_checks(deployment: Deployment) -> Iterator[CheckResult]:
    """Check a deployment, from the bucket to the rows.

    Parameters
    ----------
    deployment : Deployment
        The deployment.

    Yields
    ------
    CheckResult
        One or more per check. A check that cannot run counts as failed.
    """
    checks: list[tuple[str, Callable[[Deployment], Iterator[CheckResult]]]] = [
        ("bucket", _check_bucket),
        ("notifications", _check_notifications),
        ("topics", _check_topics),
        ("subscriptions", _check_subscriptions),
        ("functions", _check_functions),
        ("model", _check_model),
        ("tables", _check_tables),
        ("views", _check_views),
        ("queries", _check_queries),
        ("recordings", _check_recordings),
        ("failures", _check_failures),
    ]
    for name, check in checks:
        try:
            yield from check(deployment)
        except (GoogleAPIError, GoogleAuthError, CallmoodError, requests.RequestException) as error:
            yield _check_error(name, error)


def _check_error(check: str, error: Exception) -> CheckResult:
    """Return the result of a check that could not run."""
    cause = error.__cause__ if isinstance(error, CallmoodError) else error
    if isinstance(cause, NotFound):
        return CheckResult(check, False, f"Not found: {cause.message}", APPLY)
    if isinstance(cause, GoogleAuthError):
        return CheckResult(check, False, f"No credentials: {cause}", "run: gcloud auth application-default login")
    return CheckResult(
        check, False, f"Check failed: {error}", "ask to be added to Terraform's operators, and try again"
    )


def _check_bucket(deployment: Deployment) -> Iterator[CheckResult]:
    bucket = deployment.storage.get_bucket(deployment.bucket, **_NO_RETRY)
    policy = bucket.iam_configuration
    ok = policy.public_access_prevention == "enforced" and policy.uniform_bucket_level_access_enabled
    yield CheckResult(
        "bucket",
        ok,
        f"gs://{deployment.bucket} {'prevents' if ok else 'does not prevent'} public access.",
        "" if ok else f"the bucket was changed manually; {APPLY}",
    )


def _check_notifications(deployment: Deployment) -> Iterator[CheckResult]:
    topic = f"{deployment.name}-recordings"
    notifications = deployment.storage.bucket(deployment.bucket).list_notifications(**_NO_RETRY)
    types = {kind for each in notifications if each.topic_name == topic for kind in each.event_types or ()}
    missing = {"OBJECT_FINALIZE", "OBJECT_DELETE"} - types
    message = (
        f"The bucket does not notify the topic {topic} of {', '.join(sorted(missing))}."
        if missing
        else f"The bucket notifies the topic {topic}."
    )
    yield CheckResult("notifications", not missing, message, APPLY if missing else "")


def _check_topics(deployment: Deployment) -> Iterator[CheckResult]:
    for name in ("recordings", "dead-letters"):
        path = deployment.publisher.topic_path(deployment.project, f"{deployment.name}-{name}")
        deployment.publisher.get_topic(topic=path, **_NO_RETRY)
    yield CheckResult("topics", True, "The topics for recordings and dead letters exist.")


def _check_subscriptions(deployment: Deployment) -> Iterator[CheckResult]:
    for function in FUNCTIONS:
        subscription = _subscription(deployment, function)
        problems = []
        if not subscription.push_config.push_endpoint:
            problems.append("has no push endpoint")
        elif not subscription.push_config.oidc_token.service_account_email:
            problems.append("does not authenticate its requests")
        if subscription.topic == "_deleted-topic_":
            problems.append("lost its topic")
        if function != DEAD_LETTER_FUNCTION and not subscription.dead_letter_policy.dead_letter_topic:
            problems.append("has no dead letter topic")
        if function == "analyze" and subscription.ack_deadline_seconds < _ACK_DEADLINE_S:
            problems.append(f"has an ack deadline of only {subscription.ack_deadline_seconds} s")
        name = f"{deployment.name}-{function}"
        message = f"{name} {', '.join(problems)}." if problems else f"{name} pushes to its function."
        yield CheckResult("subscriptions", not problems, message, APPLY if problems else "")


def _subscription(deployment: Deployment, function: str):  # type: ignore[no-untyped-def]  # the library is untyped
    path = deployment.subscriber.subscription_path(deployment.project, f"{deployment.name}-{function}")
    return deployment.subscriber.get_subscription(subscription=path, **_NO_RETRY)


def _check_functions(deployment: Deployment) -> Iterator[CheckResult]:
    for function in FUNCTIONS:
        endpoint = _subscription(deployment, function).push_config.push_endpoint
        response = requests.get(endpoint, timeout=30.0) if endpoint else None
        ok = response is not None and response.status_code in (403, 404)  # rejected, or hidden by the ingress setting
        problem = "has no caller" if response is None else f"answers public requests with HTTP {response.status_code}"
        yield CheckResult(
            "functions",
            ok,
            f"{function} {'rejects public requests' if ok else problem}.",
            "" if ok else f"check its ingress setting and its invokers; {APPLY}",
        )


def _check_model(deployment: Deployment) -> Iterator[CheckResult]:
    """Check that the versions in production and canary load and pass their self-tests."""
    address = parse_registry_uri(deployment.model)
    if address is None:
        return
    uri, alias = address
    registry = Registry(uri, lambda: deployment.storage)
    try:
        release = registry.release(alias)
    except RegistryError as error:
        yield CheckResult("model", False, f"{error}.", f"promote a version: python -m model versions --registry {uri}")
        return
    for version, share in ((release.version, 1 - release.share), (release.canary, release.share)):
        if version is None:
            continue
        try:
            registry.load(version)
        except ModelError as error:
            yield CheckResult("model", False, f"{alias}: {error}.", f"run: python -m model rollback --registry {uri}")
        else:
            message = f"{alias} uses {version} for {share:.0%} of recordings; its self-test passed."
            yield CheckResult("model", True, message)


def _check_tables(deployment: Deployment) -> Iterator[CheckResult]:
    for table in tables().values():
        existing = deployment.bigquery.get_table(f"{deployment.dataset}.{table.name}", **_NO_RETRY)
        problems = list(_schema_problems(table.fields, existing.schema))
        message = f"{table.name}: {', '.join(problems)}." if problems else f"{table.name} has all columns."
        fix = f"the table is older than this software; {APPLY}" if problems else ""
        yield CheckResult("tables", not problems, message, fix)


def _schema_problems(fields: tuple[Field, ...], columns: list[SchemaField], prefix: str = "") -> Iterator[str]:
    existing = {column.name: column for column in columns}
    for field in fields:
        column, name = existing.get(field.name), prefix + field.name
        if column is None:
            yield f"{name} is missing"
            continue
        kind = _TYPES.get(column.field_type, column.field_type)
        if (kind, column.mode) != (field.type, field.mode):
            yield f"{name} is {kind} {column.mode} instead of {field.type} {field.mode}"
        yield from _schema_problems(field.fields, list(column.fields), f"{name}.")


def _check_views(deployment: Deployment) -> Iterator[CheckResult]:
    names = sorted(path.stem for path in (SCHEMAS / "views").glob("*.sql"))
    existing = {table.table_id for table in deployment.bigquery.list_tables(deployment.dataset, **_NO_RETRY)}
    missing = [name for name in names if name not in existing]
    message = f"Missing views: {', '.join(missing)}." if missing else f"All {len(names)} views exist."
    yield CheckResult("views", not missing, message, APPLY if missing else "")


def _check_queries(deployment: Deployment) -> Iterator[CheckResult]:
    """Check with dry runs, which are free, that BigQuery accepts the views of the dashboard, and what a month costs."""
    first = (datetime.now(UTC) - _USUAL_AGE).date()
    sizes, failed = {}, False
    for name in sorted({view for page in PAGES.values() for view in page}):
        day = next((field.name for field in views()[name].fields if field.name in _DAYS), None)
        sql = _WHOLE_VIEW.format(view=name, condition=f"{day} >= @first" if day else "TRUE")
        config = QueryJobConfig(
            dry_run=True,
            use_query_cache=False,
            default_dataset=deployment.dataset,
            query_parameters=[ScalarQueryParameter("first", "DATE", first)],
        )
        try:
            job = deployment.bigquery.query(sql, job_config=config, **_NO_RETRY)
        except BadRequest as error:
            failed = True
            yield CheckResult("queries", False, f"BigQuery rejects the view {name}: {error.message}", APPLY)
        else:
            sizes[name] = job.total_bytes_processed or 0
    if failed:
        return
    total, largest = sum(sizes.values()), max(sizes, key=lambda name: sizes[name])
    usd = total / 2**40 * load_prices()["prices"]["query_tib"]["usd"]
    message = (
        f"All columns of the dashboard over {_USUAL_AGE.days} days read at most "
        f"{total / 1e9:,.2f} GB ({usd:,.2f} USD), "
        f"of which {largest} reads {sizes[largest] / 1e9:,.2f} GB."
    )
    is_cheap = total < _CHEAP_BYTES
    fix = (
        "" if is_cheap else "for 100,000 calls per month or more, set Terraform's store_metrics (docs/million-calls.md)"
    )
    yield CheckResult("queries", True, message, fix)


def _check_recordings(deployment: Deployment) -> Iterator[CheckResult]:
    """Check that each of the latest recordings has a row in some table."""
    blobs = list(islice(deployment.storage.list_blobs(deployment.bucket, **_NO_RETRY), _MAX_LISTED))
    settled = datetime.now(UTC) - _SETTLED_AFTER
    candidates = [blob for blob in blobs if blob.time_created < settled and not is_sidecar(blob.name)]
    latest = heapq.nlargest(_MAX_CHECKED, candidates, key=lambda blob: blob.time_created)
    names = {ObjectRef(deployment.bucket, blob.name, blob.generation).recording_id: blob.name for blob in latest}
    oldest = min((blob.time_created for blob in latest), default=settled).date() - _USUAL_AGE
    missing = names.keys() - _recordings_with_rows(deployment, names, oldest)
    if missing:  # or their calls are older
        missing -= _recordings_with_rows(deployment, missing, date.min)
    if not names:
        yield CheckResult("recordings", True, f"The bucket has no recording older than {_SETTLED_AFTER}.")
        return
    lost = [names[each] for each in missing]
    if lost:
        message = f"{len(lost)} of the latest {len(names)} recordings have no row, such as {min(lost)}."
        fix = f"if they are older than the deployment, run: callmood backfill gs://{deployment.bucket}"
        yield CheckResult("recordings", False, message, fix)
    else:
        yield CheckResult("recordings", True, f"The latest {len(names)} recordings have rows.")


def _recordings_with_rows(deployment: Deployment, recording_ids: Iterable[str], first: date) -> set[str]:
    """Return the IDs of recordings that have a row since a day."""
    warehouse = BigQueryWarehouse(deployment.dataset, deployment.bigquery)
    rows = warehouse.query(_RECORDINGS_WITH_ROWS, {"ids": ",".join(recording_ids) or "none", "first": first})
    return {row["recording_id"] for row in rows}


def _check_failures(deployment: Deployment) -> Iterator[CheckResult]:
    rows = BigQueryWarehouse(deployment.dataset, deployment.bigquery).query(
        "SELECT code, COUNT(DISTINCT failure_id) AS n FROM failures "
        "WHERE failed_at >= @since GROUP BY code ORDER BY code",
        {"since": datetime.now(UTC) - timedelta(days=1)},
    )
    fixable = any(row["code"] in ("undeliverable", "forbidden") for row in rows)
    counts = ", ".join(f"{row['n']} {row['code']}" for row in rows) or "none"
    fix = (
        "find the cause in the log of the function analyze, by recording_id; fix it, then run: callmood retry-failures"
        if fixable
        else ""
    )
    yield CheckResult("failures", not fixable, f"Failures of the last 24 hours: {counts}.", fix)
