"""`callmood doctor` passes a correct deployment, and reports each problem of a broken one with its fix."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta

import pytest
from google.cloud import bigquery
from google.pubsub_v1.types import PushConfig
from model_files import command, model_file, version_of
from recordings import clip
from scripted_http import scripted_http
from table_rows import commit_row
from typer.testing import CliRunner
from workspaces import PROJECT

from callmood.analysis.rows import failure_row
from callmood.cli.app import app
from callmood.types import ObjectRef
from callmood.warehouse.bigquery import BigQueryWarehouse

BUCKET = "acme-calls-1-callmood-recordings"
DATASET = "acme-calls-1.callmood"
FUNCTIONS = ("analyze", "erase", "dead-letter")


@pytest.fixture(autouse=True)
def small_dashboard(monkeypatch):
    """Query two views only: the emulator needs a minute to analyze all of them."""
    monkeypatch.setattr("callmood.ops.doctor.PAGES", {"Model quality": ("drift_checks_current", "failures_current")})


@pytest.fixture
def outside(cloud, monkeypatch):
    """A proxy for features that the emulators lack: bucket policy, notifications, and functions that reject requests.

    Its responses follow Cloud Storage's reference. It forwards other requests to the emulator. Yields the responses.
    """
    policy = {"publicAccessPrevention": "enforced", "uniformBucketLevelAccess": {"enabled": True}}
    topic = "//pubsub.googleapis.com/projects/acme-calls-1/topics/callmood-recordings"
    notification = {"id": "1", "topic": topic, "event_types": ["OBJECT_FINALIZE", "OBJECT_DELETE"]}
    answers = {
        f"/storage/v1/b/{BUCKET}": {"kind": "storage#bucket", "name": BUCKET, "iamConfiguration": policy},
        f"/storage/v1/b/{BUCKET}/notificationConfigs": {"items": [notification]},
        **{f"/{name}": 403 for name in FUNCTIONS},
    }

    def answer(request):
        found = answers.get(request.path.partition("?")[0])
        if isinstance(found, int):
            return found, {}
        if found is not None and request.method == "GET":
            return 200, found
        forwarded = urllib.request.Request(
            cloud.environment["STORAGE_EMULATOR_HOST"] + request.path, request.body or None, method=request.method
        )
        try:
            with urllib.request.urlopen(forwarded) as done:
                return done.status, done.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    with scripted_http() as server:
        server.answer = answer
        for name, value in (cloud.environment | {"STORAGE_EMULATOR_HOST": server.url}).items():
            monkeypatch.setenv(name, value)
        for name in FUNCTIONS:
            sign(cloud, name, f"{server.url}/{name}")
        yield answers


def sign(cloud, name, endpoint, account="callmood-push@acme-calls-1.iam.gserviceaccount.com"):
    """Set the push endpoint of a subscription, and the service account that authenticates its requests."""
    path = cloud.subscriber.subscription_path(PROJECT["project_id"], f"callmood-{name}")
    token = PushConfig.OidcToken(service_account_email=account) if account else None
    cloud.subscriber.modify_push_config(
        subscription=path, push_config=PushConfig(push_endpoint=endpoint, oidc_token=token)
    )


def doctor(*options):
    """Run the command: (exit code, results)."""
    done = CliRunner().invoke(app, ["doctor", "--project", PROJECT["project_id"], "--json", *map(str, options)])
    assert "Traceback" not in done.output
    return done.exit_code, [json.loads(line) for line in done.stdout.splitlines()]


def problems():
    """The failed checks, each of which must name a fix."""
    code, results = doctor()
    failed = [result for result in results if not result["ok"]]
    assert code == bool(failed)
    assert all(result["fix"] for result in failed)
    return [f"{result['check']}: {result['message']} {result['fix']}" for result in failed]


def test_correct_deployment_passes_all_checks(outside):
    code, results = doctor()
    assert (code, [result for result in results if not result["ok"]]) == (0, [])
    checks = {result["check"] for result in results}
    assert checks >= {"bucket", "notifications", "topics", "subscriptions", "functions", "tables", "views", "queries"}
    (queries,) = [result["message"] for result in results if result["check"] == "queries"]
    assert re.match(
        r"All columns of the dashboard over 31 days read at most [\d.]+ GB \([\d.]+ USD\), of which", queries
    )


def test_model_in_production_is_checked(outside, tmp_path):
    def check_model():
        code, results = doctor("--model", f"{tmp_path}/models@production")
        [result] = [result for result in results if result["check"] == "model"]
        assert code == (not result["ok"])
        return result

    assert "no alias" in check_model()["message"]
    path = model_file(tmp_path, 1)
    version = version_of(path)
    assert command("register", "--model", path, "--registry", tmp_path / "models") == 0
    assert command("promote", version, "--registry", tmp_path / "models") == 0
    assert check_model()["message"] == f"production uses {version} for 100% of recordings; its self-test passed."
    (tmp_path / "models" / "versions" / version / "selftest.npz").write_bytes(b"")
    assert "model rollback" in check_model()["fix"]


def test_results_are_printed_as_text(outside):
    shown = CliRunner().invoke(app, ["doctor", "--project", PROJECT["project_id"]]).stdout
    assert "ok    recordings has all columns." in shown


def test_bucket_without_public_access_prevention_fails(outside):
    outside[f"/storage/v1/b/{BUCKET}"]["iamConfiguration"]["publicAccessPrevention"] = "inherited"
    (found,) = problems()
    assert "does not prevent public access" in found
    assert "terraform apply" in found


def test_bucket_without_notifications_fails(outside):
    outside[f"/storage/v1/b/{BUCKET}/notificationConfigs"] = {}
    (found,) = problems()
    assert "does not notify the topic callmood-recordings of OBJECT_DELETE, OBJECT_FINALIZE" in found


def test_subscription_without_authentication_fails(outside, cloud):
    sign(cloud, "analyze", "http://127.0.0.1:9/analyze", account=None)
    found = problems()
    assert any("callmood-analyze does not authenticate its requests" in each for each in found)


def test_function_that_answers_public_requests_fails(outside):
    outside["/erase"] = 200
    (found,) = problems()
    assert "erase answers public requests with HTTP 200" in found
    assert "ingress" in found


def test_missing_subscription_fails(outside, cloud):
    path = cloud.subscriber.subscription_path(PROJECT["project_id"], "callmood-dead-letter")
    there = cloud.subscriber.get_subscription(subscription=path)
    cloud.subscriber.delete_subscription(subscription=path)
    try:
        found = problems()
    finally:
        cloud.subscriber.create_subscription(request=there)
    assert any(each.startswith("subscriptions: Not found") for each in found)


def test_table_without_a_column_fails(outside, cloud):
    table = f"{DATASET}.erasures"
    columns = cloud.bigquery.get_table(table).schema
    cloud.bigquery.delete_table(table)
    cloud.bigquery.create_table(bigquery.Table(table, schema=[column for column in columns if column.name != "reason"]))
    try:
        found = problems()
    finally:
        cloud.bigquery.delete_table(table)
        cloud.bigquery.create_table(bigquery.Table(table, schema=columns))
    (message,) = [each for each in found if each.startswith("tables")]
    assert "erasures: reason is missing" in message
    assert "older than this software" in message


def test_recording_without_a_row_fails(outside, cloud, monkeypatch):
    monkeypatch.setattr("callmood.ops.doctor._SETTLED_AFTER", timedelta(seconds=-60))
    blob = cloud.storage.bucket(BUCKET).blob("lost/call.wav")
    blob.upload_from_string(clip())
    try:
        found = problems()
    finally:
        blob.delete()
    (message,) = [each for each in found if each.startswith("recordings")]
    assert "have no row, such as lost/call.wav" in message
    assert f"callmood backfill gs://{BUCKET}" in message


def test_recording_of_an_old_call_with_a_row_passes(outside, cloud, monkeypatch):
    monkeypatch.setattr("callmood.ops.doctor._SETTLED_AFTER", timedelta(seconds=-60))
    blob = cloud.storage.bucket(BUCKET).blob("archive/call.wav")
    blob.upload_from_string(clip())
    ref = ObjectRef(BUCKET, blob.name, blob.generation)
    row = commit_row(recording_id=ref.recording_id, call_date="2019-03-01", uri=ref.uri)
    BigQueryWarehouse(DATASET, cloud.bigquery).append("recordings", [row])
    try:
        assert not [each for each in problems() if each.startswith("recordings")]
    finally:
        blob.delete()


def test_failures_that_can_be_retried_fail(outside, cloud):
    ref = ObjectRef(BUCKET, "dead-lettered.wav", 1)
    row = failure_row("undeliverable", "Dead-lettered.", datetime.now(UTC), ref, "1")
    BigQueryWarehouse(DATASET, cloud.bigquery).append("failures", [row])
    (found,) = problems()
    assert "1 undeliverable" in found
    assert "callmood retry-failures" in found


def test_missing_deployment_fails_all_checks(outside):
    done = CliRunner().invoke(app, ["doctor", "--project", "another-project", "--json"])
    assert done.exit_code == 1
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert not any(result["ok"] for result in results)
    assert all(result["fix"] for result in results)
