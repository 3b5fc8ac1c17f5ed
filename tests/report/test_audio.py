"""Playable audio of calls whose recording is in a bucket, damaged, or on another machine."""

import shutil
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import soundfile
from audio_files import wav
from other_user import run_as_other_user
from report_site import page_url
from synthetic_store import create_store
from table_rows import commit_row

from callmood.report.audio import find_local_file, provide_audio
from callmood.report.build import AudioOptions, build_report


def test_recording_in_a_bucket_is_playable_only_with_signed_urls(tmp_path):
    row = {**commit_row(), "recording_id": "r" * 32}
    assert "gs://calls/a.wav" in provide_audio(row, tmp_path, tmp_path).message
    audio = provide_audio(row, tmp_path, tmp_path, sign_url=lambda bucket, name: f"https://{bucket}/{name}?key")
    assert audio.url == "https://calls/a.wav?key"


def test_undecodable_recording_has_a_message_and_leaves_no_copy(tmp_path):
    (tmp_path / "a.amr").write_bytes(b"no longer audio")
    row = commit_row(bucket="", object=str(tmp_path / "a.amr"), container="amr", codec="amr_nb")
    assert "Cannot decode the recording" in provide_audio(row, tmp_path, tmp_path).message
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["a.amr"]


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        (b"\xff\x7e" * 8000, {"container": "raw", "codec": "pcm_mulaw", "sample_rate": 8000, "channels": 2}),
        (wav(bytes(16_000)) * 2, {"container": "wav", "codec": "pcm_s16", "warnings": ["joined"]}),
        (
            wav(b"\1\2" * 16_000, data_size=800),
            {"container": "wav", "codec": "pcm_s16", "warnings": ["header_too_short"]},
        ),
    ],
    ids=["raw", "joined", "header too short"],
)
def test_recording_that_browsers_play_in_part_is_copied_completely(tmp_path, content, columns):
    (tmp_path / "a.ulaw").write_bytes(content)
    row = commit_row(bucket="", object=str(tmp_path / "a.ulaw"), **columns)
    row["recording_id"] = "r" * 32
    audio = provide_audio(row, tmp_path, tmp_path)
    assert audio.url == f"audio/{'r' * 32}.mp3"
    assert soundfile.info(tmp_path / audio.url).duration == pytest.approx(
        1 if columns["container"] == "raw" else 2, abs=0.1
    )


def test_mailed_folder_plays_clips_of_the_moments(chromium, tmp_path):
    store = create_store(tmp_path / "calls.duckdb", calls=10, days=2, folder=tmp_path / "audio")
    (tmp_path / "audio").mkdir()
    [call] = store.query(
        "SELECT recording_id, call_id, uri, duration_s FROM calls WHERE needs_attention "
        "AND recording_id IN (SELECT recording_id FROM worst_moments) ORDER BY negativity DESC LIMIT 1"
    )
    moments = store.query(
        "SELECT start_s, end_s FROM worst_moments WHERE recording_id = @id ORDER BY rank_in_call LIMIT 3",
        {"id": call["recording_id"]},
    )
    recording = Path(call["uri"].removeprefix("file://"))
    tone = 0.1 * np.sin(np.arange(int(8000 * call["duration_s"])) / 5)
    soundfile.write(recording, np.stack([tone, tone], 1), 8000, format="WAV", subtype="ULAW")
    site = tmp_path / "report"
    build_report(
        store, site, store="s", zone=ZoneInfo("UTC"), min_calls_per_group=5, audio=AudioOptions(with_clips=True)
    )
    clips = sorted((site / "clips").iterdir())
    seconds = sum(soundfile.info(clip).duration for clip in clips)
    assert 1 <= len(clips) <= 3
    assert seconds == pytest.approx(sum(m["end_s"] - m["start_s"] + 5 for m in moments), abs=12)
    recording.unlink()  # the folder is on another machine
    shutil.move(site, tmp_path / "mailed")
    page = chromium.new_page()
    page.goto(page_url(tmp_path / "mailed"))
    page.wait_for_selector("#list tbody tr")
    page.click(f"#list tr[data-call='{call['recording_id']}'] .play")
    page.wait_for_function("document.querySelector('audio').currentTime > 0.2")
    position = page.evaluate("callmood.player.position")
    assert any(moment["start_s"] - 3.5 <= position <= moment["end_s"] + 2 for moment in moments)
    page.close()


def test_recording_in_an_unreadable_folder_is_not_on_this_machine(shared_folder):
    file = shared_folder / "closed/a.wav"
    file.parent.mkdir()
    file.write_bytes(b"RIFF")
    recording = {"bucket": "", "object": str(file)}
    assert run_as_other_user(lambda: find_local_file(recording)) == file
    file.parent.chmod(0)
    assert run_as_other_user(lambda: find_local_file(recording)) is None
