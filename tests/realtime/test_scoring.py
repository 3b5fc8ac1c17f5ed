"""`POST /score`: recordings as audio or in Vertex AI's JSON, calls in chunks, and errors."""

import base64
import io
import json
import socket
from datetime import UTC, datetime

import numpy as np
import pytest
import soundfile
from realtime_server import SESSION_KEY, run_in_thread, run_server

from callmood.analysis.analyzer import analyze
from callmood.analysis.rows import analysis_rows
from callmood.config import AnalysisConfig
from callmood.emotion.baseline import SpeakerBaseline
from callmood.emotion.model import load_model
from callmood.models.resolver import StaticModelProvider
from callmood.realtime import app
from callmood.realtime.app import make_app
from callmood.realtime.auth import Authenticator
from callmood.realtime.problem_details import Problem
from callmood.realtime.scoring import Scorer
from callmood.realtime.session_tokens import SessionState, SessionTokens
from callmood.resources import MODEL
from callmood.settings import RealtimeSettings
from callmood.types import ObjectRef, Recording


@pytest.fixture(scope="module")
def model():
    return load_model()


def wav(samples, rate=8000):
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


def test_segments_equal_the_rows_of_the_recording(server, example, model):
    status, prediction, _ = server.request("/score", example)
    assert status == 200
    recording = Recording(ObjectRef("b", "a", 1), example, len(example), "0" * 64, datetime.now(UTC))
    analysis = analyze(recording, model, AnalysisConfig())
    segments, commit = analysis_rows(analysis, AnalysisConfig(), datetime.now(UTC), 0)
    assert prediction["segments"] == [{name: row[name] for name in prediction["segments"][0]} for row in segments]
    for name in ("duration_s", "channel_roles", "warnings", "model_version"):
        assert prediction[name] == commit[name]
    assert prediction["session"] is None


def test_vertex_request_returns_one_prediction_per_instance(server, example, customer):
    stereo, mono = server.predict(example, wav(customer), channel_roles=["customer", "agent"])
    assert stereo["channel_roles"] == ["customer", "agent"]
    assert {s["channel"] for s in stereo["segments"] if s["emotion"]} == {0}
    assert mono["channel_roles"] == ["customer"]


def test_vertex_environment_sets_routes_and_model(tmp_path, example):
    model = load_model()
    for name in ("emotion.tflite", "emotion.json"):
        (tmp_path / name).write_bytes((MODEL / name).read_bytes())
    routes = {"AIP_HEALTH_ROUTE": "/v1/health", "AIP_PREDICT_ROUTE": "/v1/predict", "AIP_STORAGE_URI": str(tmp_path)}
    with run_server(**routes) as vertex:
        assert vertex.request("/v1/health")[1]["model_version"] == model.version
        assert vertex.request("/v1/predict", example)[0] == 200


def test_session_token_carries_the_speaker_baseline_to_the_next_part(server, customer):
    half = len(customer) // 2
    [whole] = server.predict(wav(customer), channel_roles=["customer"])
    [first] = server.predict(wav(customer[:half]), channel_roles=["customer"], session=True)
    [second] = server.predict(wav(customer[half:]), sessions=[first["session"]], channel_roles=["customer"])
    [alone] = server.predict(wav(customer[half:]), channel_roles=["customer"])
    assert second["offset_s"] == pytest.approx(half / 8000)
    last, of_whole, of_alone = second["segments"][-1], whole["segments"][-1], alone["segments"][-1]
    assert last["start_s"] == pytest.approx(of_whole["start_s"], abs=0.1)
    # With the baseline of the first chunk, the last segment gets the result of the whole call; without it, another one.
    assert last["p_anger"] == pytest.approx(of_whole["p_anger"], abs=0.02)
    assert abs(of_alone["p_anger"] - of_whole["p_anger"]) > 0.05
    assert second["session"] != first["session"]


def test_token_of_another_model_resets_baselines_with_a_warning(server, customer):
    state = SessionState(
        "c", "older", 30.0, {0: SpeakerBaseline(np.ones(4, np.float32), 9.0, np.ones(6, np.float32) / 6)}
    )
    token = SessionTokens(SESSION_KEY).encode(state)
    [prediction] = server.predict(wav(customer), sessions=[token], channel_roles=["customer"])
    assert prediction["offset_s"] == 30.0
    assert prediction["warnings"] == ["session_restarted"]


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "headers", "query", "status", "code", "detail"),
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
        (b'{"instances": [{"b64": "", "session": "x"}]}', JSON, "", 400, "invalid_session", "token"),
    ],
)  # fmt: skip
def test_errors_are_problem_details(server, body, headers, query, status, code, detail):
    received, problem, response_headers = server.request(f"/score{query}", body, **headers)
    assert received == status == problem["status"]
    assert response_headers["Content-Type"] == "application/problem+json"
    assert problem["type"] == f"urn:callmood:problem:{problem['code']}"
    assert code in (None, problem["code"])
    assert detail in problem["detail"]


@pytest.mark.parametrize(("path", "body", "status"), [("/nothing/here", None, 404), ("/score", None, 405)])
def test_unknown_paths_and_methods_are_problem_details(server, path, body, status):
    received, problem, _ = server.request(path, body)
    assert received == status == problem["status"]


def test_session_without_session_key_is_rejected(model, example):
    scorer = Scorer(StaticModelProvider(model), RealtimeSettings())
    instance = {"b64": base64.b64encode(example).decode()}
    body = json.dumps({"instances": [instance], "parameters": {"session": True}}).encode()
    with pytest.raises(Problem, match="SESSION_KEY"):
        scorer.score(body, "application/json", {})


@pytest.fixture(scope="module")
def replica():
    """Another process with the settings of `server`, as Cloud Run starts one."""
    with run_server(SESSION_KEY=SESSION_KEY, MAX_REQUEST_BYTES="4000000") as running:
        yield running


def test_replicas_with_one_session_key_respond_alike_and_share_tokens(replica, server, example):
    assert replica.request("/score", example)[:2] == server.request("/score", example)[:2]
    [first] = replica.predict(example, session=True)
    [second] = server.predict(example, sessions=[first["session"]])
    assert second["offset_s"] == first["duration_s"]
    assert replica.request("/health")[1]["model_version"] == first["model_version"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [(b"Dear Sir", 422, "not_audio"), (b"x" * 4_000_001, 413, "too_large")],
)
def test_replica_returns_problem_details(replica, body, status, code):
    received, problem, headers = replica.request("/score", body)
    assert (received, problem["code"], headers["Content-Type"]) == (status, code, "application/problem+json")


def test_slow_request_times_out_and_full_queue_is_busy(monkeypatch, model):
    service = make_app(Scorer(StaticModelProvider(model), RealtimeSettings()), Authenticator(RealtimeSettings()))
    monkeypatch.setattr(app, "BODY_TIMEOUT_S", 0.3)
    with run_in_thread(service) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            connection.sendall(b"POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nRIFF")
            assert connection.recv(1000).startswith(b"HTTP/1.1 408")
        monkeypatch.setattr(app, "MAX_QUEUED", 0)
        status, problem, headers = server.request("/score", b"RIFF")
        assert (status, problem["code"], headers["Retry-After"]) == (503, "busy", "5")


def test_large_body_is_refused_before_it_arrives(server):
    """A client that sends 400 MB in chunks gets the answer after the limit of 4 MB, and the connection is closed."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(b"POST /score HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"%x\r\n" % 1_000_000 + bytes(1_000_000) + b"\r\n"
        sent = 0
        try:
            while sent < 400:
                connection.sendall(chunk)
                sent += 1
        except OSError:
            pass
    assert sent < 50


def test_stated_size_above_the_limit_is_refused_at_once(server):
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(b"POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Length: 400000000\r\n\r\n")
        answer = connection.recv(100_000)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in answer.lower()
