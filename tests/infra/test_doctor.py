"""`callmood doctor` finds a sound deployment well, and says what is wrong with a broken one and how to mend it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta

import pytest
from google.cloud import bigquery
from google.pubsub_v1.types import PushConfig
from models_made import command, model_file, version_of
from recordings import clip
from scripted_http import scripted_http
from typer.testing import CliRunner
from workspaces import PROJECT

from callmood.analysis.rows import failure_row
from callmood.cli.app import app
from callmood.recording import ObjectRef
from callmood.warehouse.bigquery import BigQueryWarehouse
from model.deployment import promote, register

BUCKET = "acme-calls-1-callmood-recordings"
DATASET = "acme-calls-1.callmood"
FUNCTIONS = ("analyze", "erase", "quarantine")


@pytest.fixture
def outside(cloud, monkeypatch):
    """What the emulators lack: a bucket's policy and notifications, and functions that refuse strangers.

    Answers in the words of Cloud Storage's reference, and hands all else on to the emulator. Yields what it answers.
    """
    policy = {"publicAccessPrevention": "enforced", "uniformBucketLevelAccess": {"enabled": True}}
    topic = "//pubsub.googleapis.com/projects/acme-calls-1/topics/callmood-recordings"
    notification = {"id": "1", "topic": topic, "event_types": ["OBJECT_FINALIZE", "OBJECT_DELETE"]}
    answers = {
        f"/storage/v1/b/{BUCKET}": {"kind": "storage#bucket", "name": BUCKET, "iamConfiguration": policy},
        f"/storage/v1/b/{BUCKET}/notificationConfigs": {"items": [notification]},
        **{f"/{name}": 403 for name in FUNCTIONS},
    }

    def answer(asked):
        found = answers.get(asked.path.partition("?")[0])
        if isinstance(found, int):
            return found, {}
        if found is not None and asked.method == "GET":
            return 200, found
        request = urllib.request.Request(
            cloud.environment["STORAGE_EMULATOR_HOST"] + asked.path, asked.body or None, method=asked.method
        )
        try:
            with urllib.request.urlopen(request) as done:
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
    """Have a subscription push to an endpoint, signed by an account."""
    path = cloud.subscriber.subscription_path(PROJECT["project_id"], f"callmood-{name}")
    token = PushConfig.OidcToken(service_account_email=account) if account else None
    cloud.subscriber.modify_push_config(
        subscription=path, push_config=PushConfig(push_endpoint=endpoint, oidc_token=token)
    )


def doctor(*options):
    """Ask the doctor: (exit code, findings)."""
    done = CliRunner().invoke(app, ["doctor", "--project", PROJECT["project_id"], "--json", *map(str, options)])
    assert "Traceback" not in done.output
    return done.exit_code, [json.loads(line) for line in done.stdout.splitlines()]


def ill():
    """What the doctor finds ill, which must come with a remedy."""
    code, findings = doctor()
    found = [finding for finding in findings if not finding["well"]]
    assert code == bool(found)
    assert all(finding["remedy"] for finding in found)
    return [f"{finding['what']}: {finding['found']} {finding['remedy']}" for finding in found]


def test_a_sound_deployment_is_well(outside):
    code, findings = doctor()
    assert (code, [finding for finding in findings if not finding["well"]]) == (0, [])
    looked_at = {finding["what"] for finding in findings}
    assert looked_at >= {"bucket", "notifications", "topics", "subscriptions", "functions", "tables", "views"}


def test_the_model_that_serves_is_looked_at(outside, tmp_path):
    def about_the_model():
        code, findings = doctor("--model", f"{tmp_path}/models@production")
        [finding] = [finding for finding in findings if finding["what"] == "model"]
        assert code == (not finding["well"])
        return finding

    assert "no alias" in about_the_model()["found"]
    path = model_file(tmp_path, 1)
    version = version_of(path)
    assert command(register, "--model", path, "--registry", tmp_path / "models") == 0
    assert command(promote, version, "--registry", tmp_path / "models") == 0
    assert about_the_model()["found"] == f"production is {version} for 100% of the recordings, and it works."
    (tmp_path / "models" / "versions" / version / "selftest.npz").write_bytes(b"")
    assert "model.deployment.rollback" in about_the_model()["remedy"]


def test_what_it_finds_is_read_by_people(outside):
    shown = CliRunner().invoke(app, ["doctor", "--project", PROJECT["project_id"]]).stdout
    assert "well  recordings has every column." in shown


def test_a_bucket_that_can_be_made_public(outside):
    outside[f"/storage/v1/b/{BUCKET}"]["iamConfiguration"]["publicAccessPrevention"] = "inherited"
    (found,) = ill()
    assert "open to being made public" in found
    assert "terraform apply" in found


def test_a_bucket_that_tells_nobody(outside):
    outside[f"/storage/v1/b/{BUCKET}/notificationConfigs"] = {}
    (found,) = ill()
    assert "does not tell callmood-recordings of OBJECT_DELETE, OBJECT_FINALIZE" in found


def test_calls_that_are_not_signed(outside, cloud):
    sign(cloud, "analyze", "http://127.0.0.1:9/analyze", account=None)
    found = ill()
    assert any("callmood-analyze does not sign its calls" in each for each in found)


def test_a_function_that_answers_strangers(outside):
    outside["/erase"] = 200
    (found,) = ill()
    assert "erase answers strangers with 200" in found
    assert "ingress" in found


def test_a_subscription_that_is_gone(outside, cloud):
    path = cloud.subscriber.subscription_path(PROJECT["project_id"], "callmood-quarantine")
    there = cloud.subscriber.get_subscription(subscription=path)
    cloud.subscriber.delete_subscription(subscription=path)
    try:
        found = ill()
    finally:
        cloud.subscriber.create_subscription(request=there)
    assert any(each.startswith("subscriptions: Not found") for each in found)


def test_tables_older_than_the_software(outside, cloud):
    table = f"{DATASET}.erasures"
    columns = cloud.bigquery.get_table(table).schema
    cloud.bigquery.delete_table(table)
    cloud.bigquery.create_table(bigquery.Table(table, schema=[column for column in columns if column.name != "reason"]))
    try:
        found = ill()
    finally:
        cloud.bigquery.delete_table(table)
        cloud.bigquery.create_table(bigquery.Table(table, schema=columns))
    (told,) = [each for each in found if each.startswith("tables")]
    assert "erasures: reason is missing" in told
    assert "older than this software" in told


def test_a_recording_without_a_row(outside, cloud, monkeypatch):
    monkeypatch.setattr("callmood.ops.doctor._SETTLED_AFTER", timedelta(seconds=-60))
    blob = cloud.storage.bucket(BUCKET).blob("lost/call.wav")
    blob.upload_from_string(clip())
    try:
        found = ill()
    finally:
        blob.delete()
    (told,) = [each for each in found if each.startswith("recordings")]
    assert "have no row, such as lost/call.wav" in told
    assert f"callmood backfill gs://{BUCKET}" in told


def test_failures_that_are_ours_to_mend(outside, cloud):
    ref = ObjectRef(BUCKET, "given up.wav", 1)
    row = failure_row("undeliverable", "Given up.", datetime.now(UTC), ref, "1")
    BigQueryWarehouse(DATASET, cloud.bigquery).append("failures", [row])
    (found,) = ill()
    assert "1 undeliverable" in found
    assert "callmood retry-failures" in found


def test_a_deployment_that_is_not_there(outside):
    done = CliRunner().invoke(app, ["doctor", "--project", "another-project", "--json"])
    assert done.exit_code == 1
    findings = [json.loads(line) for line in done.stdout.splitlines()]
    assert not any(finding["well"] for finding in findings)
    assert all(finding["remedy"] for finding in findings)
