"""The right to be forgotten, on a laptop: results hidden at once, audio deleted, and nobody else's."""

import os

import pytest
from rows_made import commit_row, segment_row

from callmood.services.erase import find, forget
from callmood.sources.folder import file_ref
from callmood.warehouse.base import write_analysis
from callmood.warehouse.duckdb import DuckDBWarehouse


@pytest.fixture
def store(tmp_path):
    return DuckDBWarehouse(tmp_path / "calls.duckdb")


@pytest.fixture
def record(store, tmp_path):
    """Put a file in the folder and its analysis in the store."""

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


def forget_all(store, found):
    return list(forget(store, found, delete_object=pytest.fail))


def seen(store):
    return {row["object"].rsplit("/", 1)[-1] for row in store.query("SELECT object FROM recordings_current")}


def test_a_call_is_hidden_and_its_audio_deleted(store, record):
    path = record("a.wav", "a", call_id="c-1")
    other = record("b.wav", "b", call_id="c-2")
    [forgotten] = forget_all(store, find(store, call_id="c-1"))
    assert forgotten.deleted
    assert not path.exists()
    assert other.exists()
    assert seen(store) == {"b.wav"}
    assert store.query("SELECT COUNT(*) AS n FROM segments_current") == [{"n": 1}]


def test_a_customer_is_all_of_their_calls(store, record):
    record("a.wav", "a", call_id="c-1", customer_id="k-1")
    record("b.wav", "b", call_id="c-2", customer_id="k-1")
    record("c.wav", "c", call_id="c-3", customer_id="k-2")
    assert len(forget_all(store, find(store, customer_id="k-1"))) == 2
    assert seen(store) == {"c.wav"}


def test_to_look_is_not_to_touch(store, record):
    path = record("a.wav", "a", call_id="c-1")
    [found] = find(store, call_id="c-1")
    assert (found.ref, found.hidden) == (file_ref(path), False)
    assert path.exists()
    assert seen(store) == {"a.wav"}


def test_a_nameless_copy_goes_too_but_another_calls_same_bytes_stay(store, record):
    record("a.wav", "same", call_id="c-1")
    copy = record("copy.wav", "same")
    others = record("silence.wav", "same", call_id="c-2")
    forget_all(store, find(store, call_id="c-1"))
    assert not copy.exists()
    assert others.exists()
    assert seen(store) == {"silence.wav"}


def test_asked_twice_it_does_no_more(store, record):
    record("a.wav", "a", call_id="c-1")
    forget_all(store, find(store, call_id="c-1"))
    [found] = find(store, call_id="c-1")
    assert found.hidden
    [forgotten] = forget_all(store, [found])
    assert (forgotten.deleted, forgotten.error) == (False, None)
    assert store.query("SELECT COUNT(*) AS n FROM erasures") == [{"n": 1}]


def test_a_file_that_was_changed_since_is_another_recording(store, record):
    path = record("a.wav", "a", call_id="c-1")
    found = find(store, call_id="c-1")
    os.utime(path, ns=(1, 1))
    [forgotten] = forget_all(store, found)
    assert not forgotten.deleted
    assert path.exists()


def test_audio_that_cannot_be_deleted_keeps_nothing_else(store, record, tmp_path):
    record("a.wav", "a", call_id="c-1", customer_id="k")
    record("b.wav", "b", call_id="c-2", customer_id="k")
    found = find(store, customer_id="k")
    [was] = [each.ref.generation for each in found if each.ref.name.endswith("a.wav")]
    stuck = tmp_path / "a.wav"  # no file any more, as far as deleting goes
    stuck.unlink()
    stuck.mkdir()
    os.utime(stuck, ns=(was, was))
    outcomes = {each.ref.name.rsplit("/", 1)[-1]: each for each in forget_all(store, found)}
    assert outcomes["a.wav"].error
    assert outcomes["b.wav"].deleted
    assert seen(store) == set()


def test_who_is_asked_for_must_be_said(store):
    with pytest.raises(ValueError, match="call_id or a customer_id"):
        find(store)


def test_an_unknown_call_is_nobody(store):
    assert find(store, call_id="c-404") == []
