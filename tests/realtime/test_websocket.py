"""Real-time streams over the WebSocket, as the client of a telephone system sends them."""

import io
import json
import time
from datetime import UTC, datetime

import numpy as np
import pytest
import soundfile
from realtime_server import run_in_thread, run_server
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from callmood.analysis.analyzer import analyze
from callmood.analysis.rows import segment_fields
from callmood.config import AnalysisConfig
from callmood.emotion.model import load_model
from callmood.models.resolver import StaticModelProvider
from callmood.realtime import websocket
from callmood.realtime.app import make_app
from callmood.realtime.auth import Authenticator
from callmood.realtime.scoring import Scorer
from callmood.realtime.session import StreamSession
from callmood.settings import RealtimeSettings
from callmood.types import CallMetadata, ObjectRef, Recording


def encode(samples, rate, subtype):
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="WAV", subtype=subtype)
    return file.getvalue()


def analyze_recording(audio):
    call = CallMetadata(channel_roles=("customer",))
    recording = Recording(ObjectRef("b", "a", 1), audio, len(audio), "0" * 64, datetime.now(UTC), call)
    return [segment_fields(segment) for segment in analyze(recording, load_model(), AnalysisConfig()).segments]


def stream(server, frames, **start):
    """Send frames as fast as the server accepts them, and return the updates and the result."""
    with connect(server.socket_url) as socket:
        socket.send(json.dumps({"type": "start", **start}))
        assert json.loads(socket.recv())["type"] == "ready"
        for frame in frames:
            socket.send(frame)
        socket.send('{"type": "end"}')
        messages = [json.loads(message) for message in socket]
    assert [message["type"] for message in messages[:-1]] == ["update"] * (len(messages) - 1)
    assert messages[-1]["type"] == "result"
    return messages[:-1], messages[-1]


def receive_all(socket):
    """Return all messages until the connection is closed, and the close code."""
    messages = []
    try:
        while True:
            messages.append(json.loads(socket.recv(timeout=10)))
    except ConnectionClosed as closed:
        return messages, closed.rcvd.code


def split(data, size):
    return [data[i : i + size] for i in range(0, len(data), size)]


def make_service():
    return make_app(Scorer(StaticModelProvider(load_model()), RealtimeSettings()), Authenticator(RealtimeSettings()))


@pytest.mark.parametrize(("subtype", "encoding", "rate"), [("PCM_16", "pcm16", 16_000), ("ULAW", "mulaw", 8_000)])
def test_stream_result_equals_analysis_of_its_recording(server, customer, subtype, encoding, rate):
    samples = np.repeat(customer, rate // 8000)[: 40 * rate]
    audio = encode(samples, rate, subtype)
    data = audio[audio.index(b"data") + 8 :]
    frame_size = rate // 50 * (2 if encoding == "pcm16" else 1)
    updates, result = stream(server, split(data, frame_size), encoding=encoding, sample_rate=rate)
    expected = analyze_recording(audio)
    assert len(expected) > 4
    assert [(s["start_s"], s["end_s"], s["emotion"]) for s in result["segments"]] == [
        (s["start_s"], s["end_s"], s["emotion"]) for s in expected
    ]
    for streamed, recorded in zip(result["segments"], expected, strict=True):
        assert streamed == pytest.approx(recorded, abs=2e-3)
    in_updates = [segment for update in updates for segment in update["segments"]]
    # The updates contain the same segments, except those that ended in the last second.
    assert [s["end_s"] for s in in_updates] == [s["end_s"] for s in expected][: len(in_updates)]
    assert len(in_updates) >= len(expected) - 1


def test_updates_arrive_once_a_second_with_partial_segments(server, customer):
    samples = customer[30 * 8000 : 40 * 8000]  # two long sentences
    updates = []
    with connect(server.socket_url) as socket:
        socket.send(json.dumps({"type": "start", "sample_rate": 8000}))
        socket.recv()
        for number, frame in enumerate(split(samples.tobytes(), 320)):
            socket.send(frame)
            if number % 50 == 49 and number > 49:
                updates.append(json.loads(socket.recv(timeout=10)))
        socket.send('{"type": "end"}')
        for _ in socket:
            pass
    assert [int(update["processed_s"]) for update in updates] == list(range(1, 10))
    partial = [segment for update in updates for segment in update["partial"]]
    assert partial
    emotions = ("anger", "disgust", "fear", "happiness", "neutral", "sadness")
    assert all(sum(segment[f"p_{emotion}"] for emotion in emotions) > 0.99 for segment in partial)


def test_session_token_continues_the_stream(server, customer):
    first, second = customer[: 30 * 8000], customer[30 * 8000 :]
    _, first_result = stream(server, split(first.tobytes(), 320), sample_rate=8000)
    _, continued = stream(server, split(second.tobytes(), 320), sample_rate=8000, session=first_result["session"])
    assert continued["offset_s"] == 30.0
    assert all(s["start_s"] >= 30 for s in continued["segments"])
    _, alone = stream(server, split(second.tobytes(), 320), sample_rate=8000)
    pairs = zip(reversed(continued["segments"]), reversed(alone["segments"]), strict=False)
    changes = [abs(one["p_anger"] - other["p_anger"]) for one, other in pairs]
    assert max(changes) > 0.05


def test_agent_stream_has_segments_without_emotion(server, customer):
    _, result = stream(server, split(customer[: 15 * 8000].tobytes(), 320), sample_rate=8000, role="agent")
    assert result["segments"]
    assert all(segment["emotion"] is None for segment in result["segments"])


START = json.dumps({"type": "start"})


@pytest.mark.parametrize(
    ("messages", "close_code", "code"),
    [
        (["hello"], 4400, "bad_request"),
        ([b"\0" * 640], 4400, "bad_request"),
        (['{"type": "start", "encoding": "opus"}'], 4400, "bad_request"),
        (['{"type": "start", "sample_rate": 4000}'], 4400, "bad_request"),
        (['{"type": "start", "session": "x"}'], 4400, "invalid_session"),
        ([START, b"\0" * 641], 4400, "bad_request"),
        ([START, b"\0" * 32_002], 4413, "too_large"),
        ([START, '{"type": "pause"}'], 4400, "bad_request"),
        (["[" * 100_000], 4400, "bad_request"),
        ([START, "[" * 100_000], 4400, "bad_request"),
    ],
)  # fmt: skip
def test_invalid_messages_get_a_problem_before_the_connection_is_closed(server, messages, close_code, code):
    with connect(server.socket_url) as socket:
        for message in messages:
            socket.send(message)
        received, closed = receive_all(socket)
    assert closed == close_code
    assert (received[-1]["type"], received[-1]["problem"]["code"]) == ("problem", code)


def test_stream_above_the_limit_is_rejected_until_another_ends(server):
    with connect(server.socket_url) as one, connect(server.socket_url) as two, connect(server.socket_url) as three:
        for socket in (one, two):
            socket.send(START)
            assert json.loads(socket.recv())["type"] == "ready"
        three.send(START)
        assert json.loads(three.recv())["problem"]["code"] == "busy"
        with pytest.raises(ConnectionClosed) as closed:
            three.recv()
        assert closed.value.rcvd.code == 4503
    for _ in range(100):
        if server.request("/health")[1]["active_streams"] == 0:
            break
        time.sleep(0.05)
    with connect(server.socket_url) as retry:
        retry.send(START)
        assert json.loads(retry.recv())["type"] == "ready"


def test_page_of_another_site_is_rejected(server):
    with connect(server.socket_url, origin="https://evil.example") as socket:
        assert json.loads(socket.recv())["problem"]["code"] == "forbidden"


def test_stream_ends_with_a_result_at_the_maximum_duration(customer):
    with run_server(MAX_STREAM_S="20", API_KEY="a key of some length") as short:
        frames = split(customer[: 30 * 8000].tobytes(), 320)
        _, result = stream(short, frames, sample_rate=8000, credential="a key of some length")
        assert result["duration_s"] == 20.0
        assert result["session"] is None
        with connect(short.socket_url) as socket:
            socket.send(START)
            assert json.loads(socket.recv())["problem"]["code"] == "unauthorized"


def test_silent_client_gets_the_result_and_a_timeout(monkeypatch, customer):
    """Run in this process with shorter timeouts."""
    monkeypatch.setattr(websocket, "FRAME_TIMEOUT_S", 0.5)
    monkeypatch.setattr(websocket, "START_TIMEOUT_S", 0.5)
    with (
        run_in_thread(make_service()) as server,
        connect(server.socket_url) as socket,
        connect(server.socket_url) as without_start,
    ):
        socket.send(json.dumps({"type": "start", "sample_rate": 8000}))
        socket.recv()
        socket.send(customer[4 * 8000 : 5 * 8000].tobytes())
        messages, closed = receive_all(socket)
        assert [message["type"] for message in messages[-2:]] == ["result", "problem"]
        assert (closed, messages[-1]["problem"]["code"]) == (4408, "timeout")
        assert receive_all(without_start)[1] == 4408


def test_overloaded_server_sends_fewer_updates_and_drops_no_audio(monkeypatch, customer):
    process = StreamSession.process
    monkeypatch.setattr(
        StreamSession, "process", lambda session, frames: (time.sleep(0.4), process(session, frames))[1]
    )
    monkeypatch.setattr(websocket, "BUFFER_S", 2.0)
    samples = customer[30 * 8000 : 45 * 8000]
    with run_in_thread(make_service()) as slow:
        started = time.monotonic()
        updates, result = stream(slow, split(samples.tobytes(), 320), sample_rate=8000)
        elapsed_s = time.monotonic() - started
    assert len(updates) <= 9
    assert result["duration_s"] == 15.0
    # The buffer holds two seconds of audio at most, so the server slowed the sender down for the rest.
    assert elapsed_s > 0.4 * 15 / 2.5
    assert len(result["segments"]) == len(analyze_recording(encode(samples, 8000, "PCM_16")))
