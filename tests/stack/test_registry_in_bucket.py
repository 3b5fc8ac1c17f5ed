"""A model registry in a bucket: its changes, and the function that follows its alias."""

import io
import json
import uuid

import numpy as np
import pytest
from model_files import command, model_file, version_of
from recordings import clip
from scripted_http import scripted_http
from stack.services import PROJECT, function
from typer.testing import CliRunner

from callmood.cli.app import app
from callmood.models.object_store import GcsObjectStore
from callmood.models.registry import Registry
from callmood.models.resolver import AliasModelProvider, open_models
from callmood.services import reprocess
from model.deployment import promote

ROWS = "SELECT model_version FROM recordings WHERE recording_id = @id"
SHOWN = "SELECT model_version FROM recordings_current WHERE recording_id = @id"


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return [model_file(tmp_path_factory.mktemp("models"), number) for number in (1, 2)]


@pytest.fixture
def one(models):
    return version_of(models[0])


@pytest.fixture
def two(models):
    return version_of(models[1])


@pytest.fixture
def registry(stack, models, monkeypatch):
    """A registry in a bucket with two models. The first is in production."""
    for name, value in stack.environment.items():
        monkeypatch.setenv(name, value)
    bucket = stack.bucket.client.create_bucket(f"models-{uuid.uuid4().hex[:8]}")
    uri = f"gs://{bucket.name}/callmood"
    for path in models:
        assert command("register", "--model", path, "--registry", uri) == 0
    assert command("promote", version_of(models[0]), "--registry", uri) == 0
    return Registry(uri)


def test_version_is_promoted_and_rolled_back_in_a_bucket(registry, one, two, capsys):
    at = ("--registry", registry.uri)
    assert command("promote", two, *at, "--canary", "0.25") == 0
    assert command("promote", two, *at) == 0
    assert command("rollback", *at) == 0
    capsys.readouterr()
    assert command("versions", *at, "--json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert [version["version"] for version in listed["versions"]] == [one, two]
    assert [change["action"] for change in listed["history"]] == ["promote", "canary", "promote", "rollback"]
    assert registry.release("production").version == one
    assert open_models(f"{registry.uri}@{two}").for_recording("a").version == two


def test_concurrent_promotions_are_both_applied(registry, one, two):
    """The second promotion reads before the first writes. Cloud Storage rejects its write, and it starts again."""
    attempts = []

    def changed(present):
        if not attempts:
            promote.promote(Registry(registry.uri), "staging", one, None)
        attempts.append(present)
        return present.promoted(two)

    registry.update("production", "promote", changed)
    assert len(attempts) == 2
    assert {alias: release.version for alias, release in registry.releases().items()} == {
        "production": two,
        "staging": one,
    }
    assert len(registry.history()) == 3


def test_reading_an_unchanged_object_downloads_nothing(stack, monkeypatch):
    """With a known generation, Cloud Storage answers 304. The emulator ignores the condition."""
    with scripted_http() as google:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", google.url)
        client = type(stack.bucket.client)(project="demo")
        google.answer = lambda _request: (304, b"")
        assert GcsObjectStore(client, "models", "callmood").read_if_changed("aliases.json", 7) is None
        [request] = [request for request in google.requests if request.path.startswith("/download/")]
        assert request.path.startswith("/download/storage/v1/b/models/o/callmood%2Faliases.json?")
        assert "ifGenerationNotMatch=7" in request.path


def test_function_follows_the_alias_and_keeps_the_last_valid_model(stack, registry, tmp_path, one, two, monkeypatch):
    """Production, a backfill with another version, and a production version that fails its self-test."""
    mine = stack.environment | {"MODEL_URI": f"{registry.uri}@production"}
    with function("analyze", tmp_path, **mine) as url, stack.pushing_to(url):
        calls = [stack.upload(f"again/{number}.wav", clip()) for number in range(2)]
        for call in calls:
            assert [row["model_version"] for row in stack.until(ROWS, call)] == [one]

        monkeypatch.setattr(reprocess, "_POLL_INTERVAL_S", 0.5)
        where = ("--project", PROJECT, "--topic", "recordings", "--dataset", stack.environment["DATASET"])
        again = ["backfill", f"gs://{stack.bucket.name}/again/", "--model", f"{registry.uri}@{two}", *where]
        monkeypatch.chdir(tmp_path)  # the checkpoint of a backfill goes there
        done = CliRunner().invoke(app, again)
        assert "2 recordings reprocessed" in done.output, done.output
        for call in calls:
            assert {row["model_version"] for row in stack.rows(ROWS, call)} == {one, two}
            assert [row["model_version"] for row in stack.rows(SHOWN, call)] == [one]
        done = CliRunner().invoke(app, [*again, "--json"])
        assert json.loads(done.stdout)["published"] is False
        for call in calls:
            assert len(stack.rows(ROWS, call)) == 2, "nothing is scored twice"
        assert command("promote", two, "--registry", registry.uri, "--dataset", stack.environment["DATASET"]) == 0
        for call in calls:
            assert [row["model_version"] for row in stack.rows(SHOWN, call)] == [two]

    bucket, _, prefix = registry.uri.removeprefix("gs://").partition("/")
    blob = stack.bucket.client.bucket(bucket).blob(f"{prefix}/versions/{two}/selftest.npz")
    with np.load(io.BytesIO(blob.download_as_bytes())) as kept:
        others, content = dict(kept), io.BytesIO()
    np.savez(content, signals=others["signals"], probabilities=1 - others["probabilities"])
    blob.upload_from_string(content.getvalue())
    (tmp_path / "broken").mkdir()
    with function("analyze", tmp_path / "broken", **mine) as url, stack.pushing_to(url):
        call = stack.upload("by-the-last-good-one.wav", clip())
        assert [row["model_version"] for row in stack.until(ROWS, call)] == [one]
    lines = [json.loads(line) for line in (tmp_path / "broken" / "analyze.log").read_text().splitlines() if "{" in line]
    [fault] = [line for line in lines if "model_fault" in line]
    assert (fault["severity"], fault["model_fault"], fault["model_version"]) == ("ERROR", two, one)


def test_alias_provider_follows_a_bucket(registry, one, two):
    now = 0.0
    followed = AliasModelProvider(registry, "production", lambda: now)
    assert followed.for_recording("a").version == one
    now = 61.0
    assert followed.for_recording("a").version == one
    promote.promote(registry, "production", two, None)
    now = 122.0
    assert followed.for_recording("a").version == two
