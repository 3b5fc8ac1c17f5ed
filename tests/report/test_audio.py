"""Playable audio of calls whose recording is in a bucket or damaged."""

from table_rows import commit_row

from callmood.report.audio import provide_audio


def test_recording_in_a_bucket_is_playable_only_with_signed_urls(tmp_path):
    row = {**commit_row(), "recording_id": "r" * 32}
    assert "gs://calls/a.wav" in provide_audio(row, tmp_path).message
    audio = provide_audio(row, tmp_path, sign_url=lambda bucket, name: f"https://{bucket}/{name}?key")
    assert audio.url == "https://calls/a.wav?key"


def test_undecodable_recording_has_a_message_and_leaves_no_copy(tmp_path):
    (tmp_path / "a.amr").write_bytes(b"no longer audio")
    row = commit_row(bucket="", object=str(tmp_path / "a.amr"), container="amr", codec="amr_nb")
    assert "Cannot decode the recording" in provide_audio(row, tmp_path).message
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["a.amr"]
