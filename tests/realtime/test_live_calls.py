"""A live call over the WebSocket, as a telephone system's client makes it."""

import io
import json
import time
from datetime import UTC, datetime

import numpy as np
import pytest
import soundfile
from live_server import in_this_process, running
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from callmood.analysis.analyzer import analyze
from callmood.analysis.rows import segment_facts
from callmood.emotion.model import load_model
from callmood.models.resolver import StaticModelProvider
from callmood.realtime import websocket
from callmood.realtime.app import make_app
from callmood.realtime.auth import Access
from callmood.realtime.pcm import Sound
from callmood.realtime.scoring import Scorer
from callmood.realtime.session import LiveCall
from callmood.recording import CallMetadata, ObjectRef, Recording
from callmood.settings import ScoreSettings, Settings


@pytest.fixture(scope="module")
def customer(example):
    sound, _ = soundfile.read(io.BytesIO(example), dtype="int16")
    return sound[:, 1]


def encoded(samples, rate, subtype):
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="WAV", subtype=subtype)
    return file.getvalue()


def analyzed(audio):
    call = CallMetadata(channel_roles=("customer",))
    recording = Recording(ObjectRef("b", "a", 1), audio, len(audio), "0" * 64, datetime.now(UTC), call)
    return [segment_facts(one) for one in analyze(recording, load_model(), Settings()).segments]


def talk(server, frames, **start):
    """Send frames as fast as they are taken: the updates and the result."""
    heard = []
    with connect(server.socket_url) as socket:
        socket.send(json.dumps({"type": "start", **start}))
        assert json.loads(socket.recv())["type"] == "ready"
        for frame in frames:
            socket.send(frame)
        socket.send('{"type": "end"}')
        heard = [json.loads(message) for message in socket]
    assert [one["type"] for one in heard[:-1]] == ["update"] * (len(heard) - 1)
    assert heard[-1]["type"] == "result"
    return heard[:-1], heard[-1]


def everything(socket):
    """All messages until the connection is closed, and with which code."""
    told = []
    try:
        while True:
            told.append(json.loads(socket.recv(timeout=10)))
    except ConnectionClosed as closed:
        return told, closed.rcvd.code


def pieces(data, size):
    return [data[i : i + size] for i in range(0, len(data), size)]


@pytest.mark.parametrize(("subtype", "encoding", "rate"), [("PCM_16", "pcm16", 16_000), ("ULAW", "mulaw", 8_000)])
def test_a_live_call_ends_as_its_recording_is_analyzed(server, customer, subtype, encoding, rate):
    samples = np.repeat(customer, rate // 8000)[: 40 * rate]
    audio = encoded(samples, rate, subtype)
    data = audio[audio.index(b"data") + 8 :]
    frame = rate // 50 * (2 if encoding == "pcm16" else 1)
    updates, result = talk(server, pieces(data, frame), encoding=encoding, sample_rate=rate)
    expected = analyzed(audio)
    assert len(expected) > 4
    assert [(s["start_s"], s["end_s"], s["emotion"]) for s in result["segments"]] == [
        (s["start_s"], s["end_s"], s["emotion"]) for s in expected
    ]
    for one, other in zip(result["segments"], expected, strict=True):
        assert one == pytest.approx(other, abs=2e-3)
    told = [segment for update in updates for segment in update["segments"]]
    # What was told on the way are the same places, less what the last second added.
    assert [s["end_s"] for s in told] == [s["end_s"] for s in expected][: len(told)]
    assert len(told) >= len(expected) - 1


def test_updates_come_once_a_second_with_what_is_being_said(server, customer):
    samples = customer[30 * 8000 : 40 * 8000]  # two long sentences
    updates = []
    with connect(server.socket_url) as socket:
        socket.send(json.dumps({"type": "start", "sample_rate": 8000}))
        socket.recv()
        for number, frame in enumerate(pieces(samples.tobytes(), 320)):
            socket.send(frame)
            if number % 50 == 49 and number > 49:
                updates.append(json.loads(socket.recv(timeout=10)))
        socket.send('{"type": "end"}')
        for _ in socket:
            pass
    assert [int(update["heard_s"]) for update in updates] == list(range(1, 10))
    said = [segment for update in updates for segment in update["unfinished"]]
    assert said
    assert all(
        sum(s[f"p_{e}"] for e in ("anger", "disgust", "fear", "happiness", "neutral", "sadness")) > 0.99 for s in said
    )


def test_the_next_part_of_a_call_goes_on_where_the_first_ended(server, customer):
    first, second = customer[: 30 * 8000], customer[30 * 8000 :]
    _, one = talk(server, pieces(first.tobytes(), 320), sample_rate=8000)
    _, two = talk(server, pieces(second.tobytes(), 320), sample_rate=8000, session=one["session"])
    assert two["offset_s"] == 30.0
    assert all(s["start_s"] >= 30 for s in two["segments"])
    _, alone = talk(server, pieces(second.tobytes(), 320), sample_rate=8000)
    assert two["segments"][-1]["p_anger"] != pytest.approx(alone["segments"][-1]["p_anger"], abs=0.05)


def test_an_agents_voice_is_timed_not_judged(server, customer):
    _, result = talk(server, pieces(customer[: 15 * 8000].tobytes(), 320), sample_rate=8000, role="agent")
    assert result["segments"]
    assert all(segment["emotion"] is None for segment in result["segments"])


START = json.dumps({"type": "start"})


@pytest.mark.parametrize(
    ("said", "close", "code"),
    [
        (["hello"], 4400, "bad_request"),
        ([b"\0" * 640], 4400, "bad_request"),
        (['{"type": "start", "encoding": "opus"}'], 4400, "bad_request"),
        (['{"type": "start", "sample_rate": 4000}'], 4400, "bad_request"),
        (['{"type": "start", "session": "x"}'], 4400, "bad_session"),
        ([START, b"\0" * 641], 4400, "bad_request"),
        ([START, b"\0" * 32_002], 4413, "too_large"),
        ([START, '{"type": "pause"}'], 4400, "bad_request"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_told_before_the_connection_is_closed(server, said, close, code):
    with connect(server.socket_url) as socket:
        for one in said:
            socket.send(one)
        told, closed = everything(socket)
    assert closed == close
    assert (told[-1]["type"], told[-1]["problem"]["code"]) == ("problem", code)


def test_one_call_too_many_is_told_to_come_again_and_then_may(server):
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
        if server.ask("/health")[1]["live_calls"] == 0:
            break
        time.sleep(0.05)
    with connect(server.socket_url) as again:
        again.send(START)
        assert json.loads(again.recv())["type"] == "ready"


def test_a_page_of_another_site_is_refused(server):
    with connect(server.socket_url, origin="https://evil.example") as socket:
        assert json.loads(socket.recv())["problem"]["code"] == "forbidden"


def test_a_call_may_last_only_so_long_and_its_result_is_told(customer):
    with running(MAX_STREAM_S="20", API_KEY="a key of some length") as short:
        frames = pieces(customer[: 30 * 8000].tobytes(), 320)
        _, result = talk(short, frames, sample_rate=8000, access="a key of some length")
        assert result["duration_s"] == 20.0
        assert result["session"] is None
        with connect(short.socket_url) as socket:
            socket.send(START)
            assert json.loads(socket.recv())["problem"]["code"] == "unauthorized"


def test_who_falls_silent_is_told_the_result(monkeypatch, customer):
    """In this process, with a clock of its own: thirty seconds are long."""
    monkeypatch.setattr(websocket, "FRAME_TIMEOUT_S", 0.5)
    monkeypatch.setattr(websocket, "START_TIMEOUT_S", 0.5)
    app = make_app(Scorer(StaticModelProvider(load_model()), ScoreSettings()), Access(ScoreSettings()))
    with in_this_process(app) as server, connect(server.socket_url) as socket, connect(server.socket_url) as mute:
        socket.send(json.dumps({"type": "start", "sample_rate": 8000}))
        socket.recv()
        socket.send(customer[4 * 8000 : 5 * 8000].tobytes())
        told, closed = everything(socket)
        assert [one["type"] for one in told[-2:]] == ["result", "problem"]
        assert (closed, told[-1]["problem"]["code"]) == (4408, "timeout")
        assert everything(mute)[1] == 4408


def test_a_late_server_sends_fewer_updates_and_loses_no_sound(monkeypatch, customer):
    hear = LiveCall.hear
    monkeypatch.setattr(LiveCall, "hear", lambda call, frames: (time.sleep(0.4), hear(call, frames))[1])
    monkeypatch.setattr(websocket, "BUFFER_S", 2.0)
    samples = customer[30 * 8000 : 45 * 8000]
    with in_this_process(
        make_app(Scorer(StaticModelProvider(load_model()), ScoreSettings()), Access(ScoreSettings()))
    ) as late:
        begun = time.monotonic()
        updates, result = talk(late, pieces(samples.tobytes(), 320), sample_rate=8000)
        took_s = time.monotonic() - begun
    assert len(updates) <= 9
    assert result["duration_s"] == 15.0
    # Two seconds of sound wait at most, so the sender was held up for the others.
    assert took_s > 0.4 * 15 / 2.5
    assert len(result["segments"]) == len(analyzed(encoded(samples, 8000, "PCM_16")))


def test_mulaw_is_decoded_as_files_are():
    codes = np.arange(256, dtype=np.uint8).tobytes()
    file = io.BytesIO()
    soundfile.write(file, np.zeros(256), 8000, format="RAW", subtype="ULAW")
    expected, _ = soundfile.read(
        io.BytesIO(codes), samplerate=8000, channels=1, format="RAW", subtype="ULAW", dtype="float32"
    )
    np.testing.assert_array_equal(Sound("mulaw", 16_000).decode(codes), expected)
