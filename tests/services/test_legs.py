"""Calls that are recorded as one file per party are joined: each call counts once, in any order of its files."""

import shutil
import threading
import time
from contextlib import closing

import pytest
import soundfile
from audio_files import wav
from command_line import json_lines, run
from recordings import example

from callmood.settings import LocalSettings
from callmood.sources.folder import call_legs
from callmood.sources.watcher import settled_files
from callmood.warehouse.duckdb import DuckDBWarehouse

NAME = "2026-11-02T09-14-00Z_call-7_customer-c7_leg-{}.wav"
SECONDS = 30


def put(folder, leg, shift_s=0.0, suffix=".wav", name=NAME, seconds=SECONDS):
    """Write one leg of a call: a channel of an example, as a file of its own."""
    audio, rate = soundfile.read(example(1001), start=round(shift_s * 8000), frames=seconds * 8000)
    path = (folder / name.format(leg)).with_suffix(suffix)
    codec = {"format": "WAV", "subtype": "ULAW"} if suffix == ".wav" else {"format": "MP3"}
    soundfile.write(path, audio[:, int(leg.lower() in ("customer", "in", "kunde"))], rate, **codec)
    return path


def analyze(folder, *options, code=0):
    rows = json_lines(run("analyze", folder, "--workers", 1, "--json", *options, code=code))
    return sorted(row["status"] for row in rows)


def calls(store):
    return DuckDBWarehouse(store).query(
        "SELECT call_id, channel_roles, agent_talk_s, customer_talk_s, duration_s, warnings, legs, generation "
        "FROM recordings_current ORDER BY call_id"
    )


def test_two_files_are_one_call_like_the_same_call_in_stereo(store, folder, tmp_path):
    put(folder, "agent")
    put(folder, "customer")
    assert analyze(folder) == ["analyzed", "joined"]
    [joined] = calls(store)
    stereo = tmp_path / "stereo"
    stereo.mkdir()
    audio, rate = soundfile.read(example(1001), frames=SECONDS * 8000)
    soundfile.write(stereo / NAME.format("both"), audio, rate, format="WAV", subtype="ULAW")
    run("analyze", stereo, "--store", tmp_path / "stereo.duckdb")
    [both] = calls(tmp_path / "stereo.duckdb")
    for column in ("channel_roles", "agent_talk_s", "customer_talk_s", "duration_s", "warnings"):
        assert joined[column] == both[column], column
    assert joined["customer_talk_s"] > 5
    assert [leg["object"][-12:] for leg in joined["legs"]] == ["eg-agent.wav", "customer.wav"]
    assert both["legs"] == []
    assert analyze(folder) == ["joined", "skipped"]


@pytest.mark.parametrize("first", ["agent", "customer"])
def test_second_file_completes_the_call_in_any_order(store, folder, first):
    put(folder, first)
    assert analyze(folder) == ["analyzed"]
    [alone] = calls(store)
    assert alone["channel_roles"] == [first]
    assert alone["warnings"] == ["leg_missing"]
    put(folder, "customer" if first == "agent" else "agent")
    assert analyze(folder) == ["analyzed", "joined"]
    [call] = calls(store)
    assert call["channel_roles"] == ["agent", "customer"]
    assert "leg_missing" not in call["warnings"]


@pytest.mark.parametrize("changed", ["agent", "customer"])
def test_new_content_of_one_leg_replaces_the_call(store, folder, changed):
    put(folder, "agent")
    put(folder, "customer")
    analyze(folder)
    [before] = calls(store)
    put(folder, changed, shift_s=12)
    assert analyze(folder) == ["analyzed", "joined"]
    [after] = calls(store)
    assert after[f"{changed}_talk_s"] != before[f"{changed}_talk_s"]
    assert analyze(folder) == ["joined", "skipped"]


def test_silent_leg_of_one_call_says_nothing_about_another_call(store, folder):
    silence = wav(bytes(32_000))
    put(folder, "customer", seconds=2)
    (folder / NAME.format("agent")).write_bytes(silence)
    analyze(folder)
    for name in ("2026-11-02T09-15-00Z_call-8_leg-agent.wav", "2026-11-02T09-16-00Z_call-9.wav"):
        (folder / name).write_bytes(silence)
    analyze(folder)
    assert [call["call_id"] for call in calls(store)] == ["7", "8", "9"]


@pytest.mark.parametrize("removed", ["agent", "customer"])
def test_call_stays_after_one_file_is_removed(store, folder, removed):
    paths = {leg: put(folder, leg) for leg in ("agent", "customer")}
    analyze(folder)
    paths[removed].unlink()
    assert analyze(folder) == ["skipped"]
    [call] = calls(store)
    assert call["channel_roles"] == ["agent", "customer"]


def test_erasure_deletes_both_files_and_later_copies_stay_hidden(store, folder, tmp_path):
    paths = [put(folder, leg) for leg in ("agent", "customer")]
    backup = tmp_path / "backup"
    shutil.copytree(folder, backup)
    analyze(folder)
    run("erase", "--customer-id", "c7")
    assert [path.exists() for path in paths] == [False, False]
    assert calls(store) == []
    for path in sorted(backup.iterdir()):  # first the leg that represents the call, alone
        shutil.copy(path, folder)
        assert set(analyze(folder)) <= {"skipped", "joined"}
    assert calls(store) == []


def test_erasure_of_a_call_that_failed_deletes_both_files(store, folder):
    paths = [put(folder, "agent"), folder / NAME.format("customer")]
    paths[1].write_bytes(b"Dear customer, this is a letter.\n" * 20)
    assert analyze(folder, code=1) == ["failed", "joined"]
    failures = DuckDBWarehouse(store).query("SELECT message FROM failures_current")
    assert all("One leg of the call" in row["message"] for row in failures)
    run("erase", "--call-id", "7")
    assert [path.exists() for path in paths] == [False, False]


def test_failed_leg_that_is_repaired_completes_the_call(store, folder):
    put(folder, "agent")
    (folder / NAME.format("customer")).write_bytes(b"Dear customer\n" * 20)
    analyze(folder, code=1)
    put(folder, "customer")
    assert analyze(folder) == ["analyzed", "joined"]
    assert len(calls(store)) == 1
    assert DuckDBWarehouse(store).query("SELECT * FROM failures_current") == []


def test_empty_leg_fails_alone_and_completes_the_call_when_it_is_repaired(store, folder):
    put(folder, "agent", seconds=2)
    (folder / NAME.format("customer")).touch()
    assert analyze(folder, code=1) == ["analyzed", "failed"]
    assert [call["warnings"].count("leg_missing") for call in calls(store)] == [1]
    [failure] = DuckDBWarehouse(store).query("SELECT code, uri FROM failures_current")
    assert (failure["code"], failure["uri"].endswith("_leg-customer.wav")) == ("empty_file", True)
    put(folder, "customer", seconds=2)
    assert analyze(folder) == ["analyzed", "joined"]
    assert [call["channel_roles"] for call in calls(store)] == [["agent", "customer"]]
    assert DuckDBWarehouse(store).query("SELECT * FROM failures_current") == []


def test_legs_of_other_formats_lengths_and_names_are_joined(store, folder, monkeypatch):
    monkeypatch.setenv("FILENAME_PATTERN", r"(?P<leg>[a-z]+)/(?P<call_id>\d+)")
    for leg, seconds in (("out", 10), ("in", 20)):
        (folder / leg).mkdir()
        put(folder, leg, suffix=".mp3", name="{}/31.mp3", seconds=seconds)
    assert analyze(folder) == ["analyzed", "joined"]
    [call] = calls(store)
    assert call["channel_roles"] == ["agent", "customer"]
    assert call["duration_s"] == pytest.approx(20, abs=0.2)


def test_parties_of_outbound_calls_are_reversed_and_own_names_can_be_set(store, folder, monkeypatch):
    monkeypatch.setenv("FILENAME_PATTERN", r"(?P<direction>out|in)bound-(?P<call_id>\d+)-(?P<leg>[A-Z]+)")
    put(folder, "IN", name="outbound-1-{}.wav")
    put(folder, "OUT", name="outbound-1-{}.wav")
    assert analyze(folder) == ["analyzed", "joined"]
    assert [call["channel_roles"] for call in calls(store)] == [["customer", "agent"]]
    monkeypatch.setenv("LEG_NAMES", "op,kunde")
    put(folder, "OP", name="inbound-2-{}.wav")
    put(folder, "KUNDE", name="inbound-2-{}.wav", shift_s=5)
    analyze(folder)
    assert calls(store)[-1]["channel_roles"] == ["agent", "customer"]


def watched(folder, found, leg_wait_s, stop):
    config = LocalSettings()
    with closing(settled_files(folder, 0.3, lambda path: call_legs(path, config), leg_wait_s)) as files:
        for path in files:
            found.append((path.name, time.monotonic()))
            if stop.is_set():
                return


def test_watched_leg_waits_for_the_other_one(folder):
    found, stop = [], threading.Event()
    thread = threading.Thread(target=watched, args=(folder, found, 2.0, stop), daemon=True)
    thread.start()
    started = time.monotonic()
    put(folder, "agent")
    time.sleep(1.0)
    assert found == []
    put(folder, "customer")
    while len(found) < 2 and time.monotonic() < started + 10:
        time.sleep(0.05)
    assert {name for name, _ in found} == {NAME.format("agent"), NAME.format("customer")}
    stop.set()
    alone = put(folder, "agent", name=NAME.replace("call-7", "call-8"))
    written = time.monotonic()
    thread.join(10)
    assert found[-1][0] == alone.name
    assert found[-1][1] - written >= 1.9
