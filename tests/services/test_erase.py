"""Erasure in the local store: results are hidden, audio is deleted, and other calls stay."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from table_rows import commit_row, segment_row

from callmood.analysis.rows import failure_row
from callmood.services.erase import erase_recordings, find_details, find_recordings, find_requests, undo_requests
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
        content_sha256 = hashlib.sha256(content.encode()).hexdigest()
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
    path.write_text("another call")
    [result] = erase_all(store, found)
    assert not result.audio_deleted
    assert path.exists()


def test_error_with_one_file_does_not_stop_the_others(store, record, tmp_path):
    record("a.wav", "a", call_id="c-1", customer_id="k")
    record("b.wav", "b", call_id="c-2", customer_id="k")
    found = find_recordings(store, customer_id="k")
    stuck = tmp_path / "a.wav"  # a folder, which cannot be deleted like a file
    stuck.unlink()
    stuck.mkdir()
    results = {each.ref.name.rsplit("/", 1)[-1]: each for each in erase_all(store, found)}
    assert results["a.wav"].error
    assert results["b.wav"].audio_deleted
    assert visible(store) == set()


@pytest.fixture
def record_link(record, tmp_path):
    """Create an analyzed file of call 1, which is then a link to this file."""

    def record_link(target):
        link = record("2026-11-02T09-14-00Z_call-1.wav", "a", call_id="1")
        (tmp_path / "archive").mkdir()
        archived = link.rename(tmp_path / "archive" / target)
        link.symlink_to(archived)
        return link, archived

    return record_link


@pytest.mark.parametrize("name", ["real.wav", "2026-11-02T09-15-00Z_call-1.wav"], ids=["no call ID", "same call ID"])
def test_target_of_a_link_is_deleted(store, record_link, name):
    link, target = record_link(name)
    [result] = erase_all(store, find_recordings(store, call_id="1"))
    assert (result.audio_deleted, link.is_symlink(), target.exists()) == (True, False, False)
    [again] = erase_all(store, find_recordings(store, call_id="1"))
    assert (again.audio_deleted, again.error) == (False, None)


def test_target_of_a_link_that_belongs_to_another_call_stays_and_is_named(store, record_link):
    link, target = record_link("2026-11-02T09-14-00Z_call-2.wav")
    [result] = erase_all(store, find_recordings(store, call_id="1"))
    assert (result.audio_deleted, link.exists(), target.exists()) == (False, True, True)
    assert str(target) in result.error
    assert visible(store) == set()


def test_link_to_a_missing_file_stays_until_its_target_returns(store, record_link):
    link, target = record_link("real.wav")
    content = target.read_bytes()
    target.unlink()
    [result] = erase_all(store, find_recordings(store, call_id="1"))
    assert (result.audio_deleted, link.is_symlink()) == (False, True)
    target.write_bytes(content)
    [result] = erase_all(store, find_recordings(store, call_id="1"))
    assert (result.audio_deleted, link.is_symlink(), target.exists()) == (True, False, False)


def test_missing_id_is_an_error(store):
    with pytest.raises(ValueError, match="call_id or customer_id"):
        find_recordings(store)


def test_unknown_call_matches_no_recordings(store):
    assert find_recordings(store, call_id="c-404") == []


def test_erased_content_stays_hidden_under_another_name(store, record):
    """A copy without a call ID, a copy as another call that is new, and the same name again."""
    record("a.wav", "a", call_id="c-1")
    erase_all(store, find_recordings(store, call_id="c-1"))
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    for name, changes in (("copy.wav", {}), ("renamed.wav", {"call_id": "c-9"}), ("a.wav", {"call_id": "c-1"})):
        record(name, "a", **changes, analyzed_at=later)
    assert visible(store) == set()
    assert store.query("SELECT 1 FROM segments_current") == []
    undo_requests(store, find_requests(store, call_id="c-1"))
    assert visible(store) == {"a.wav", "renamed.wav"}


def test_undoing_an_erasure_includes_the_copies_without_a_call_id(store, record):
    for name, ids in (("a.wav", {"call_id": "c-1"}), ("copy.wav", {})):
        record(name, "a", **ids)
    erase_all(store, find_recordings(store, call_id="c-1"))
    undo_requests(store, find_requests(store, call_id="c-1"))
    assert visible(store) == {"a.wav"}
    assert store.query("SELECT 1 FROM erasures_current") == []


def test_silence_of_another_call_stays_after_an_erasure(store, record):
    record("a.wav", "silence", call_id="c-1", segment_count=0)
    erase_all(store, find_recordings(store, call_id="c-1"))
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    record("b.wav", "silence", call_id="c-2", segment_count=0, analyzed_at=later)
    assert visible(store) == {"b.wav"}


def failure_of(path, content=None, **ids):
    digest = None if content is None else hashlib.sha256(content.encode()).hexdigest()
    row = failure_row("not_audio", "No audio.", datetime.now(UTC), file_ref(path), content_sha256=digest)
    return row | ids


def test_failures_of_a_customer_are_erased_with_their_files(store, tmp_path):
    named = tmp_path / "2026-11-02T09-14-00Z_call-1_customer-k-1.wav"
    stated = tmp_path / "stated.wav"
    other = tmp_path / "2026-11-02T09-14-00Z_call-2_customer-k-2.wav"
    for path in (named, stated, other):
        path.write_text(path.name)
    # The first row has no IDs, as in stores of older versions.
    store.append(
        "failures", [failure_of(named), failure_of(stated, "stated.wav", customer_id="k-1"), failure_of(other)]
    )
    results = erase_all(store, find_recordings(store, customer_id="k-1"))
    assert [result.audio_deleted for result in results] == [True, True]
    assert [row["uri"] for row in store.query("SELECT uri FROM failures_current")] == [other.as_uri()]
    assert other.exists()


@pytest.mark.parametrize("ids", [{"call_id": "1"}, {"customer_id": "k-1"}], ids=["call", "customer"])
def test_failures_of_other_calls_with_the_same_bytes_stay(store, tmp_path, ids):
    names = ("call-1_customer-k-1", "call-2_customer-k-2", "call-3", "call-4_leg-customer", "copy")
    erased, *others, copy = [tmp_path / f"2026-11-02T09-14-00Z_{name}.wav" for name in names]
    for path in (erased, *others, copy):
        path.touch()
    # The last row of another call has its IDs, the others have none, as in stores of older versions.
    rows = [failure_of(path, "") for path in (erased, *others, copy)]
    rows[1] |= {"call_id": "2", "customer_id": "k-2"}
    store.append("failures", rows)
    erase_all(store, find_recordings(store, **ids))
    assert (erased.exists(), copy.exists(), [path.exists() for path in others]) == (False, False, [True] * 3)
    assert others[0].as_uri() in [row["uri"] for row in store.query("SELECT uri FROM failures_current")]


def test_recording_of_another_call_with_the_same_bytes_stays_also_without_a_customer(store, record):
    record("a.wav", "silence", call_id="c-1", customer_id="k-1", segment_count=0)
    other = record("b.wav", "silence", call_id="c-2", segment_count=0)
    copy = record("copy.wav", "silence", segment_count=0)
    erase_all(store, find_recordings(store, customer_id="k-1"))
    assert (other.exists(), copy.exists(), visible(store)) == (True, False, {"b.wav"})


def test_all_generations_of_a_file_are_erased(store, record, tmp_path):
    record("a.wav", "old")
    path = tmp_path / "a.wav"
    store.append("failures", [failure_of(path) | {"generation": 2, "recording_id": file_ref(path, 2).recording_id}])
    record("b.wav", "new", call_id="c-1")
    row = commit_row(
        analysis_id="3" * 32,
        recording_id=file_ref(path, 3).recording_id,
        uri=path.as_uri(),
        bucket="",
        object=str(path),
        generation=3,
        call_id="c-1",
    )
    write_analysis(store, [], row)
    found = find_recordings(store, call_id="c-1")
    assert {(each.ref.name.rsplit("/", 1)[-1], each.ref.generation) for each in found} == {
        *(("a.wav", generation) for generation in (1, 2, 3)),
        ("b.wav", 1),
    }


def details(call_id, **values):
    return {"detail_id": call_id, "call_id": call_id, "labels": [], "loaded_at": "2026-11-09T00:00:00+00:00"} | values


def test_details_are_erased_with_their_call_and_find_its_customer(store, record):
    record("a.wav", "a", call_id="c-1")
    record("b.wav", "b", call_id="c-2")
    store.append("call_details", [details("c-1", customer_id="k-1"), details("c-3", customer_id="k-1"), details("c-2")])
    found = find_recordings(store, customer_id="k-1")
    assert [each.call_id for each in found] == ["c-1"]
    named = find_details(store, customer_id="k-1")
    assert set(named) == {"c-1", "c-3"}
    list(erase_recordings(store, found, pytest.fail, named, "k-1"))
    assert visible(store) == {"b.wav"}
    deleted = store.purge()
    assert {table: count for table, count in deleted.items() if count} == {
        "recordings": 1,
        "segments": 1,
        "call_details": 2,
    }
    assert store.query("SELECT call_id FROM call_details") == [{"call_id": "c-2"}]
    assert len(find_requests(store, customer_id="k-1")) == 2


def test_customer_of_a_call_is_that_of_its_name_then_of_its_newest_details(store, record, tmp_path):
    named = record("named.wav", "a", call_id="c-1", customer_id="k-1")
    corrected = record("corrected.wav", "b", call_id="c-2")
    failed = tmp_path / "failed.wav"
    failed.touch()
    store.append("failures", [failure_of(failed, "", call_id="c-3")])
    later = "2026-11-10T00:00:00+00:00"
    store.append(
        "call_details",
        [
            details("c-1", customer_id="k-2"),
            details("c-2", customer_id="k-1"),
            details("c-2", customer_id="k-2", loaded_at=later),
            details("c-3", customer_id="k-2"),
        ],
    )
    assert [
        row["customer_id"] for row in store.query("SELECT customer_id FROM recordings_current ORDER BY call_id")
    ] == [
        "k-1",
        "k-2",
    ]
    found = {
        customer: {each.ref.name for each in find_recordings(store, customer_id=customer)}
        for customer in ("k-1", "k-2")
    }
    assert found == {"k-1": {str(named)}, "k-2": {str(corrected), str(failed)}}
    assert find_details(store, customer_id="k-1") == []
    assert find_details(store, customer_id="k-2") == ["c-1", "c-2", "c-3"]
