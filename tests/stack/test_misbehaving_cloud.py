"""Google Cloud at its worst: new columns and permissions take minutes, requests are throttled, events come twice."""

import json
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from recordings import clip
from scripted_http import scripted_http
from stack.proxy import Proxy, google_error
from stack.services import function

COMMITS = "SELECT recording_id FROM recordings WHERE recording_id = @id"
CURRENT = "SELECT recording_id FROM recordings_current WHERE recording_id = @id"
SEGMENTS = "SELECT segment_id FROM segments_current WHERE recording_id = @id"


def no_such_field(request):
    """BigQuery's answer while streaming does not know a new column yet."""
    rows = json.loads(request.body)["rows"]
    cause = {"reason": "invalid", "location": "warnings", "message": "no such field: warnings."}
    return 200, {"insertErrors": [{"index": number, "errors": [cause]} for number in range(len(rows))]}


FAULTS = {
    "a new column is unknown": ("insertAll", no_such_field),
    "a new permission does not apply yet": (
        "insertAll",
        lambda _: google_error(403, "accessDenied", "Permission bigquery.tables.updateData denied"),
    ),
    "a new table is unknown": ("insertAll", lambda _: google_error(404, "notFound", "Not found: Table")),
    "streaming is throttled": (
        "insertAll",
        lambda _: (*google_error(429, "rateLimitExceeded", "Exceeded rate limits"), ("Retry-After", "1")),
    ),
    "BigQuery is unavailable": (
        "insertAll",
        lambda _: (*google_error(503, "backendError", "Try again"), ("Retry-After", "1")),
    ),
    "a new reader may not read the bucket yet": (
        "/storage/v1/b/",
        lambda _: google_error(403, "forbidden", "does not have storage.objects.get access"),
    ),
    "Cloud Storage is throttled": (
        "/storage/v1/b/",
        lambda _: (*google_error(429, "rateLimitExceeded", "Reduce your request rate"), ("Retry-After", "1")),
    ),
}


@pytest.fixture(scope="module")
def unreliable(stack, tmp_path_factory):
    """Run `analyze` behind proxies. Yield the proxies and the function's URL."""
    logs = tmp_path_factory.mktemp("unreliable")
    with scripted_http() as tables, scripted_http() as objects:
        bigquery = Proxy(tables, stack.environment["BIGQUERY_EMULATOR_HOST"])
        storage = Proxy(objects, stack.environment["STORAGE_EMULATOR_HOST"])
        where = {"BIGQUERY_EMULATOR_HOST": bigquery.url, "STORAGE_EMULATOR_HOST": storage.url}
        with function("analyze", logs, **stack.environment | where) as url, stack.pushing_to(url):
            yield bigquery, storage, url


@pytest.mark.parametrize("name", FAULTS)
def test_recording_is_analyzed_once_the_fault_ends(stack, unreliable, name):
    bigquery, storage, _ = unreliable
    kind, fault = FAULTS[name]
    proxy = storage if "storage" in kind else bigquery
    proxy.fail(kind, fault, times=3)
    call = stack.upload(f"{name}.wav", clip())
    stack.until(COMMITS, call)
    assert proxy.left == 0, "the fault must occur"
    assert len(stack.rows(CURRENT, call)) == 1
    assert not stack.rows("SELECT code FROM failures WHERE recording_id = @id", call)


def test_event_that_is_delivered_twice_at_once_counts_once(stack, unreliable):
    *_, url = unreliable
    with stack.pushing_to("http://127.0.0.1:9"):  # nobody listens there
        call = stack.upload("twice.wav", clip())
    attributes = {
        "eventType": "OBJECT_FINALIZE",
        "bucketId": call.bucket,
        "objectId": call.name,
        "objectGeneration": str(call.generation),
    }
    body = json.dumps({"message": {"messageId": "7", "attributes": attributes}, "subscription": "s"}).encode()
    barrier = threading.Barrier(2)

    def push():
        barrier.wait()
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status

    with ThreadPoolExecutor(2) as pool:
        assert [done.result() for done in [pool.submit(push), pool.submit(push)]] == [204, 204]
    assert len(stack.rows(COMMITS, call)) >= 1
    assert len(stack.rows(CURRENT, call)) == 1
    segments = [row["segment_id"] for row in stack.rows(SEGMENTS, call)]
    assert len(segments) == len(set(segments)) > 0
