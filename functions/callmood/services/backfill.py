"""Publish events for existing recordings: all recordings of a bucket, or those that failed.

An event has the attributes of a Cloud Storage notification, so the functions process it like a new upload. A recording
that is published twice is analyzed twice, and the views show it once.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from google.api_core.exceptions import Forbidden, GoogleAPIError, NotFound
from google.auth.exceptions import GoogleAuthError
from google.cloud.pubsub_v1 import PublisherClient
from google.cloud.storage import Client

from callmood.errors import CloudError
from callmood.sources.sidecar import is_sidecar
from callmood.types import FINALIZED, ObjectRef
from callmood.warehouse.base import Warehouse

if TYPE_CHECKING:
    from google.cloud.monitoring_v3 import MetricServiceClient

# Cloud Monitoring shows a value after two to four minutes: https://cloud.google.com/monitoring/api/metrics_gcp_p_z
_BACKLOG_METRIC, _BACKLOG_AGE = "pubsub.googleapis.com/subscription/num_undelivered_messages", timedelta(minutes=10)
_PUBLISH_TIMEOUT_S = 60.0
_SAVE_EVERY = 100


@dataclass(frozen=True)
class StoredRecording:
    """A recording in a bucket.

    Parameters
    ----------
    ref : ObjectRef
        Its latest generation.
    size_bytes : int
        Size of the object.
    """

    ref: ObjectRef
    size_bytes: int


@dataclass(frozen=True)
class FailedRecording:
    """A recording that failed and has not been analyzed since.

    Parameters
    ----------
    ref : ObjectRef
        The generation that failed.
    code : str
        One of `FAILURE_CODES`.
    failed_at : datetime
        Time of the failure, with its time zone.
    """

    ref: ObjectRef
    code: str
    failed_at: datetime


def parse_uri(uri: str) -> tuple[str, str]:
    """Split a Cloud Storage URI into bucket and prefix.

    Parameters
    ----------
    uri : str
        ``gs://bucket`` or ``gs://bucket/prefix``.

    Returns
    -------
    tuple of (str, str)
        Bucket and prefix; the prefix may be empty.

    Raises
    ------
    CloudError
        Not a Cloud Storage URI.

    Examples
    --------
    >>> parse_uri("gs://acme-calls/2026/11/")
    ('acme-calls', '2026/11/')
    """
    bucket, _, prefix = uri.removeprefix("gs://").partition("/")
    if not uri.startswith("gs://") or not bucket:
        raise CloudError(f"{uri!r} is not a Cloud Storage URI; use gs://BUCKET or gs://BUCKET/PREFIX")
    return bucket, prefix


def list_recordings(client: Client, uri: str, after: str = "") -> Iterator[StoredRecording]:
    """List the recordings under a URI, sorted by name. Skip sidecar files.

    Parameters
    ----------
    client : Client
        With permission to list the bucket.
    uri : str
        ``gs://bucket/prefix``.
    after : str
        Skip names up to and including this one.

    Yields
    ------
    StoredRecording
        One per recording.

    Raises
    ------
    CloudError
        The bucket does not exist, or listing it is not permitted.
    """
    bucket, prefix = parse_uri(uri)
    with _explained_errors(f"bucket {bucket}", "roles/storage.objectViewer"):
        for blob in client.list_blobs(bucket, prefix=prefix, start_offset=after or None):
            if blob.name > after and not is_sidecar(blob.name):
                yield StoredRecording(ObjectRef(bucket, blob.name, blob.generation), blob.size)


def find_failures(warehouse: Warehouse, codes: Iterable[str], since: datetime) -> list[FailedRecording]:
    """Return recordings that failed and have not been analyzed since, the oldest failure first.

    Parameters
    ----------
    warehouse : Warehouse
        Contains the table `failures`.
    codes : iterable of str
        Codes to include; see `FAILURE_CODES`.
    since : datetime
        Earliest time of a failure, with its time zone.
    """
    rows = warehouse.query(
        "SELECT uri, generation, code, failed_at FROM failures_current "
        "WHERE failed_at >= @since AND uri IS NOT NULL ORDER BY failed_at",
        {"since": since},
    )
    included = set(codes)
    return [
        FailedRecording(ObjectRef(*parse_uri(row["uri"]), row["generation"]), row["code"], row["failed_at"])
        for row in rows
        if row["code"] in included
    ]


def publish_events(
    publisher: PublisherClient,
    topic: str,
    refs: Iterable[ObjectRef],
    per_second: float,
    model_version: str | None = None,
) -> Iterator[ObjectRef]:
    """Publish an event per recording, as Cloud Storage does for an upload.

    Parameters
    ----------
    publisher : PublisherClient
        With permission to publish to the topic.
    topic : str
        ``projects/PROJECT/topics/TOPIC``.
    refs : iterable of ObjectRef
        The recordings.
    per_second : float
        Maximum number of events per second.
    model_version : str, optional
        Version of the model that analyzes the recordings; default: the version in production.

    Yields
    ------
    ObjectRef
        Each recording, in order, after Pub/Sub has accepted its event.

    Raises
    ------
    CloudError
        The topic does not exist, or publishing to it is not permitted.
    """
    # Ten batches per second, because Pub/Sub takes a moment to confirm each event.
    size = max(1, round(per_second / 10))
    extra = {"modelVersion": model_version} if model_version else {}
    remaining, due = iter(refs), time.monotonic()
    with _explained_errors(f"topic {topic}", "roles/pubsub.publisher"):
        while batch := list(islice(remaining, size)):
            # Seconds that a pause took are not made up for.
            due = max(due, time.monotonic() - 1.0)
            time.sleep(max(0.0, due - time.monotonic()))
            due += len(batch) / per_second
            futures = [publisher.publish(topic, b"{}", **_attributes(ref), **extra) for ref in batch]
            for ref, future in zip(batch, futures, strict=True):
                future.result(timeout=_PUBLISH_TIMEOUT_S)
                yield ref


def waiting_events(client: MetricServiceClient, project: str, subscription: str) -> int | None:
    """Return how many events wait in a subscription, or None if Cloud Monitoring has no recent value.

    Parameters
    ----------
    client : MetricServiceClient
        With permission to read metrics.
    project : str
        Project of the subscription.
    subscription : str
        Name of the subscription.

    Raises
    ------
    CloudError
        Reading metrics is not permitted.
    """
    from google.cloud.monitoring_v3.types import ListTimeSeriesRequest, TimeInterval

    now = datetime.now(UTC)
    request = ListTimeSeriesRequest(
        name=f"projects/{project}",
        filter=f'metric.type = "{_BACKLOG_METRIC}" AND resource.labels.subscription_id = "{subscription}"',
        interval=TimeInterval(start_time=now - _BACKLOG_AGE, end_time=now),
    )
    with _explained_errors(f"the metrics of project {project}", "roles/monitoring.viewer"):
        newest = [series.points[0] for series in client.list_time_series(request=request) if series.points]
    return max((point.value.int64_value for point in newest), default=None)


def pause_at_backlog(
    refs: Iterable[ObjectRef],
    waiting: Callable[[], int | None],
    max_waiting: int,
    check_every_s: float = 60.0,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[ObjectRef]:
    """Yield recordings, and pause while too many events wait for the functions.

    The number of waiting events is some minutes old, so it can exceed the maximum by the events of these minutes.

    Parameters
    ----------
    refs : iterable of ObjectRef
        The recordings.
    waiting : callable
        Returns the number of waiting events, or None if it is unknown.
    max_waiting : int
        Pause while more events than this wait.
    check_every_s : float
        Seconds between two calls of `waiting`.
    sleep : callable
        Waits for a number of seconds.

    Yields
    ------
    ObjectRef
        Each recording, in order.
    """
    checked = time.monotonic()
    for ref in refs:
        if time.monotonic() - checked >= check_every_s:
            while (waiting() or 0) > max_waiting:
                sleep(check_every_s)
            checked = time.monotonic()
        yield ref


def _attributes(ref: ObjectRef) -> dict[str, str]:
    """Return the attributes that `cloud_functions.pubsub.parse_push` reads."""
    return {
        "eventType": FINALIZED,
        "bucketId": ref.bucket,
        "objectId": ref.name,
        "objectGeneration": str(ref.generation),
    }


@contextmanager
def _explained_errors(resource: str, role: str) -> Iterator[None]:
    """Turn an error of a Google Cloud library into a message that names the fix."""
    try:
        yield
    except NotFound:
        raise CloudError(f"{resource} does not exist; `terraform output` lists the existing resources") from None
    except Forbidden:
        raise CloudError(f"{resource} needs the role {role}; ask to be added to Terraform's operators") from None
    except GoogleAuthError as error:
        raise CloudError(f"no credentials ({error}); run: gcloud auth application-default login") from None
    except GoogleAPIError as error:
        raise CloudError(f"{resource} failed: {error}") from error


class Checkpoint:
    """The progress of a backfill in a file, so that a stopped run can resume.

    Use it as a context manager: it saves the progress on an error or Ctrl-C, and removes the file on success.

    Parameters
    ----------
    path : Path
        The file.
    uri, topic : str
        Source and destination of the backfill.

    Raises
    ------
    CloudError
        The file belongs to another backfill.
    """

    def __init__(self, path: Path, uri: str, topic: str) -> None:
        self._path, self._job = path, {"uri": uri, "topic": topic}
        self.last_name = ""
        self._count = 0
        if path.exists():
            saved = json.loads(path.read_text(encoding="utf-8"))
            if (saved["uri"], saved["topic"]) != (uri, topic):
                raise CloudError(
                    f"{path} is the checkpoint of another backfill, from {saved['uri']} to {saved['topic']}; "
                    "finish that backfill, delete the file, or set --checkpoint to another file"
                )
            self.last_name = saved["last_name"]

    def advance(self, name: str) -> None:
        """Record that the recording with this name was published. Save every hundredth time."""
        self.last_name, self._count = name, self._count + 1
        if self._count % _SAVE_EVERY == 0:
            self._save()

    def _save(self) -> None:
        self._path.write_text(json.dumps(self._job | {"last_name": self.last_name}), encoding="utf-8")

    def __enter__(self) -> Checkpoint:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if error is None:
            self._path.unlink(missing_ok=True)
        else:
            self._save()
