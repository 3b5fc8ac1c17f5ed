"""The deployed pipeline on this machine: bucket, topics, subscriptions, functions, dataset."""

import contextlib
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest
from bigquery_dataset import create_dataset
from google.cloud import pubsub_v1, storage
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1.types import DeadLetterPolicy, PushConfig, RetryPolicy
from stack.services import (
    PROJECT,
    ServiceMissing,
    bigquery_emulator,
    do_without,
    function,
    pubsub_emulator,
    storage_emulator,
)

from callmood.types import ObjectRef
from callmood.warehouse.bigquery import BigQueryWarehouse, connect

DATASET = f"{PROJECT}.callmood"


@dataclass
class Stack:
    """The running pipeline, as tests use it."""

    bucket: storage.Bucket
    warehouse: BigQueryWarehouse
    publisher: pubsub_v1.PublisherClient
    subscriber: pubsub_v1.SubscriberClient
    environment: dict[str, str]
    endpoints: dict[str, str]
    logs: Path

    def upload(self, name, content, **metadata):
        """Upload an object with its metadata in one request."""
        blob = self.bucket.blob(name)
        blob.metadata = metadata
        blob.upload_from_string(content, content_type="application/octet-stream")
        return ObjectRef(self.bucket.name, name, blob.generation)

    def notify(self, ref, kind="OBJECT_FINALIZE", topic="recordings", **attributes):
        """Publish a notification as Cloud Storage does."""
        named = {"bucketId": ref.bucket, "objectId": ref.name, "objectGeneration": str(ref.generation)}
        path = self.publisher.topic_path(PROJECT, topic)
        return self.publisher.publish(path, b"{}", eventType=kind, **named, **attributes).result(timeout=10)

    def rows(self, sql, ref=None):
        """Return the rows of a query. The parameter @id is the ID of the recording."""
        return self.warehouse.query(sql, {"id": ref.recording_id} if ref else None)

    def until(self, sql, ref, enough=bool, within_s=60):
        """Wait until a query returns enough rows, and return them."""
        deadline = time.monotonic() + within_s
        while True:
            rows = self.rows(sql, ref)
            if enough(rows):
                return rows
            assert time.monotonic() < deadline, f"still {rows} after {within_s} s; logs:\n{self.log_tails()}"
            time.sleep(0.1)

    def logged(self, name, ref):
        """Return the lines that a function logged about a recording."""
        lines = (self.logs / f"{name}.log").read_text().splitlines()
        return [line for line in lines if ref.recording_id in line]

    def until_logged(self, name, ref, text, within_s=30):
        """Wait until a function has logged the text."""
        deadline = time.monotonic() + within_s
        while not any(text in line for line in self.logged(name, ref)):
            assert time.monotonic() < deadline, (
                f"{name} did not log {text!r} in {within_s} s; logs:\n{self.log_tails()}"
            )
            time.sleep(0.1)

    def log_tails(self):
        return "\n".join(
            f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}" for log in self.logs.glob("*.log")
        )

    @contextlib.contextmanager
    def pushing_to(self, url, subscription="analyze"):
        """Push a subscription to another URL inside the block."""
        path = self.subscriber.subscription_path(PROJECT, subscription)
        self.subscriber.modify_push_config(subscription=path, push_config=PushConfig(push_endpoint=url))
        try:
            yield
        finally:
            home = PushConfig(push_endpoint=self.endpoints[subscription])
            self.subscriber.modify_push_config(subscription=path, push_config=home)


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    logs = tmp_path_factory.mktemp("logs")
    try:
        with contextlib.ExitStack() as running:
            yield _start(running, logs)
    except ServiceMissing as missing:
        do_without(missing)


def _start(running, logs):
    pubsub_host = running.enter_context(pubsub_emulator(logs))
    storage_url = running.enter_context(storage_emulator(logs, pubsub_host, "recordings"))
    bigquery_url = running.enter_context(bigquery_emulator(logs))
    environment = {
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "PUBSUB_EMULATOR_HOST": pubsub_host,
        "STORAGE_EMULATOR_HOST": storage_url,
        "BIGQUERY_EMULATOR_HOST": bigquery_url,
        "DATASET": DATASET,
        "ERASE_ON_DELETE": "true",
    }
    with pytest.MonkeyPatch.context() as patched:
        for name, value in environment.items():
            patched.setenv(name, value)
        publisher, subscriber = pubsub_v1.PublisherClient(), pubsub_v1.SubscriberClient()
        bucket = storage.Client().create_bucket(f"calls-{uuid.uuid4().hex[:8]}")
        client = connect()
    create_dataset(client, DATASET)

    endpoints = {
        name: running.enter_context(function(name, logs, **environment)) for name in ("analyze", "erase", "dead_letter")
    }
    topic, dead_letters = (publisher.topic_path(PROJECT, name) for name in ("recordings", "dead-letters"))
    for path in (topic, dead_letters):
        publisher.create_topic(name=path)
    for name, source in {"analyze": topic, "erase": topic, "dead_letter": dead_letters}.items():
        subscription = {
            "name": subscriber.subscription_path(PROJECT, name),
            "topic": source,
            "push_config": PushConfig(push_endpoint=endpoints[name]),
            "ack_deadline_seconds": 600,
            # As deployed, except for the backoff: 10 to 600 s in production.
            "retry_policy": RetryPolicy(minimum_backoff=Duration(seconds=1), maximum_backoff=Duration(seconds=2)),
        }
        if source == topic:
            subscription["dead_letter_policy"] = DeadLetterPolicy(
                dead_letter_topic=dead_letters, max_delivery_attempts=5
            )
        subscriber.create_subscription(request=subscription)
    return Stack(bucket, BigQueryWarehouse(DATASET, client), publisher, subscriber, environment, endpoints, logs)
