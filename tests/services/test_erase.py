"""Erasure in the local store: results are hidden, audio is deleted, and other calls stay."""

import os

import pytest
from table_rows import commit_row, segment_row

from callmood.services.erase import erase_recordings, find_recordings
from callmood.sources.folder import file_ref
from callmood.warehouse.base import write_analysis
from callmood.warehouse.duckdb import DuckDBWarehouse


@pytest.fixture
def store(tmp_path):
    return DuckDBWarehouse(tmp_path / "calls.duckdb")


@pytest.fixture
def record(store, tmp_path):
    """Create a file and its analysis in the store."""

    def record(name, content, **changes):
        path = tmp_path / name
        path.write_bytes(content.encode())
        ref = file_ref(path)
        same = {"recording_id": ref.recording_id, "analysis_id": ref.recording_id[::-1]}
        place = {"uri": ref.uri, "bucket": "", "object": ref.name, "generation": ref.generation}
        content_sha256 = f"{content:0>64}"
        write_analysis(
            store,
            [segment_row(0, **same, segment_id=ref.recording_id)],
            commit_row(**same, **place, content_sha256=content_sha256, **changes),
        )
        return path

    return record


def erase_all(store, candidates):
    return list(erase_recordings(store, candidates, delete_object=pytest.fail))


def visible(store):
    return {row["object"].rsplit("/", 1)[-1] for row in store.query("SELECT object FROM recordings_current")}


def test_erased_call_is_hidden_and_its_audio_deleted(store, record):
    path = record("a.wav", "a", call_id="c-1")
    other = record("b.wav", "b", call_id="c-2")
    [result] = erase_all(store, find_recordings(store, call_id="c-1"))
    assert result.audio_deleted
    assert not path.exists()
    assert other.exists()
    assert visible(store) == {"b.wav"}
    assert store.query("SELECT COUNT(*) AS n FROM segments_current") == [{"n": 1}]


def test_erasing_a_customer_erases_all_of_their_calls(store, record):
    record("a.wav", "a", call_id="c-1", customer_id="k-1")
    record("b.wav", "b", call_id="c-2", customer_id="k-1")
    record("c.wav", "c", call_id="c-3", customer_id="k-2")
    assert len(erase_all(store, find_recordings(store, customer_id="k-1"))) == 2
    assert visible(store) == {"c.wav"}


def test_finding_recordings_changes_nothing(store, record):
    path = record("a.wav", "a", call_id="c-1")
    [candidate] = find_recordings(store, call_id="c-1")
    assert (candidate.ref, candidate.already_erased) == (file_ref(path), False)
    assert path.exists()
    assert visible(store) == {"a.wav"}


def test_duplicate_without_call_id_is_erased_and_other_call_with_same_bytes_stays(store, record):
    record("a.wav", "same", call_id="c-1")
    copy = record("copy.wav", "same")
    others = record("silence.wav", "same", call_id="c-2")
    erase_all(store, find_recordings(store, call_id="c-1"))
    assert not copy.exists()
    assert others.exists()
    assert visible(store) == {"silence.wav"}


def test_erasing_twice_is_idempotent(store, record):
    record("a.wav", "a", call_id="c-1")
    erase_all(store, find_recordings(store, call_id="c-1"))
    [candidate] = find_recordings(store, call_id="c-1")
    assert candidate.already_erased
    [result] = erase_all(store, [candidate])
    assert (result.audio_deleted, result.error) == (False, None)
    assert store.query("SELECT COUNT(*) AS n FROM erasures") == [{"n": 1}]


def test_file_that_changed_since_the_analysis_is_not_deleted(store, record):
    path = record("a.wav", "a", call_id="c-1")
    found = find_recordings(store, call_id="c-1")
    os.utime(path, ns=(1, 1))
    [result] = erase_all(store, found)
    assert not result.audio_deleted
    assert path.exists()


def test_error_with_one_file_does_not_stop_the_others(store, record, tmp_path):
    record("a.wav", "a", call_id="c-1", customer_id="k")
    record("b.wav", "b", call_id="c-2", customer_id="k")
    found = find_recordings(store, customer_id="k")
    [generation] = [each.ref.generation for each in found if each.ref.name.endswith("a.wav")]
    stuck = tmp_path / "a.wav"  # a folder, which cannot be deleted like a file
    stuck.unlink()
    stuck.mkdir()
    os.utime(stuck, ns=(generation, generation))
    results = {each.ref.name.rsplit("/", 1)[-1]: each for each in erase_all(store, found)}
    assert results["a.wav"].error
    assert results["b.wav"].audio_deleted
    assert visible(store) == set()


def test_missing_id_is_an_error(store):
    with pytest.raises(ValueError, match="call_id or customer_id"):
        find_recordings(store)


def test_unknown_call_matches_no_recordings(store):
    assert find_recordings(store, call_id="c-404") == []
