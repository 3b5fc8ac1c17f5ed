"""Local recordings are identified by their content and a generation that grows, never by modification time."""

import os
import shutil
from pathlib import Path

import pytest
from audio_files import wav
from command_line import json_lines, run
from recordings import clip
from table_rows import commit_row

from callmood.services.local_files import FileContent, plan_files
from callmood.sources.folder import content_sha256
from callmood.types import recording_id
from callmood.warehouse.duckdb import DuckDBWarehouse

BAD = b"Dear customer, this is a letter.\n" * 20
SILENCE = wav(bytes(32_000))


def put(path, content, at=1_700_000_000):
    path.write_bytes(content)
    os.utime(path, (at, at))


def analyze(folder, *options, code=0):
    return [row["status"] for row in json_lines(run("analyze", folder, "--workers", 1, "--json", *options, code=code))]


def current(store):
    rows = DuckDBWarehouse(store).query("SELECT uri, content_sha256, generation FROM recordings_current ORDER BY uri")
    return [(Path(row["uri"]).name, row["content_sha256"], row["generation"]) for row in rows]


def failed(store):
    return [row["code"] for row in DuckDBWarehouse(store).query("SELECT code FROM failures_current")]


def call_ids(store):
    rows = DuckDBWarehouse(store).query("SELECT call_id FROM recordings_current ORDER BY call_id")
    return [row["call_id"] for row in rows]


@pytest.mark.parametrize("at", [1_600_000_000, 1_700_000_000, 1_800_000_000], ids=["older", "same", "newer"])
def test_new_content_replaces_the_old_one_whatever_its_time(store, folder, at):
    call = folder / "a.wav"
    put(call, clip())
    assert analyze(folder) == ["analyzed"]
    put(call, clip(), at)
    assert analyze(folder) == ["analyzed"]
    assert current(store) == [("a.wav", content_sha256(call), 2)]
    assert analyze(folder) == ["skipped"]


def test_content_that_returns_counts_again(store, folder):
    call, first, second = folder / "a.wav", clip(), clip()
    for content in (first, second, first, second, first):
        put(call, content)
        assert analyze(folder) == ["analyzed"]
        assert current(store) == [
            ("a.wav", content_sha256(call), len(DuckDBWarehouse(store).query("SELECT 1 FROM recordings")))
        ]
    assert analyze(folder) == ["skipped"]


def test_touched_file_needs_no_new_analysis(store, folder):
    call = folder / "a.wav"
    put(call, clip())
    analyze(folder)
    os.utime(call, (5, 5))
    assert analyze(folder) == ["skipped"]


def test_force_shows_the_newest_content(store, folder):
    call = folder / "a.wav"
    put(call, clip())
    analyze(folder)
    put(call, clip(), 1)
    assert analyze(folder, "--force") == ["analyzed"]
    assert analyze(folder, "--force") == ["analyzed"]
    assert current(store) == [("a.wav", content_sha256(call), 2)]


def test_bad_content_hides_the_recording_that_it_replaced(store, folder):
    call, good = folder / "a.wav", clip()
    put(call, good)
    analyze(folder)
    put(call, BAD, 1)
    assert analyze(folder, code=1) == ["failed"]
    assert (current(store), failed(store)) == ([], ["not_audio"])
    put(call, good, 2)  # restored
    assert analyze(folder) == ["analyzed"]
    assert (current(store), failed(store)) == ([("a.wav", content_sha256(call), 3)], [])


def test_moved_folder_and_store_keep_each_recording_once_at_its_new_path(store, folder, tmp_path):
    for name in ("a.wav", "b.wav"):
        put(folder / name, clip())
    analyze(folder)
    moved = tmp_path / "other machine"
    folder.rename(moved)
    assert analyze(moved) == ["analyzed", "analyzed"]
    uris = [row["uri"] for row in DuckDBWarehouse(store).query("SELECT uri FROM recordings_current ORDER BY uri")]
    assert uris == [(moved / name).as_uri() for name in ("a.wav", "b.wav")]
    moved.rename(folder)  # and back
    assert analyze(folder) == ["analyzed", "analyzed"]
    assert [name for name, *_ in current(store)] == ["a.wav", "b.wav"]


@pytest.mark.parametrize("old", ["2026-11-02T09-14-00Z_call-2.wav", "a.wav"], ids=["same call ID", "no call ID"])
def test_renamed_file_counts_once(store, folder, old):
    put(folder / old, clip())
    analyze(folder)
    (folder / old).rename(folder / "2026-11-03T09-14-00Z_call-2.wav")
    analyze(folder)
    rows = DuckDBWarehouse(store).query("SELECT call_id, call_date FROM recordings_current")
    assert [(row["call_id"], str(row["call_date"])) for row in rows] == [("2", "2026-11-03")]


def test_later_call_with_the_same_silence_replaces_no_call_whose_file_was_removed(store, folder):
    first = folder / "2026-11-02T09-14-00Z_call-1.wav"
    put(first, SILENCE)
    analyze(folder)
    first.unlink()
    put(folder / "2026-11-03T09-14-00Z_call-2.wav", SILENCE)
    assert analyze(folder) == ["analyzed"]
    assert call_ids(store) == ["1", "2"]


def test_copy_counts_once_on_whatever_day(store, folder):
    content = clip()
    put(folder / "a.wav", content, 1_700_000_000)
    put(folder / "b.wav", content, 1_700_600_000)
    assert analyze(folder) == ["analyzed", "analyzed"]
    assert [name for name, *_ in current(store)] == ["a.wav"]


@pytest.mark.parametrize("setting", [("TIME_ZONE", "Pacific/Kiritimati"), ("NAME_FORMAT", "avaya")])
def test_changed_settings_move_a_recording_to_another_day_and_count_it_once(store, folder, monkeypatch, setting):
    put(folder / "2026-11-02T13-14-00Z_call-1.wav", clip())
    analyze(folder)
    monkeypatch.setenv(*setting)
    assert analyze(folder) == ["analyzed"]
    local = DuckDBWarehouse(store)
    assert len(local.query("SELECT DISTINCT call_date FROM recordings")) == 2
    assert len(local.query("SELECT 1 FROM recordings_current")) == 1
    counted = local.query("SELECT segment_count, (SELECT COUNT(*) FROM segments_current) AS n FROM recordings_current")
    assert counted[0]["segment_count"] == counted[0]["n"]


def test_request_is_final_for_the_file_its_copies_and_its_return_until_it_is_undone(store, folder, tmp_path):
    name = "2026-11-02T09-14-00Z_call-1_customer-k-1.wav"
    backup = tmp_path / "backup.wav"
    put(backup, clip())
    shutil.copy(backup, folder / name)
    analyze(folder)
    run("erase", "--customer-id", "k-1", "--json")
    for restored in (name, "copy.wav", "2026-11-05T09-14-00Z_call-2_customer-k-2.wav"):
        shutil.copy(backup, folder / restored)
        assert set(analyze(folder)) == {"skipped"}
        assert set(analyze(folder, "--force")) == {"skipped"}
    assert current(store) == []
    assert DuckDBWarehouse(store).query("SELECT 1 FROM recordings") == []
    assert "already erased" in run("erase", "--customer-id", "k-1")
    assert "2 erasures are undone" in run("erase", "--customer-id", "k-1", "--undo")
    assert set(analyze(folder)) == {"analyzed"}
    assert [row[0] for row in current(store)] == [
        "2026-11-02T09-14-00Z_call-1_customer-k-1.wav",
        "2026-11-05T09-14-00Z_call-2_customer-k-2.wav",
    ]


def test_unknown_ids_cannot_be_erased_or_undone(store, folder):
    put(folder / "a.wav", clip())
    analyze(folder)
    assert "No recording, failure, or detail" in run("erase", "--call-id", "c-404", code=1)
    assert "No recording, failure, or detail" in run("erase", "--customer-id", "c-404", "--dry-run", code=1)
    assert "No erasure" in run("erase", "--call-id", "c-404", "--undo", code=1)


def test_failed_recording_of_an_erased_customer_does_not_return(store, folder):
    call = folder / "2026-11-02T09-14-00Z_call-1_customer-k-1.wav"
    put(call, BAD)
    analyze(folder, code=1)
    [row] = json_lines(run("erase", "--customer-id", "k-1", "--json"))
    assert row["audio_deleted"]
    assert not call.exists()
    assert DuckDBWarehouse(store).query("SELECT 1 FROM failures") == []
    put(call, BAD, 7)
    assert analyze(folder) == ["skipped"]
    assert failed(store) == []


def test_other_calls_with_the_silence_or_failure_of_an_erased_call_are_processed(store, folder):
    calls = {1: SILENCE, 2: b"", 3: SILENCE, 4: b""}
    for number, content in calls.items():
        put(folder / f"2026-11-02T09-14-00Z_call-{number}.wav", content)
        analyze(folder, code=int(not content))
        if number <= 2:
            run("erase", "--call-id", number)
            put(folder / "copy.wav", content)
            assert analyze(folder) == ["skipped"]
    assert (call_ids(store), failed(store)) == (["3"], ["empty_file"])


def test_erasure_of_a_replaced_generation_never_blocks_its_content(store, tmp_path):
    """Also in a store of an older version, whose erasures state only the recording."""
    local = DuckDBWarehouse(store)
    path = tmp_path / "a.wav"
    path.write_bytes(b"A")
    generation, digest = 1_700_000_000_000, content_sha256(path)
    old = recording_id("", str(path), generation)
    known = {"uri": path.as_uri(), "bucket": "", "object": str(path), "generation": generation}
    local.append("recordings", [commit_row(**known, recording_id=old, content_sha256=digest)])
    erased_at = "2026-11-09T00:00:00+00:00"
    local.append("erasures", [{"erasure_id": "e", "recording_id": old, "reason": "replaced", "erased_at": erased_at}])
    [plan] = plan_files(local, {path: FileContent(content_sha256(path))}, lambda *_: "none").values()
    assert (plan.action, plan.ref.generation) == ("analyze", 1_700_000_000_001)
