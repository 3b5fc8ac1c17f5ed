"""Recordings in a local folder."""

import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from other_user import run_as_other_user

from callmood.analysis.rows import failure_row
from callmood.config import AnalysisConfig
from callmood.errors import BadRecording, CallmoodError
from callmood.sources.folder import file_ref, find_recordings, read_file


def test_sidecar_and_hidden_files_of_a_folder_are_skipped(tmp_path):
    for name in ("b.wav", "a.mp3", "sub/c", "a.json", ".hidden/d.wav", "_done/e.wav", "call #1 ü\n.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    found = [path.relative_to(tmp_path).as_posix() for path in find_recordings([tmp_path, tmp_path / "b.wav"])]
    assert found == ["a.mp3", "b.wav", "call #1 ü\n.wav", "sub/c"]
    assert list(find_recordings([tmp_path / "a.json"])) == [tmp_path / "a.json"]


def test_missing_path_raises_an_error(tmp_path):
    with pytest.raises(CallmoodError, match=r"no-such-folder does not exist"):
        list(find_recordings([tmp_path / "no-such-folder"]))


def test_reference_does_not_depend_on_the_modification_time(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"one")
    before = file_ref(path)
    os.utime(path, ns=(0, 1))
    assert file_ref(path) == before
    assert file_ref(path, 2).recording_id != before.recording_id


def test_recording_has_hash_size_time_and_metadata(tmp_path):
    path = tmp_path / "2026-11-02T09-14-00Z_call-7_queue-sales #1.wav"
    path.write_bytes(b"RIFF")
    os.utime(path, (0, 1_700_000_000))
    recording = read_file(path, AnalysisConfig())
    assert recording.content_sha256 == hashlib.sha256(b"RIFF").hexdigest()
    assert recording.size_bytes == 4
    assert recording.uploaded_at == datetime.fromtimestamp(1_700_000_000, UTC)
    assert (recording.call.call_id, recording.call.queue) == ("7", "sales #1")
    assert recording.ref.uri == path.as_uri()
    assert "%231.wav" in recording.ref.uri


def test_too_large_file_is_rejected(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"12345")
    with pytest.raises(BadRecording, match="MAX_SIZE_BYTES") as error:
        read_file(path, AnalysisConfig(max_size_bytes=4))
    assert error.value.code == "too_large"


def test_relative_and_linked_paths_of_a_file_are_the_same_recording(tmp_path, monkeypatch):
    (tmp_path / "calls").mkdir()
    (tmp_path / "calls" / "a.wav").write_bytes(b"x")
    (tmp_path / "linked").symlink_to("calls")
    monkeypatch.chdir(tmp_path / "calls")
    paths = [".", "a.wav", "../calls", "../calls/a.wav", "../linked", "../linked/a.wav"]
    assert [list(find_recordings([Path(path)])) for path in paths] == [[tmp_path / "calls" / "a.wav"]] * len(paths)


def test_folders_pipes_and_broken_links_are_not_recordings(tmp_path):
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "loop.wav").symlink_to("loop.wav")
    (tmp_path / "nowhere.wav").symlink_to("nowhere")
    (tmp_path / "round").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.wav")
    assert list(find_recordings([tmp_path])) == []
    with pytest.raises(CallmoodError, match="neither a file nor a folder"):
        list(find_recordings([tmp_path / "pipe.wav"]))


def test_invalid_utf8_name_is_rejected_and_escaped_in_rows(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.wav")
    path.write_bytes(b"RIFF")
    with pytest.raises(BadRecording, match="Rename"):
        read_file(path, AnalysisConfig())
    row = failure_row("bad_name", "Rename the file.", datetime.now(UTC), file_ref(path))
    assert json.dumps(row).encode()
    assert row["object"].endswith("caf\\xe9.wav")


def test_deleted_file_is_rejected(tmp_path):
    with pytest.raises(BadRecording) as error:
        read_file(tmp_path / "moved.wav", AnalysisConfig())
    assert error.value.code == "gone"


def test_pattern_with_slashes_reads_the_end_of_the_path(tmp_path):
    path = tmp_path / "queues" / "sales" / "a.wav"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"RIFF")
    assert read_file(path, AnalysisConfig(filename_pattern=r"queues/(?P<queue>[^/]+)/[^/]+")).call.queue == "sales"
    assert read_file(path, AnalysisConfig(filename_pattern=r"ueues/(?P<queue>[^/]+)/[^/]+")).call.queue is None


@pytest.mark.parametrize("name", ["a.wav.filepart", "a.part", "a.tmp", "a.inprogress", "a.wav~", "a.crdownload"])
def test_partial_files_and_folder_placeholders_are_skipped(tmp_path, name):
    for each in (name, "2026_$folder$"):
        (tmp_path / each).write_bytes(b"RIFF")
    assert list(find_recordings([tmp_path])) == []


def test_unreadable_folder_is_one_recording_and_the_others_are_found(shared_folder):
    (shared_folder / "a.wav").write_bytes(b"RIFF")
    for name, mode in (("closed", 0o000), ("listed", 0o444)):
        folder = shared_folder / name
        folder.mkdir()
        for number in range(2):
            (folder / f"{number}.wav").write_bytes(b"RIFF")
        folder.chmod(mode)
    found = run_as_other_user(lambda: [path.name for path in find_recordings([shared_folder])])
    assert found == ["a.wav", "closed", "listed"]
