"""Authentication by API key and access token."""

import time
from http.client import HTTPConnection

import pytest
from realtime_server import SESSION_KEY, run_server

from callmood.realtime.auth import ACCESS_TOKEN_LIFETIME_S, Authenticator
from callmood.realtime.problem_details import Problem
from callmood.settings import RealtimeSettings

API_KEY = "a key of some length"


@pytest.fixture(scope="module")
def protected_server():
    with run_server(API_KEY=API_KEY, SESSION_KEY=SESSION_KEY) as running:
        yield running


def test_requests_without_valid_api_key_are_rejected(protected_server, example):
    assert protected_server.request("/health")[0] == 200
    for headers in ({}, {"X-API-Key": "another key"}, {"X-API-Key": ""}):
        status, problem, received = protected_server.request("/score", example, **headers)
        assert (status, problem["code"], received["WWW-Authenticate"]) == (401, "unauthorized", "ApiKey")
        assert protected_server.request("/token", b"", **headers)[0] == 401
    assert protected_server.request("/score", example, **{"X-API-Key": API_KEY})[0] == 200


def test_client_that_is_still_sending_receives_the_refusal(protected_server):
    connection = HTTPConnection(protected_server.url.removeprefix("http://"), timeout=30)
    connection.putrequest("POST", "/score")
    connection.putheader("Content-Length", "2000000")
    connection.putheader("Connection", "close")
    connection.endheaders()
    for _ in range(4):
        time.sleep(0.2)  # the server refuses at the header
        connection.send(bytes(500_000))
    assert connection.getresponse().status == 401
    connection.close()


def test_access_token_authorizes_scoring_but_not_new_tokens(protected_server, example):
    token = protected_server.request("/token", b"", **{"X-API-Key": API_KEY})[1]["token"]
    assert protected_server.request("/score", example, **{"X-API-Key": token})[0] == 200
    assert protected_server.request("/token", b"", **{"X-API-Key": token})[0] == 401


def test_access_token_expires(monkeypatch):
    authenticator = Authenticator(RealtimeSettings(api_key=API_KEY, session_key=SESSION_KEY))
    token = authenticator.create_token()
    authenticator.check(token)
    now = time.time()
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: now + ACCESS_TOKEN_LIFETIME_S + 5)
    with pytest.raises(Problem, match="ten minutes"):
        authenticator.check(token)
