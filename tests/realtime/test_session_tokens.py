"""Session tokens: state that one chunk of a call passes on to the next."""

import time

import numpy as np
import pytest
from realtime_server import SESSION_KEY

from callmood.emotion.baseline import SpeakerBaseline
from callmood.realtime.problem_details import Problem
from callmood.realtime.session_tokens import MAX_AGE_S, SessionState, SessionTokens


def test_token_preserves_session_state():
    tokens = SessionTokens(SESSION_KEY)
    means = np.random.default_rng(0).standard_normal((2, 3072)).astype(np.float32)
    shares = np.array([0.5, 0, 0, 0.125, 0.25, 0.125], np.float32)
    baselines = {0: SpeakerBaseline(means[0], 12.25, shares), 3: SpeakerBaseline(means[1], 7.0, shares)}
    state = SessionState("c", "m1", 61.5, baselines)
    token = tokens.encode(state)
    decoded = tokens.decode(token)
    assert (decoded.call_id, decoded.model_version, decoded.offset_s) == ("c", "m1", 61.5)
    for channel, baseline in state.baselines.items():
        np.testing.assert_allclose(decoded.baselines[channel].embedding, baseline.embedding, atol=2e-3)
        assert decoded.baselines[channel].speech_s == baseline.speech_s
        np.testing.assert_array_equal(decoded.baselines[channel].shares, shares)
    assert len(token) < 25_000


def test_altered_foreign_and_expired_tokens_are_rejected(monkeypatch):
    tokens = SessionTokens(SESSION_KEY)
    valid = tokens.encode(SessionState("c", "m1"))
    for invalid in (
        valid[:-2] + "AA",
        "x" + valid,
        "",
        "a.b.c",
        "é",
        SessionTokens(SESSION_KEY + "x").encode(SessionState("c", "m")),
        "a" * 10**6,
    ):
        with pytest.raises(Problem, match="token"):
            tokens.decode(invalid)
    now = time.time()
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: now + MAX_AGE_S + 5)
    with pytest.raises(Problem, match="60 minutes") as expired:
        tokens.decode(valid)
    assert expired.value.code == "session_expired"
