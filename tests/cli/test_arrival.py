"""Files that arrive slowly, stores that are locked, shared, full, or read-only, and runs that are stopped."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from command_line import json_lines, run
from other_user import command_as_other_user, run_as_other_user
from recordings import clip
from stack.services import ROOT

from callmood.analysis.rows import erasure_row
from callmood.errors import WarehouseError
from callmood.sources.watcher import promises_more, settled_files
from callmood.warehouse.duckdb import DuckDBWarehouse

FUNCTIONS = str(ROOT / "functions")


def start(*arguments, **environment):
    """Start `callmood`."""
    return subprocess.Popen(
        [sys.executable, "-m", "callmood", *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": FUNCTIONS} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(process, timeout=120):
    output, errors = process.communicate(timeout=timeout)
    return process.returncode, output, errors


def statuses(output):
    return sorted(json.loads(line)["status"] for line in output.splitlines())


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "calls"
    folder.mkdir()
    return folder


def fill(folder, count):
    for number in range(count):
        (folder / f"2026-11-02T09-14-{number:02d}Z_call-{number}.wav").write_bytes(clip())


def settled(folder, quiet_s, within_s):
    """Return the names that the watcher yields in a time."""
    found = []
    paths = settled_files(folder, quiet_s)
    stop = threading.Timer(within_s, lambda: os.kill(os.getpid(), signal.SIGINT))
    stop.start()
    try:
        found.extend(path.name for path in paths)
    except KeyboardInterrupt:
        pass
    finally:
        stop.cancel()
        paths.close()
    return found


def test_file_that_grows_in_bursts_is_complete_once(folder):
    content = clip()

    def grow():
        with (folder / "a.wav").open("wb") as file:
            for part in range(4):
                file.write(content[part * len(content) // 4 : (part + 1) * len(content) // 4])
                file.flush()
                time.sleep(0.8)

    writer = threading.Thread(target=grow)
    writer.start()
    found = settled(folder, 1.5, within_s=7)
    writer.join()
    assert found == ["a.wav"]


def test_partial_name_is_ignored_until_it_is_renamed(folder):
    (folder / "a.wav.filepart").write_bytes(clip()[:20_000])
    (folder / "b.wav~").write_bytes(b"RIFF")
    threading.Timer(1.5, lambda: (folder / "a.wav.filepart").rename(folder / "a.wav")).start()
    assert settled(folder, 0.3, within_s=4) == ["a.wav"]


def test_file_whose_header_promises_more_waits_six_times_as_long(folder):
    content = clip()
    (folder / "whole.wav").write_bytes(content)
    (folder / "part.wav").write_bytes(content[: len(content) // 2])
    assert settled(folder, 0.5, within_s=2) == ["whole.wav"]
    assert sorted(settled(folder, 0.5, within_s=5)) == ["part.wav", "whole.wav"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"RIFF\x10\x00\x00\x00WAVE", True),
        (b"RIFF\x04\x00\x00\x00WAVE", False),
        (b"RIFX\x00\x00\x00\x10WAVE", True),
        (b"RIFF\xff\xff\xff\xffWAVE", False),  # unknown
        (b"RIFF\x00\x00\x00\x00WAVE", False),
        (b"FORM\x00\x00\x00\x10AIFF", True),
        (b"\x00\x00\x00\x10ftypM4A \x00\x00\x00\x00\x00\x00\x10\x00mdat", True),
        (b"\x00\x00\x00\x10ftypM4A \x00\x00\x00\x00\x00\x00\x00\x08moov", False),
        (b"\x00\x00\x00\x10ftypM4A \x00\x00\x00\x00\x00\x00\x00\x08mdat", True),  # the index follows
        (b"OggS", False),
        (b"", False),
    ],
)
def test_headers_promise_more_data(tmp_path, content, expected):
    (tmp_path / "a").write_bytes(content)
    assert promises_more(tmp_path / "a") is expected


def hold(store, seconds):
    """Hold the lock of a store in another process."""
    code = (
        "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]); print('held', flush=True); "
        "time.sleep(float(sys.argv[2]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(store), str(seconds)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    return process


def test_batch_and_query_wait_for_a_locked_store_and_say_so(folder, tmp_path):
    fill(folder, 1)
    store = tmp_path / "calls.duckdb"
    DuckDBWarehouse(store)
    holder = hold(store, 8)
    batch = start("analyze", folder, "--store", store, "--json")
    query = start("query", "SELECT 1 AS one", "--store", store, "--json")
    code, output, errors = finish(batch)
    assert (code, statuses(output)) == (0, ["analyzed"])
    assert f"Waiting for {store}, which the process {holder.pid} has locked." in errors
    code, output, errors = finish(query)
    assert (code, output) == (0, '{"one": 1}\n')
    assert "Waiting for" in errors
    holder.wait()


def test_two_runs_share_the_work(folder, tmp_path):
    fill(folder, 8)
    store = tmp_path / "calls.duckdb"
    runs = [start("analyze", folder, "--store", store, "--json", "--workers", 1) for _ in range(2)]
    results = [finish(run) for run in runs]
    assert [code for code, *_ in results] == [0, 0], results
    both = statuses(results[0][1]) + statuses(results[1][1])
    assert (both.count("analyzed"), both.count("skipped")) == (8, 8)
    local = DuckDBWarehouse(store)
    assert local.query("SELECT COUNT(*) AS n FROM recordings") == [{"n": 8}]
    assert local.query("SELECT COUNT(*) AS n FROM recordings_current") == [{"n": 8}]


def test_claim_of_a_killed_run_is_free(folder, tmp_path):
    fill(folder, 6)
    store = tmp_path / "calls.duckdb"
    first = start("analyze", folder, "--store", store, "--json", "--workers", 1)
    first.stdout.readline()
    first.kill()
    first.wait()
    code, output, _ = finish(start("analyze", folder, "--store", store, "--json", "--workers", 1))
    assert code == 0
    assert len(statuses(output)) == 6


def children(process):
    """Return the IDs of all processes of a session."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == process.pid and fields[0] != "Z":
                found.append(int(entry.name))
    return found


def assert_no_process_remains(process):
    deadline = time.monotonic() + 10
    while children(process) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert children(process) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=["ctrl-c", "term", "kill"])
def test_stopped_run_leaves_no_processes_and_continues(folder, tmp_path, number):
    fill(folder, 12)
    store = tmp_path / "calls.duckdb"
    run = start("analyze", folder, "--store", store, "--json", "--workers", 2)
    run.stdout.readline()
    if number == signal.SIGINT:
        os.killpg(run.pid, number)  # a terminal signals all processes
    else:
        run.send_signal(number)
    code, output, errors = finish(run, timeout=30)
    assert_no_process_remains(run)
    if number != signal.SIGKILL:
        assert code == 128 + number
        assert "of 12 recordings are done. To continue, run the same command: callmood analyze" in " ".join(
            errors.split()
        )
        assert "Traceback" not in errors
    before = len(statuses(output)) + 1
    assert before < 12  # the remaining files are canceled
    code, output, _ = finish(start("analyze", folder, "--store", store, "--json", "--workers", 2))
    assert code == 0
    assert statuses(output).count("skipped") >= before
    assert DuckDBWarehouse(store).query("SELECT COUNT(*) AS n FROM recordings_current") == [{"n": 12}]


def is_starting_worker(pid):
    try:
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


@pytest.mark.parametrize("command", ["analyze", "calibrate"])
def test_ctrl_c_while_workers_start_prints_no_traceback(folder, tmp_path, command):
    fill(folder, 60)
    target = {"analyze": ["--store", tmp_path / "calls.duckdb"], "calibrate": ["--out", tmp_path / "population.json"]}
    run = start(command, folder, *target[command], "--workers", 2)
    deadline = time.monotonic() + 30
    while not any(is_starting_worker(pid) for pid in children(run)):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.2)  # a process imports the product for longer than this
    os.killpg(run.pid, signal.SIGINT)
    code, _, errors = finish(run, timeout=30)
    assert code == 128 + signal.SIGINT
    assert "Traceback" not in errors
    assert_no_process_remains(run)


def warm_up(folder):
    """Import everything that an analysis needs."""
    (folder / "warm").mkdir()
    fill(folder / "warm", 1)
    run("analyze", folder / "warm", "--store", folder / "warm.duckdb", "--workers", 1)


def test_unreadable_folder_and_file_have_one_row_each_and_do_not_stop_the_run(shared_folder):
    calls = shared_folder / "calls"
    closed = calls / "closed"
    closed.mkdir(parents=True)
    fill(calls, 1)
    fill(closed, 2)
    secret = calls / "secret.wav"
    secret.write_bytes(clip())
    secret.chmod(0)
    closed.chmod(0o444)
    store = shared_folder / "calls.duckdb"
    warm_up(shared_folder)
    code, output, errors = command_as_other_user("analyze", calls, "--store", store, "--json", "--workers", 1)
    assert code == 1, errors
    rows = [json.loads(line) for line in output.splitlines()]
    assert sorted((Path(row["path"]).name, row.get("code")) for row in rows if row["status"] == "failed") == [
        ("closed", "forbidden"),
        ("secret.wav", "forbidden"),
    ]
    assert statuses(output) == ["analyzed", "failed", "failed"]
    shutil.copy(store, shared_folder / "copy.duckdb")
    local = DuckDBWarehouse(shared_folder / "copy.duckdb")
    assert [row["code"] for row in local.query("SELECT code FROM failures_current")] == ["forbidden", "forbidden"]
    closed.chmod(0o755)
    secret.chmod(0o644)
    run("analyze", calls, "--store", store, "--workers", 1)
    assert DuckDBWarehouse(store).query("SELECT code FROM failures_current") == []


def test_store_without_write_access_can_be_queried(shared_folder):
    store = shared_folder / "calls.duckdb"
    DuckDBWarehouse(store)
    store.chmod(0o444)
    shared_folder.chmod(0o555)
    code, output, errors = command_as_other_user("failures", "--store", store)
    assert (code, output) == (0, "No failures.\n"), errors
    code, _, errors = command_as_other_user("erase", "--call-id", "1", "--store", store)
    assert code == 1  # unknown
    local = DuckDBWarehouse(store)

    def write():
        try:
            local.append("erasures", [erasure_row("r", "request", datetime.now(UTC))])
        except WarehouseError as error:
            return str(error)
        return "written"

    assert "is read-only" in run_as_other_user(write)


def test_full_disk_is_one_sentence(folder, tmp_path):
    """A small file system in a mount namespace of its own."""
    fill(folder, 8)
    script = (
        "mount -t tmpfs -o size=1m tmpfs {disk} && "
        "exec {python} -m callmood analyze {folder} --store {disk}/calls.duckdb"
    )
    disk = tmp_path / "disk"
    disk.mkdir()
    command = script.format(disk=disk, python=sys.executable, folder=folder)
    done = subprocess.run(
        ["unshare", "--mount", "--user", "--map-root-user", "sh", "-c", command],
        env=os.environ | {"PYTHONPATH": FUNCTIONS},
        capture_output=True,
        text=True,
        timeout=120,
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no mount namespaces here: {done.stderr.strip()}")
    assert done.returncode == 2, done.stderr
    assert "is full: free some space" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_full_disk_of_duckdb_is_recognized(tmp_path):
    store = DuckDBWarehouse(tmp_path / "calls.duckdb")
    error = duckdb.IOException("Could not write file: No space left on device")
    assert "is full" in str(store._disk_full(error))
    assert store._disk_full(duckdb.IOException("Could not set lock")) is None


@pytest.mark.parametrize("name", ["callmood.duckdb", "results"])
def test_store_among_the_recordings_is_not_a_recording(tmp_path, name):
    fill(tmp_path, 1)
    for _ in range(2):
        run("analyze", tmp_path, "--store", tmp_path / name)
    assert json_lines(run("failures", "--store", tmp_path / name, "--json")) == []


def test_copy_of_a_recording_in_a_folder_that_became_unreadable_is_analyzed(shared_folder):
    calls, store = shared_folder / "calls", shared_folder / "s.duckdb"
    (calls / "closed").mkdir(parents=True)
    content = clip()
    (calls / "closed/a.wav").write_bytes(content)
    run("analyze", calls, "--store", store)
    store.chmod(0o666)
    (calls / "b.wav").write_bytes(content)
    (calls / "closed").chmod(0)
    code, output, _ = command_as_other_user("analyze", calls, "--store", store, "--json", "--workers", 1)
    assert (code, statuses(output)) == (1, ["analyzed", "failed"])  # the folder is one failure
