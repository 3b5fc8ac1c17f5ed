"""The mirror in Vertex AI: Google's client library, connected to a server with Vertex AI's rules."""

import builtins
import uuid
from itertools import groupby

import pytest
from model_files import command, model_file, version_of
from scripted_http import scripted_http
from stack.services import ServiceMissing, do_without, storage_emulator
from vertex_made import VertexMade

from callmood.models.registry import Registry, Release
from model.deployment import vertex

pytest.importorskip("google.cloud.aiplatform_v1", reason="pip install 'callmood[vertex]'")


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
    """A bucket's address."""
    from google.cloud.storage import Client

    try:
        with (
            storage_emulator(tmp_path_factory.mktemp("logs"), "127.0.0.1:1", "none") as url,
            pytest.MonkeyPatch.context() as patched,
        ):
            patched.setenv("STORAGE_EMULATOR_HOST", url)
            patched.setenv("GOOGLE_CLOUD_PROJECT", "demo")
            yield f"gs://{Client().create_bucket(f'models-{uuid.uuid4().hex[:8]}').name}"
    except ServiceMissing as missing:
        do_without(missing)


@pytest.fixture
def google(monkeypatch):
    """Vertex AI."""
    from google.auth.credentials import AnonymousCredentials

    with scripted_http() as script:
        script.vertex = VertexMade()
        script.answer = script.vertex.answer
        monkeypatch.setattr("google.auth.default", lambda *_, **__: (AnonymousCredentials(), "demo"))
        yield script


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return [model_file(tmp_path_factory.mktemp("models"), number) for number in (1, 2)]


def test_versions_canary_promotion_and_rollback_are_mirrored(bucket, google, models, capsys):
    one, two = map(version_of, models)
    at = ("--registry", f"{bucket}/{uuid.uuid4().hex}")
    where = ("--project", "acme", "--location", "europe-west1", "--image", "i:1", "--endpoint", "calls")
    assert command("register", "--model", models[0], *at) == 0
    assert command("promote", one, *at) == 0
    assert command("vertex", *at, *where, "--api-endpoint", google.url) == 0
    assert command("register", "--model", models[1], *at) == 0
    assert command("promote", two, *at, "--canary", "0.2") == 0
    assert command("promote", two, *at) == 0
    assert command("rollback", *at) == 0
    [(name, versions)] = google.vertex.models.items()
    assert name == "projects/acme/locations/europe-west1/models/callmood"
    assert [version["versionAliases"] for version in versions] == [[f"v{one}"], [f"v{two}"]]
    assert versions[0]["artifactUri"] == f"{at[1]}/versions/{one}"
    moved = [split for split, _ in groupby(google.vertex.history)]
    assert moved == [{one: 100}, {one: 80, two: 20}, {two: 100}, {one: 100}]
    [endpoint] = google.vertex.endpoints.values()
    assert [deployed["displayName"] for deployed in endpoint["deployedModels"]] == [one]

    writes = len([each for each in google.requests if each.method != "GET"])
    assert command("vertex", *at) == 0
    assert len([each for each in google.requests if each.method != "GET"]) == writes, "a repetition changes nothing"
    assert f"deployed {two}" in capsys.readouterr().out


def test_error_of_vertex_ai_keeps_the_change_of_the_registry(bucket, google, models, capsys):
    """Vertex AI is behind the registry until the command is repeated."""
    one = version_of(models[0])
    at = ("--registry", f"{bucket}/{uuid.uuid4().hex}")
    assert command("register", "--model", models[0], *at) == 0
    google.answer = lambda _request: (
        403,
        {"error": {"code": 403, "message": "no right", "status": "PERMISSION_DENIED"}},
    )
    where = ("--project", "acme", "--location", "europe-west1", "--image", "i:1", "--api-endpoint", google.url)
    assert command("vertex", *at, *where) == 1
    assert "no right" in capsys.readouterr().err
    assert command("promote", one, *at) == 1
    assert Registry(at[1]).releases() == {"production": Release(one)}
    assert "python -m model vertex" in capsys.readouterr().err
    google.answer = google.vertex.answer
    assert command("vertex", *at) == 0
    assert len(google.vertex.models) == 1
    assert google.vertex.endpoints == {}, "no endpoint was configured"


def test_canary_gets_between_1_and_99_percent():
    assert vertex.traffic_split(Release("a").with_canary("b", 0.001)) == {"a": 99, "b": 1}
    assert vertex.traffic_split(Release("a").with_canary("b", 0.999)) == {"a": 1, "b": 99}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "--project, --location, and --image"),
        (("--project", "p", "--location", "Europe", "--image", "i"), "--location"),
        (("--project", "p"), "--location: Field required"),
        (("--project", "p", "--location", "europe-west1", "--image", "i"), "only from Cloud Storage"),
    ],
)
def test_missing_or_invalid_option_is_named(tmp_path, arguments, message, capsys):
    assert command("vertex", "--registry", tmp_path / "registry", *arguments) == 1
    assert message in capsys.readouterr().err


def test_missing_library_is_named_with_its_package(bucket, monkeypatch, capsys):
    real = builtins.__import__

    def without(name, *given):
        if name == "google.cloud" and given[2] and "aiplatform_v1" in given[2]:
            raise ImportError(name)
        return real(name, *given)

    monkeypatch.setattr(builtins, "__import__", without)
    at = ("--registry", f"{bucket}/{uuid.uuid4().hex}")
    assert command("vertex", *at, "--project", "p", "--location", "europe-west1", "--image", "i") == 1
    assert "pip install 'callmood[vertex]'" in capsys.readouterr().err
