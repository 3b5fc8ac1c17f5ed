"""Batches of local recordings, from the command line to the rows in the store."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from command_line import EXAMPLES, run
from command_line import json_lines as lines

from callmood.config import AnalysisConfig
from callmood.models.resolver import open_models
from callmood.services import batch
from callmood.services.batch import BatchAnalyzer
from callmood.warehouse.duckdb import DuckDBWarehouse


@pytest.fixture
def calls(tmp_path):
    folder = tmp_path / "calls"
    folder.mkdir()
    for example in EXAMPLES[:2]:
        shutil.copy(example, folder)
    return folder


def test_folder_is_analyzed_once(store, calls):
    first = lines(run("analyze", calls, "--json", "--workers", 2))
    assert [row["status"] for row in first] == ["analyzed", "analyzed"]
    assert all(row["segment_count"] > 5 for row in first)
    again = lines(run("analyze", calls, "--json"))
    assert [row["status"] for row in again] == ["skipped", "skipped"]

    [counted] = lines(
        run("query", "SELECT COUNT(*) AS n, COUNT(emotion) AS classified FROM segments_current", "--json")
    )
    assert counted["n"] == sum(row["segment_count"] for row in first)
    assert 0 < counted["classified"] < counted["n"]  # the agent is not classified
    roles = lines(run("query", "SELECT DISTINCT role FROM segments_current WHERE emotion IS NOT NULL", "--json"))
    assert roles == [{"role": "customer"}]


def test_summary_lists_every_call(store, calls):
    output = run("analyze", calls)
    assert "2 analyzed" in output
    for path in calls.iterdir():
        assert path.name.split("call-")[1].split("_")[0] in output


def test_other_files_are_analyzed_after_an_invalid_file(store, calls):
    (calls / "letter.wav").write_text("Dear customer")
    output = run("analyze", calls, code=1)
    assert "2 analyzed, 1 failed" in output
    assert "not_audio" in output
    [failure] = lines(run("failures", "--json"))
    assert failure["code"] == "not_audio"
    assert failure["uri"].endswith("letter.wav")


def test_other_files_are_analyzed_after_a_file_kills_its_process(store, calls, monkeypatch, tmp_path):
    """A worker exits at one file, as after a crash of a decoder."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(
        "import os, builtins, io\n"
        "real = io.open\n"
        "def open(file, *a, **k):\n"
        "    if 'killer' in str(file): os._exit(9)\n"
        "    return real(file, *a, **k)\n"
        "io.open = open\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "site"), *sys.path]))
    (calls / "killer.wav").write_bytes(b"RIFF")
    statuses = {Path(row["path"]).name: row["status"] for row in lines(run("analyze", calls, "--json", code=1))}
    assert statuses.pop("killer.wav") == "failed"
    assert set(statuses.values()) == {"analyzed"}


def test_overwritten_file_replaces_its_earlier_recording(store, calls):
    run("analyze", calls)
    target, _ = sorted(calls.iterdir())
    shutil.copy(EXAMPLES[2], target)
    run("analyze", calls)
    local = DuckDBWarehouse(store)
    assert local.query("SELECT COUNT(*) AS n FROM recordings_current") == [{"n": 2}]
    [row] = local.query("SELECT size_bytes FROM recordings_current WHERE uri = @uri", {"uri": target.as_uri()})
    assert row["size_bytes"] == EXAMPLES[2].stat().st_size
    assert local.query("SELECT reason FROM erasures") == [{"reason": "replaced"}]


def test_changed_settings_cause_a_new_analysis(store, calls, monkeypatch):
    run("analyze", calls)
    monkeypatch.setenv("ANALYZE_AGENT_EMOTION", "true")
    assert [row["status"] for row in lines(run("analyze", calls, "--json"))] == ["analyzed", "analyzed"]
    roles = lines(
        run("query", "SELECT DISTINCT role FROM segments_current WHERE emotion IS NOT NULL ORDER BY role", "--json")
    )
    assert [row["role"] for row in roles] == ["agent", "customer"]


def test_customer_is_erased(store, calls):
    run("analyze", calls)
    target = next(path for path in calls.iterdir() if "customer-c204" in path.name)
    [planned] = lines(run("erase", "--customer-id", "c204", "--dry-run", "--json"))
    assert planned["uri"] == target.as_uri()
    assert target.exists()
    assert len(lines(run("query", "SELECT * FROM recordings_current", "--json"))) == 2

    assert [row["audio_deleted"] for row in lines(run("erase", "--customer-id", "c204", "--json"))] == [True]
    assert not target.exists()
    assert lines(run("query", "SELECT DISTINCT call_id FROM segments_current", "--json")) == [{"call_id": "1002"}]
    assert "either --call-id or --customer-id" in run("erase", code=2)


def test_invalid_commands_report_an_error(store, calls, tmp_path):
    nowhere = tmp_path / "a long way from here" / "nowhere"
    assert run("analyze", nowhere, code=2) == f"error: {nowhere} does not exist\n"  # on one line
    assert "does not exist" in run("query", "SELECT 1", code=2)
    run("analyze", calls)
    assert "error:" in run("query", "SELEC 1", code=2)
    assert "error:" in run("query", "SELECT nothing FROM segments", code=2)


def test_query_writes_csv(store, calls):
    run("analyze", calls)
    header, *rows = run(
        "query", "SELECT call_id, queue FROM recordings_current ORDER BY call_id", "--format", "csv"
    ).splitlines()
    assert header == "call_id,queue"
    assert len(rows) == 2


def test_watch_analyzes_a_file_when_it_is_complete(store, tmp_path):
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    command = [sys.executable, "-m", "callmood", "watch", str(inbox), "--json", "--quiet", "2"]
    functions = str(Path(__file__).parents[2] / "functions")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    environment["PYTHONPATH"] = functions
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    timeout = threading.Timer(60, process.kill)
    timeout.start()
    try:
        content = EXAMPLES[0].read_bytes()
        target = inbox / EXAMPLES[0].name
        with target.open("wb") as file:  # written slowly, as by a recorder
            for part in range(4):
                file.write(content[part * len(content) // 4 : (part + 1) * len(content) // 4])
                file.flush()
                time.sleep(0.5)
        row = json.loads(process.stdout.readline())
        assert row["status"] == "analyzed"
        assert row["size_bytes"] == len(content)
        (inbox / "notes.txt").write_text("not a recording")
        (inbox / "bad.wav").write_text("not audio")
        assert json.loads(process.stdout.readline())["code"] == "not_audio"
    finally:
        timeout.cancel()
        process.terminate()
        process.wait(10)


def test_folder_without_recordings_is_reported(store, tmp_path):
    (tmp_path / "none").mkdir()
    assert "No recordings in" in run("analyze", tmp_path / "none")


def test_other_files_are_analyzed_after_an_invalid_name(store, calls):
    shutil.copy(EXAMPLES[0], calls / os.fsdecode(b"caf\xe9.wav"))
    output = run("analyze", calls, code=1)
    assert "2 analyzed, 1 failed" in output
    assert "bad_name" in output


def test_deleted_file_is_skipped(store, calls):
    local_store = DuckDBWarehouse(store)
    files = sorted(calls.iterdir())
    files[0].unlink()
    assert [result.status for result in BatchAnalyzer(local_store, AnalysisConfig()).run(files)] == [
        "skipped",
        "analyzed",
    ]


def test_model_is_loaded_once(store, calls, monkeypatch):
    loaded = []
    monkeypatch.setattr(batch, "open_models", lambda uri, **_: loaded.append(uri) or open_models(uri))
    batch.load_models.cache_clear()
    run("analyze", calls, "--workers", 1)
    assert loaded == [None]


def test_missing_credentials_are_reported(store, monkeypatch, tmp_path):
    for service in ("BIGQUERY", "STORAGE"):
        monkeypatch.delenv(f"{service}_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    assert "error: File" in run("erase", "--call-id", "1", "--dataset", "project.callmood", code=2)
    monkeypatch.setenv("MODEL_URI", "gs://models/emotion.tflite")
    assert "error: File" in run("analyze", EXAMPLES[0], code=2)
