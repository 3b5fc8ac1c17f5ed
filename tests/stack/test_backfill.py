"""`backfill` and `retry-failures`: published events are processed like uploads."""

import itertools
import json
import re
import time
import uuid

import pytest
from recordings import clip
from scripted_http import scripted_http
from stack.services import PROJECT
from typer.testing import CliRunner

from callmood.cli.app import app
from callmood.cloud_functions.pubsub import parse_push
from callmood.services.backfill import list_recordings, publish_events
from callmood.types import ObjectRef


@pytest.fixture
def callmood(stack, monkeypatch, tmp_path):
    """Run a command in an empty working directory."""
    for name, value in stack.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        return CliRunner().invoke(app, [*map(str, arguments), "--project", PROJECT])

    return run


@pytest.fixture
def archive(stack):
    """A bucket of old recordings and sidecar files, and the names of the recordings."""
    bucket = stack.bucket.client.create_bucket(f"archive-{uuid.uuid4().hex[:8]}")
    names = ["2025/a.wav", "2025/b c.wav", "2025/ü#1.wav", "2026/d.wav"]
    for name in (*names, "2025/a.json", "2025/.hidden.wav"):
        bucket.blob(name).upload_from_string(clip())
    return bucket.name, names


@pytest.fixture
def published(stack):
    """A new topic, and a function that returns the names published to it since the last call."""
    topic = f"topic-{uuid.uuid4().hex[:8]}"
    path = stack.publisher.create_topic(name=stack.publisher.topic_path(PROJECT, topic)).name
    subscription = stack.subscriber.subscription_path(PROJECT, topic)
    stack.subscriber.create_subscription(name=subscription, topic=path)

    def names():
        found = []
        while pulled := stack.subscriber.pull(subscription=subscription, max_messages=50, timeout=10).received_messages:
            stack.subscriber.acknowledge(subscription=subscription, ack_ids=[each.ack_id for each in pulled])
            for each in pulled:
                body = {"messageId": each.message.message_id, "attributes": dict(each.message.attributes)}
                event = parse_push({"message": body})
                assert event.kind == "OBJECT_FINALIZE"
                blob = stack.bucket.client.bucket(event.ref.bucket).blob(
                    event.ref.name, generation=event.ref.generation
                )
                assert blob.exists()
                found.append(event.ref.name)
            if len(pulled) < 50:
                break
        return sorted(found)

    return topic, names


def test_dead_lettered_recordings_are_analyzed_after_retry_failures(callmood, stack):
    """Every attempt fails while the function is down; after the fix, one command reprocesses the recording."""
    with scripted_http() as broken, stack.pushing_to(broken.url):
        broken.answer = lambda _request: (500, {})
        call = stack.upload("dead-lettered.wav", clip())
        stack.until("SELECT 1 FROM failures WHERE recording_id = @id AND code = 'undeliverable'", call, within_s=90)
    assert not stack.rows("SELECT 1 FROM recordings_current WHERE recording_id = @id", call)

    planned = callmood("retry-failures", "--topic", "recordings", "--dry-run", "--json")
    assert call.uri in planned.stdout
    assert callmood("retry-failures", "--topic", "recordings").exit_code == 0
    stack.until("SELECT 1 FROM recordings_current WHERE recording_id = @id", call)
    assert call.uri not in callmood("retry-failures", "--topic", "recordings", "--dry-run", "--json").stdout


def test_lost_rows_are_restored_from_the_recordings(callmood, stack):
    """The restore drill in docs/million-calls.md: all rows are lost, and the audio is kept."""
    calls = [stack.upload(f"drill/{number}.wav", clip(), **{"call-id": f"drill-{number}"}) for number in range(2)]
    columns = "call_date, call_id, uri, analysis_id, duration_s, segment_count, negativity"
    shown = f"SELECT {columns} FROM calls WHERE call_id LIKE 'drill-%' ORDER BY call_id"

    def rows_when_stored():
        for call in calls:
            stack.until("SELECT 1 FROM recordings WHERE recording_id = @id", call)
        return stack.rows(shown)

    before = rows_when_stored()
    assert len(before) == 2
    for call, table in itertools.product(calls, ("recordings", "segments")):
        stack.rows(f"DELETE FROM {table} WHERE recording_id = @id", call)
    assert stack.rows(shown) == []

    done = callmood("backfill", f"gs://{stack.bucket.name}/drill/", "--topic", "recordings", "--rate", 100)
    assert done.exit_code == 0, done.output
    assert rows_when_stored() == before


def test_every_recording_with_the_prefix_is_published(callmood, archive, published):
    (bucket, names), (topic, published_names) = archive, published
    done = callmood("backfill", f"gs://{bucket}/2025/", "--topic", topic, "--rate", 100)
    assert done.exit_code == 0, done.output
    shown = re.search(r"3 recordings \(0\.00 GB\), 0\.0 h at 100 per second, about 0\.\d\d USD\.", done.output)
    assert shown.start() < done.output.index("3 recordings published."), "before the first event"
    assert published_names() == names[:3]


def test_dry_run_publishes_nothing(callmood, archive, published):
    (bucket, _), (topic, _) = archive, published
    done = callmood("backfill", f"gs://{bucket}", "--topic", topic, "--dry-run", "--json")
    report = json.loads(done.stdout)
    assert (report["recordings"], report["published"]) == (4, False)
    assert report["bytes"] > 4 * 60_000


def test_stopped_run_resumes_at_its_checkpoint(callmood, archive, published, monkeypatch, tmp_path):
    (bucket, names), (topic, published_names) = archive, published

    def stop_after_two(publisher, path, refs, per_second):
        for number, ref in enumerate(publish_events(publisher, path, refs, per_second)):
            if number == 2:
                raise KeyboardInterrupt
            yield ref

    with monkeypatch.context() as stopping:
        stopping.setattr("callmood.services.backfill.publish_events", stop_after_two)
        done = callmood("backfill", f"gs://{bucket}", "--topic", topic, "--rate", 100)
    assert done.exit_code != 0
    assert (tmp_path / "callmood-backfill.json").exists()
    published_names()

    other = callmood("backfill", f"gs://{bucket}/2026/", "--topic", topic)
    assert other.exit_code == 2
    assert "checkpoint of another backfill" in other.output

    assert callmood("backfill", f"gs://{bucket}", "--topic", topic, "--rate", 100).exit_code == 0
    assert published_names() == names[2:]
    assert not (tmp_path / "callmood-backfill.json").exists()


def test_events_respect_the_rate(stack, published):
    topic, _ = published
    refs = [ObjectRef(stack.bucket.name, f"{number}.wav", 1) for number in range(11)]
    started = time.monotonic()
    taken = list(publish_events(stack.publisher, stack.publisher.topic_path(PROJECT, topic), refs, per_second=10))
    assert taken == refs
    assert 0.9 <= time.monotonic() - started < 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["backfill", "acme-calls"], "use gs://BUCKET"),
        (["backfill", "gs://no-such-bucket-anywhere"], "does not exist"),
        (["retry-failures", "--code", "not_a_code"], "unknown failure code: not_a_code"),
    ],
)
def test_invalid_arguments_print_an_error_without_traceback(callmood, arguments, message):
    done = callmood(*arguments)
    assert done.exit_code == 2
    assert message in done.output
    assert "Traceback" not in done.output


def test_missing_topic_is_an_error(callmood, archive):
    done = callmood("backfill", f"gs://{archive[0]}", "--topic", "no-such-topic")
    assert done.exit_code == 2
    assert "no-such-topic does not exist" in done.output


def test_listing_resumes_after_a_name(stack, archive):
    bucket, names = archive
    found = [each.ref.name for each in list_recordings(stack.bucket.client, f"gs://{bucket}", after=names[1])]
    assert found == names[2:]
