"""`score` as a caller uses it: audio or Vertex AI's JSON in, segments out; and calls in parts."""

import base64
import io
import json
import socket
import time
from datetime import UTC, datetime

import numpy as np
import pytest
import soundfile
from live_server import KEY, in_this_process, running

from callmood.analysis.analyzer import analyze
from callmood.analysis.channel import Average
from callmood.analysis.rows import analysis_rows
from callmood.emotion.model import load_model
from callmood.models.resolver import StaticModelProvider
from callmood.realtime import app
from callmood.realtime.app import make_app
from callmood.realtime.auth import TOKEN_AGE_S, Access
from callmood.realtime.problem_details import Problem
from callmood.realtime.scoring import Scorer
from callmood.realtime.session_tokens import MAX_AGE_S, Session, SessionTokens
from callmood.recording import ObjectRef, Recording
from callmood.resources import MODEL
from callmood.settings import ScoreSettings, Settings


@pytest.fixture(scope="module")
def model():
    return load_model()


def wav(samples, rate=8000):
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


@pytest.fixture(scope="module")
def customer(example):
    sound, _ = soundfile.read(io.BytesIO(example))
    return sound[:, 1]


def test_a_recording_gets_the_facts_that_its_rows_would_have(server, example, model):
    status, told, _ = server.ask("/score", example)
    assert status == 200
    recording = Recording(ObjectRef("b", "a", 1), example, len(example), "0" * 64, datetime.now(UTC))
    segments, commit = analysis_rows(analyze(recording, model, Settings()), Settings(), datetime.now(UTC), 0)
    assert told["segments"] == [{name: row[name] for name in told["segments"][0]} for row in segments]
    for name in ("duration_s", "channel_roles", "warnings", "model_version"):
        assert told[name] == commit[name]
    assert told["session"] is None


def test_vertex_ai_gets_a_prediction_an_instance(server, example, customer):
    one, other = server.score(example, wav(customer), channel_roles=["customer", "agent"])
    assert one["channel_roles"] == ["customer", "agent"]
    assert {s["channel"] for s in one["segments"] if s["emotion"]} == {0}
    assert other["channel_roles"] == ["customer"]


def test_what_vertex_ai_sets_is_followed(tmp_path, example):
    model = load_model()
    for name in ("emotion.tflite", "emotion.json"):
        (tmp_path / name).write_bytes((MODEL / name).read_bytes())
    routes = {"AIP_HEALTH_ROUTE": "/v1/health", "AIP_PREDICT_ROUTE": "/v1/predict", "AIP_STORAGE_URI": str(tmp_path)}
    with running(**routes) as vertex:
        assert vertex.ask("/v1/health")[1]["model_version"] == model.version
        assert vertex.ask("/v1/predict", example)[0] == 200


def test_a_call_in_parts_is_judged_relative_to_its_speaker(server, customer):
    half = len(customer) // 2
    [whole] = server.score(wav(customer), channel_roles=["customer"])
    [first] = server.score(wav(customer[:half]), channel_roles=["customer"], session=True)
    [second] = server.score(wav(customer[half:]), sessions=[first["session"]], channel_roles=["customer"])
    [alone] = server.score(wav(customer[half:]), channel_roles=["customer"])
    assert second["offset_s"] == pytest.approx(half / 8000)
    last, of_whole, of_alone = second["segments"][-1], whole["segments"][-1], alone["segments"][-1]
    assert last["start_s"] == pytest.approx(of_whole["start_s"], abs=0.1)
    # With all that was heard before, the last segment is judged as in the whole call; alone it is not.
    assert last["p_anger"] == pytest.approx(of_whole["p_anger"], abs=0.02)
    assert abs(of_alone["p_anger"] - of_whole["p_anger"]) > 0.1
    assert second["session"] != first["session"]


def test_a_token_keeps_what_it_was_given():
    tokens = SessionTokens(KEY)
    means = np.random.default_rng(0).standard_normal((2, 3072)).astype(np.float32)
    session = Session("c", "m1", 61.5, {0: Average(means[0], 12.25), 3: Average(means[1], 7.0)})
    token = tokens.write(session)
    read = tokens.read(token)
    assert (read.call_id, read.model_version, read.offset_s) == ("c", "m1", 61.5)
    for channel, average in session.averages.items():
        np.testing.assert_allclose(read.averages[channel].embedding, average.embedding, atol=2e-3)
        assert read.averages[channel].seconds == average.seconds
    assert len(token) < 25_000


def test_another_models_token_begins_the_voices_anew_and_says_so(server, customer):
    token = SessionTokens(KEY).write(Session("c", "older", 30.0, {0: Average(np.ones(4, np.float32), 9.0)}))
    [told] = server.score(wav(customer), sessions=[token], channel_roles=["customer"])
    assert told["offset_s"] == 30.0
    assert told["warnings"] == ["session_restarted"]


def test_a_changed_a_foreign_and_an_old_token_are_refused(monkeypatch):
    tokens = SessionTokens(KEY)
    good = tokens.write(Session("c", "m1"))
    for bad in (
        good[:-2] + "AA",
        "x" + good,
        "",
        "a.b.c",
        "é",
        SessionTokens(KEY + "x").write(Session("c", "m")),
        "a" * 10**6,
    ):
        with pytest.raises(Problem, match="token"):
            tokens.read(bad)
    now = time.time()
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: now + MAX_AGE_S + 5)
    with pytest.raises(Problem, match="60 minutes") as old:
        tokens.read(good)
    assert old.value.code == "session_expired"


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "headers", "query", "status", "code", "told"),
    [
        (b"", {}, "", 422, "empty_file", "empty"),
        (b"Dear Sir or Madam", {}, "", 422, "not_audio", "text"),
        (b"RIFF\x00\x00\x00\x00WAVE", {}, "", 422, None, ""),
        (b"x" * 4_000_001, {}, "", 413, "too_large", "MAX_REQUEST_BYTES"),
        (wav(np.zeros(121 * 8000)), {}, "", 413, "too_long", "MAX_CHUNK_S"),
        (b"x", {}, "?channel_roles=boss", 400, "bad_request", "channel_roles"),
        (b"x", {}, "?rate=8000", 400, "bad_request", "rate"),
        (b"{", JSON, "", 400, "bad_request", "JSON"),
        (b'{"instances": []}', JSON, "", 400, "bad_request", "instances"),
        (b'{"instances": [{"b64": "*"}]}', JSON, "", 400, "bad_request", "instances.0.b64"),
        (b'{"instances": [{"b64": "", "session": "x"}]}', JSON, "", 400, "bad_session", "token"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_told_as_problem_details(server, body, headers, query, status, code, told):
    answered, problem, answer = server.ask(f"/score{query}", body, **headers)
    assert answered == status == problem["status"]
    assert answer["Content-Type"] == "application/problem+json"
    assert problem["type"] == f"urn:callmood:problem:{problem['code']}"
    assert code in (None, problem["code"])
    assert told in problem["detail"]


@pytest.mark.parametrize(("path", "body", "status"), [("/nothing/here", None, 404), ("/score", None, 405)])
def test_other_addresses_and_methods_are_problems_too(server, path, body, status):
    answered, problem, _ = server.ask(path, body)
    assert answered == status == problem["status"]


def test_without_a_key_for_sessions_a_call_cannot_come_in_parts(model, example):
    scorer = Scorer(StaticModelProvider(model), ScoreSettings())
    instance = {"b64": base64.b64encode(example).decode()}
    body = json.dumps({"instances": [instance], "parameters": {"session": True}}).encode()
    with pytest.raises(Problem, match="SESSION_KEY"):
        scorer.answer(body, "application/json", {})


@pytest.fixture(scope="module")
def locked():
    with running(API_KEY="a key of some length", SESSION_KEY=KEY) as found:
        yield found


def test_with_an_api_key_only_who_shows_it_is_answered(locked, example):
    assert locked.ask("/health")[0] == 200
    for headers in ({}, {"X-API-Key": "another key"}, {"X-API-Key": ""}):
        status, problem, answer = locked.ask("/score", example, **headers)
        assert (status, problem["code"], answer["WWW-Authenticate"]) == (401, "unauthorized", "ApiKey")
        assert locked.ask("/token", b"", **headers)[0] == 401
    assert locked.ask("/score", example, **{"X-API-Key": "a key of some length"})[0] == 200


def test_a_page_token_stands_for_the_key_but_makes_no_other(locked, example):
    token = locked.ask("/token", b"", **{"X-API-Key": "a key of some length"})[1]["token"]
    assert locked.ask("/score", example, **{"X-API-Key": token})[0] == 200
    assert locked.ask("/token", b"", **{"X-API-Key": token})[0] == 401


def test_page_tokens_end(monkeypatch):
    access = Access(ScoreSettings(api_key="a key of some length", session_key=KEY))
    token = access.token()
    access.check(token)
    now = time.time()
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: now + TOKEN_AGE_S + 5)
    with pytest.raises(Problem, match="ten minutes"):
        access.check(token)


@pytest.fixture(scope="module")
def replica():
    """Another process with the settings of `server`, as Cloud Run starts one."""
    with running(SESSION_KEY=KEY, MAX_REQUEST_BYTES="4000000") as found:
        yield found


def test_replicas_with_one_session_key_answer_alike_and_share_tokens(replica, server, example):
    assert replica.ask("/score", example)[:2] == server.ask("/score", example)[:2]
    [first] = replica.score(example, session=True)
    [second] = server.score(example, sessions=[first["session"]])
    assert second["offset_s"] == first["duration_s"]
    assert replica.ask("/health")[1]["model_version"] == first["model_version"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [(b"Dear Sir", 422, "not_audio"), (b"x" * 4_000_001, 413, "too_large")],
)
def test_replica_answers_errors_with_problem_details(replica, body, status, code):
    answered, problem, answer = replica.ask("/score", body)
    assert (answered, problem["code"], answer["Content-Type"]) == (status, code, "application/problem+json")


def test_a_busy_server_and_a_slow_request_are_told_as_problems(monkeypatch, model):
    service = make_app(Scorer(StaticModelProvider(model), ScoreSettings()), Access(ScoreSettings()))
    monkeypatch.setattr(app, "BODY_TIMEOUT_S", 0.3)
    with in_this_process(service) as slow:
        with socket.create_connection(("127.0.0.1", slow.port), timeout=10) as connection:
            connection.sendall(b"POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nRIFF")
            assert connection.recv(1000).startswith(b"HTTP/1.1 408")
        monkeypatch.setattr(app, "WAITING", 0)
        status, problem, answer = slow.ask("/score", b"RIFF")
        assert (status, problem["code"], answer["Retry-After"]) == (503, "busy", "5")
