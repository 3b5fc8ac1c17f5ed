"""Events for recordings that are there already: those of a bucket, and those that failed.

An event says no more than Cloud Storage's own notification, so a recording goes the same way as one just uploaded. What
is published twice is analyzed twice and shown once.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

from google.api_core.exceptions import Forbidden, GoogleAPIError, NotFound
from google.auth.exceptions import GoogleAuthError
from google.cloud.pubsub_v1 import PublisherClient
from google.cloud.storage import Client

from callmood.errors import CloudError
from callmood.recording import ObjectRef, is_side_file
from callmood.types import FINALIZED
from callmood.warehouse.base import Warehouse

_PUBLISH_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class StoredObject:
    """A recording that lies in a bucket.

    Parameters
    ----------
    ref : ObjectRef
        Its newest generation.
    size_bytes : int
        Length of the file.
    """

    ref: ObjectRef
    size_bytes: int


@dataclass(frozen=True)
class Failure:
    """A recording that failed, and was not analyzed since.

    Parameters
    ----------
    ref : ObjectRef
        The generation that failed.
    code : str
        Why: one of `FAILURE_CODES`.
    failed_at : datetime
        When, with its time zone.
    """

    ref: ObjectRef
    code: str
    failed_at: datetime


def parse_uri(uri: str) -> tuple[str, str]:
    """Split the address of an object, or of all that begin alike.

    Parameters
    ----------
    uri : str
        ``gs://bucket`` or ``gs://bucket/prefix``.

    Returns
    -------
    tuple of (str, str)
        Bucket and prefix, which may be empty.

    Raises
    ------
    CloudError
        It is no such address.

    Examples
    --------
    >>> parse_uri("gs://acme-calls/2026/11/")
    ('acme-calls', '2026/11/')
    """
    bucket, _, prefix = uri.removeprefix("gs://").partition("/")
    if not uri.startswith("gs://") or not bucket:
        raise CloudError(f"{uri!r} is no address in Cloud Storage; write gs://BUCKET or gs://BUCKET/PREFIX")
    return bucket, prefix


def stored_objects(client: Client, uri: str, after: str = "") -> Iterator[StoredObject]:
    """List the recordings below an address, in the order of their names. Side files are passed over.

    Parameters
    ----------
    client : Client
        May list the bucket.
    uri : str
        ``gs://bucket/prefix``.
    after : str
        Leave out names up to and including this one.

    Yields
    ------
    StoredObject
        One a recording.

    Raises
    ------
    CloudError
        There is no such bucket, or it may not be listed.
    """
    bucket, prefix = parse_uri(uri)
    with _explained(f"the bucket {bucket}", "roles/storage.objectViewer"):
        for blob in client.list_blobs(bucket, prefix=prefix, start_offset=after or None):
            if blob.name > after and not is_side_file(blob.name):
                yield StoredObject(ObjectRef(bucket, blob.name, blob.generation), blob.size)


def failures(warehouse: Warehouse, codes: Iterable[str], since: datetime) -> list[Failure]:
    """Recordings that failed and were not analyzed since, the oldest failure first.

    Parameters
    ----------
    warehouse : Warehouse
        Where the failures stand.
    codes : iterable of str
        Which failures; see `FAILURE_CODES`.
    since : datetime
        Earliest failure, with its time zone.
    """
    rows = warehouse.query(
        "SELECT uri, generation, code, failed_at FROM failures_current "
        "WHERE failed_at >= @since AND uri IS NOT NULL ORDER BY failed_at",
        {"since": since},
    )
    wanted = set(codes)
    return [
        Failure(ObjectRef(*parse_uri(row["uri"]), row["generation"]), row["code"], row["failed_at"])
        for row in rows
        if row["code"] in wanted
    ]


def publish(
    publisher: PublisherClient,
    topic: str,
    refs: Iterable[ObjectRef],
    per_second: float,
    model_version: str | None = None,
) -> Iterator[ObjectRef]:
    """Tell the topic of each recording, as Cloud Storage does when one is uploaded.

    Parameters
    ----------
    publisher : PublisherClient
        May publish to the topic.
    topic : str
        ``projects/PROJECT/topics/TOPIC``.
    refs : iterable of ObjectRef
        The recordings.
    per_second : float
        Most events a second.
    model_version : str, optional
        The version of the model that is to analyze them; default: the one that serves.

    Yields
    ------
    ObjectRef
        Each recording, in order, when Pub/Sub has taken its event.

    Raises
    ------
    CloudError
        There is no such topic, or it takes no events from here.
    """
    # Ten times a second a handful goes together, since Pub/Sub takes a moment to answer for each.
    size = max(1, round(per_second / 10))
    asked = {"modelVersion": model_version} if model_version else {}
    remaining, started = iter(refs), time.monotonic()
    number = 0
    with _explained(f"the topic {topic}", "roles/pubsub.publisher"):
        while batch := list(islice(remaining, size)):
            time.sleep(max(0.0, started + number / per_second - time.monotonic()))
            taken = [publisher.publish(topic, b"{}", **_attributes(ref), **asked) for ref in batch]
            for ref, future in zip(batch, taken, strict=True):
                future.result(timeout=_PUBLISH_TIMEOUT_S)
                yield ref
            number += len(batch)


def _attributes(ref: ObjectRef) -> dict[str, str]:
    """What `events.parse_push` reads."""
    return {
        "eventType": FINALIZED,
        "bucketId": ref.bucket,
        "objectId": ref.name,
        "objectGeneration": str(ref.generation),
    }


@contextmanager
def _explained(what: str, role: str) -> Iterator[None]:
    """Say of an error of the cloud what it means for the person who reads it."""
    try:
        yield
    except NotFound:
        raise CloudError(f"{what} does not exist; `terraform output` names what does") from None
    except Forbidden:
        raise CloudError(
            f"{what} is not open to you: it needs {role}; ask to be one of Terraform's operators"
        ) from None
    except GoogleAuthError as error:
        raise CloudError(f"no credentials ({error}); run: gcloud auth application-default login") from None
    except GoogleAPIError as error:
        raise CloudError(f"{what} did not answer: {error}") from error


class Checkpoint:
    """How far a backfill has come, kept in a file, so that a run that was stopped can go on.

    As a context manager it keeps the place when the block is left by an error or Ctrl-C, and removes the file when the
    block ends.

    Parameters
    ----------
    path : Path
        The file.
    uri, topic : str
        What goes where.

    Raises
    ------
    CloudError
        The file is the bookmark of another backfill.
    """

    def __init__(self, path: Path, uri: str, topic: str) -> None:
        self._path, self._job = path, {"uri": uri, "topic": topic}
        self.last = ""
        self._turned = 0
        if path.exists():
            kept = json.loads(path.read_text(encoding="utf-8"))
            if (kept["uri"], kept["topic"]) != (uri, topic):
                raise CloudError(
                    f"{path} is the bookmark of another backfill, of {kept['uri']} to {kept['topic']}: "
                    "finish that one, remove the file, or name another with --bookmark"
                )
            self.last = kept["last"]

    def turn_to(self, name: str) -> None:
        """Note that the recording of this name was published; every hundredth time the file is written."""
        self.last, self._turned = name, self._turned + 1
        if self._turned % 100 == 0:
            self._keep()

    def _keep(self) -> None:
        self._path.write_text(json.dumps(self._job | {"last": self.last}), encoding="utf-8")

    def __enter__(self) -> Checkpoint:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if error is None:
            self._path.unlink(missing_ok=True)
        else:
            self._keep()
