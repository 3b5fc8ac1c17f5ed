"""A deployment on emulators: the buckets, topics, subscriptions, tables, and views of a Terraform state."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from google.api_core.exceptions import AlreadyExists, Conflict
from google.cloud import bigquery, storage
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.types import DeadLetterPolicy, PushConfig
from stack.services import bigquery_emulator, pubsub_emulator, storage_emulator
from workspaces import PROJECT, Resource, of_type

from callmood.warehouse.bigquery import connect


@dataclass
class Emulated:
    """A deployment on emulators."""

    environment: dict[str, str]
    storage: storage.Client
    publisher: PublisherClient
    subscriber: SubscriberClient
    bigquery: bigquery.Client
    logs: Path


@contextlib.contextmanager
def emulated(applied: list[Resource], logs: Path) -> Iterator[Emulated]:
    """Start the emulators, and create the applied resources there."""
    project = PROJECT["project_id"]
    with (
        pubsub_emulator(logs) as pubsub_host,
        storage_emulator(logs, pubsub_host, "recordings") as storage_url,
        bigquery_emulator(logs) as bigquery_url,
    ):
        environment = {
            "GOOGLE_CLOUD_PROJECT": project,
            "PUBSUB_EMULATOR_HOST": pubsub_host,
            "STORAGE_EMULATOR_HOST": storage_url,
            "BIGQUERY_EMULATOR_HOST": bigquery_url,
        }
        with pytest.MonkeyPatch.context() as patched:
            for name, value in environment.items():
                patched.setenv(name, value)
            storage_client = storage.Client(project=project)
            cloud = Emulated(environment, storage_client, PublisherClient(), SubscriberClient(), connect(), logs)
        cloud.publisher.create_topic(name="projects/demo/topics/recordings")  # the storage emulator publishes here
        create(cloud, applied)
        yield cloud


def create(cloud: Emulated, applied: list[Resource], endpoints: dict[str, str] | None = None) -> None:
    """Create the buckets, topics, subscriptions, datasets, tables, and views of a state, unless they exist.

    Parameters
    ----------
    cloud : Emulated
        The emulators.
    applied : list of dict
        Resources of the state.
    endpoints : dict of str to str, optional
        Push endpoint of each function by name, instead of that in the state.
    """
    make_buckets(cloud, applied)
    make_topics(cloud, applied, endpoints or {})
    make_datasets(cloud, applied)


def make_buckets(cloud: Emulated, applied: list[Resource]) -> None:
    """Create the buckets."""
    for found in of_type(applied, "google_storage_bucket"):
        with contextlib.suppress(Conflict):
            cloud.storage.create_bucket(found["values"]["name"])


def make_topics(cloud: Emulated, applied: list[Resource], endpoints: dict[str, str]) -> None:
    """Create the topics and their subscriptions. IDs of the stand-in provider are shorter than those of Google."""
    project = PROJECT["project_id"]
    for found in of_type(applied, "google_pubsub_topic"):
        with contextlib.suppress(AlreadyExists):
            cloud.publisher.create_topic(name=cloud.publisher.topic_path(project, found["values"]["name"]))
    for found in of_type(applied, "google_pubsub_subscription"):
        values = found["values"]
        request = {
            "name": cloud.subscriber.subscription_path(project, values["name"]),
            "topic": cloud.publisher.topic_path(project, Path(values["topic"]).name),
            "ack_deadline_seconds": values["ack_deadline_seconds"],
        }
        for push in values["push_config"]:
            token = PushConfig.OidcToken(**push["oidc_token"][0])
            endpoint = next((url for name, url in endpoints.items() if values["name"].endswith(f"-{name}")), None)
            request["push_config"] = PushConfig(push_endpoint=endpoint or push["push_endpoint"], oidc_token=token)
        for policy in values["dead_letter_policy"]:
            topic = cloud.publisher.topic_path(project, Path(policy["dead_letter_topic"]).name)
            request["dead_letter_policy"] = DeadLetterPolicy(
                dead_letter_topic=topic, max_delivery_attempts=policy["max_delivery_attempts"]
            )
        with contextlib.suppress(AlreadyExists):
            cloud.subscriber.create_subscription(request=request)


def make_datasets(cloud: Emulated, applied: list[Resource]) -> None:
    """Create the datasets, tables, and views in the order of Terraform."""
    for found in of_type(applied, "google_bigquery_dataset"):
        cloud.bigquery.create_dataset(f"{found['values']['project']}.{found['values']['dataset_id']}", exists_ok=True)
    tables = of_type(applied, "google_bigquery_table")
    for found in sorted(tables, key=lambda found: re.search(r"layer_\d|$", found["address"])[0]):
        values = found["values"]
        table = bigquery.Table(f"{values['project']}.{values['dataset_id']}.{values['table_id']}")
        if values["view"]:
            cloud.bigquery.delete_table(table, not_found_ok=True)
            table.view_query = values["view"][0]["query"]
        else:
            table.schema = [bigquery.SchemaField.from_api_repr(field) for field in json.loads(values["schema"])]
        cloud.bigquery.create_table(table, exists_ok=True)
