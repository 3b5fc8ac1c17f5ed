"""Which files of a folder are recordings, and what is known of one before it is heard."""

import hashlib
import os
from datetime import UTC, datetime

import pytest

from callmood.errors import BadRecording, CallmoodError
from callmood.folder import file_ref, find_recordings, read_file
from callmood.settings import Settings


def test_side_files_and_hidden_ones_are_passed_over_but_a_named_file_is_taken(tmp_path):
    for name in ("b.wav", "a.mp3", "sub/c", "a.json", ".hidden/d.wav", "_done/e.wav", "call #1 ü\n.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    found = [path.relative_to(tmp_path).as_posix() for path in find_recordings([tmp_path, tmp_path / "b.wav"])]
    assert found == ["a.mp3", "b.wav", "call #1 ü\n.wav", "sub/c"]
    assert list(find_recordings([tmp_path / "a.json"])) == [tmp_path / "a.json"]


def test_a_path_that_is_not_there_is_an_error_that_names_it(tmp_path):
    with pytest.raises(CallmoodError, match=r"no-such-folder does not exist"):
        list(find_recordings([tmp_path / "no-such-folder"]))


def test_a_changed_file_is_another_recording(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"one")
    before = file_ref(path)
    assert file_ref(path) == before
    os.utime(path, ns=(0, before.generation + 1))
    assert file_ref(path).recording_id != before.recording_id


def test_what_is_known_of_a_file(tmp_path):
    path = tmp_path / "2026-11-02T09-14-00Z_call-7_queue-sales #1.wav"
    path.write_bytes(b"RIFF")
    os.utime(path, (0, 1_700_000_000))
    recording = read_file(path, Settings())
    assert recording.content_sha256 == hashlib.sha256(b"RIFF").hexdigest()
    assert recording.size_bytes == 4
    assert recording.uploaded_at == datetime.fromtimestamp(1_700_000_000, UTC)
    assert (recording.call.call_id, recording.call.queue) == ("7", "sales #1")
    assert recording.ref.uri == path.as_uri()
    assert "%231.wav" in recording.ref.uri


def test_too_large_a_file_is_not_read(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"12345")
    with pytest.raises(BadRecording, match="MAX_SIZE_BYTES") as bad:
        read_file(path, Settings(max_size_bytes=4))
    assert bad.value.code == "too_large"
