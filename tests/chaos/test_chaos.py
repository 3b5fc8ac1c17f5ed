"""Thousands of shuffled and repeated events under kills and outages: the final state is that of the reference model.

CHAOS_S sets the duration in seconds. `./run test chaos` runs ten minutes, and prints the table of docs/reliability.md.
"""

import os
import time
import uuid
from contextlib import ExitStack

import pytest
from bigquery_dataset import create_dataset
from chaos.harness import Chaos, Function, Proxy
from chaos.reference import Content, visible_state
from google.cloud import storage
from stack.services import PROJECT, ServiceMissing, bigquery_emulator, do_without, pubsub_emulator, storage_emulator

from callmood.types import ObjectRef
from callmood.warehouse.bigquery import BigQueryWarehouse, connect

DURATION_S = float(os.environ.get("CHAOS_S", "20"))
DATASET = f"{PROJECT}.callmood"


@pytest.fixture
def chaos(tmp_path, monkeypatch):
    try:
        with ExitStack() as running:
            pubsub_host = running.enter_context(pubsub_emulator(tmp_path))
            storage_url = running.enter_context(storage_emulator(tmp_path, pubsub_host, "recordings"))
            bigquery_url = running.enter_context(bigquery_emulator(tmp_path))
            monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", PROJECT)
            monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage_url)
            monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", bigquery_url)
            bucket = storage.Client().create_bucket(f"calls-{uuid.uuid4().hex[:8]}")
            client = connect()
            create_dataset(client, DATASET)
            proxies = [Proxy(storage_url), Proxy(bigquery_url)]
            environment = {
                "GOOGLE_CLOUD_PROJECT": PROJECT,
                "STORAGE_EMULATOR_HOST": proxies[0].url,
                "BIGQUERY_EMULATOR_HOST": proxies[1].url,
                "DATASET": DATASET,
                "ERASE_ON_DELETE": "true",
            }
            functions = {name: Function(name, tmp_path, environment) for name in ("analyze", "erase", "dead_letter")}
            for each in (*functions.values(), *proxies):
                running.callback(getattr(each, "stop", None) or each.close)
            seed = int(os.environ.get("CHAOS_SEED", "7"))
            yield Chaos(bucket, functions, proxies, seed), BigQueryWarehouse(DATASET, client)
    except ServiceMissing as missing:
        do_without(missing)


def test_final_state_is_that_of_the_reference_model(chaos, record_property):
    chaos, warehouse = chaos
    until = time.monotonic() + DURATION_S
    rounds = 0
    while rounds == 0 or time.monotonic() < until:
        before = len(chaos.events)
        chaos.operate(objects=120, operations=60, first=rounds * 40)
        chaos.deliver(chaos.events[before:], until=until)
        rounds += 1

    bucket = chaos.bucket.name
    expected = {
        ObjectRef(bucket, name, state.generation).uri: (state.generation, state.is_recording)
        for name, state in visible_state(chaos.events).items()
    }
    recordings = warehouse.query("SELECT uri, generation, recording_id, segment_count FROM recordings_current")
    failures = warehouse.query("SELECT uri, generation FROM failures_current")
    found = {row["uri"]: (row["generation"], False) for row in failures}
    found |= {row["uri"]: (row["generation"], True) for row in recordings}
    wrong = {uri for uri in expected.keys() | found.keys() if expected.get(uri) != found.get(uri)}
    assert {uri: (expected.get(uri), found.get(uri)) for uri in wrong} == {}
    assert len(found) == len(recordings) + len(failures)  # none is both

    segments = warehouse.query(
        "SELECT recording_id, COUNT(*) AS n, COUNT(DISTINCT segment_id) AS d FROM segments_current "
        "GROUP BY recording_id"
    )
    counted = {row["recording_id"]: (row["n"], row["d"]) for row in segments}
    for row in recordings:
        assert counted.get(row["recording_id"], (0, 0)) == (row["segment_count"],) * 2

    analyses = warehouse.query("SELECT COUNT(*) AS n, COUNT(DISTINCT recording_id) AS d FROM recordings")[0]
    counts = dict(chaos.counts) | {
        "generations": sum(event.kind == "OBJECT_FINALIZE" for event in chaos.events),
        "events": len(chaos.events),
        "denied objects": sum(event.content is Content.DENIED for event in chaos.events),
        "analyses written": analyses["n"],
        "distinct recordings analyzed": analyses["d"],
        "visible recordings": len(recordings),
        "visible failures": len(failures),
        "wrong": len(wrong),
    }
    print("\n| | count |\n|---|---|")
    for name, count in counts.items():
        print(f"| {name} | {count:,} |")
        record_property(name, count)
