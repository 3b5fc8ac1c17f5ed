"""The deployed archive: its content, when it changes, and that it is enough to process an event."""

from __future__ import annotations

import json
import os
import re
import subprocess
import urllib.request
import zipfile

import pytest
from environments import deployed_python
from stack.services import free_port, process
from workspaces import PROJECT, ROOT, of_type

from callmood.warehouse.bigquery import BigQueryWarehouse

EXAMPLE = ROOT / "tests/examples/2026-11-02T09-14-00Z_call-1001_queue-billing_agent-a17_customer-c204.wav"


def archive_names(workspace):
    with zipfile.ZipFile(workspace.folder / "build/functions.zip") as archive:
        return set(archive.namelist())


def test_archive_contains_the_deployed_files_only(deployed):
    listed = ["git", "ls-files", "functions", "schemas"]
    tracked = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = ("emotion.tflite", "emotion.json", "emotion.reference.json", "speech.npz", "speakers.npz")
    served = {f"model/{name}" for name in names}
    generated = {name for name in ("functions/callmood/_version.py",) if (ROOT / name).exists()}  # by an installation
    assert archive_names(deployed[0]) == set(tracked.splitlines()) | served | generated | {"requirements.txt"}


def test_changed_source_file_redeploys_the_functions_only(deployed):
    workspace, applied = deployed
    (uploaded,) = of_type(applied, "google_storage_bucket_object")
    assert re.fullmatch(r"functions-[0-9a-f]{64}\.zip", uploaded["values"]["name"])
    os.utime(workspace.folder / "functions/main.py")
    assert changed(workspace.plan(**PROJECT)) == set()
    with (workspace.folder / "functions/main.py").open("a") as source:
        source.write("# a new line\n")
    functions = {
        f'google_cloudfunctions2_function.functions["{name}"]'
        for name in ("analyze", "erase", "monitor", "dead-letter")
    }
    expected = {"google_storage_bucket_object.functions", *functions}
    assert changed(workspace.plan(**PROJECT)) == {f"module.functions.{address}" for address in expected}


def changed(plan):
    actions = {change["address"]: change["change"]["actions"] for change in plan["resource_changes"]}
    return {address for address, done in actions.items() if done not in (["no-op"], ["read"])}


@pytest.fixture(scope="module")
def source(deployed, tmp_path_factory):
    """Return the folder of the unpacked archive, built like Cloud Functions does."""
    folder = tmp_path_factory.mktemp("archive")
    with zipfile.ZipFile(deployed[0].folder / "build/functions.zip") as archive:
        archive.extractall(folder)
    build = analyze(deployed[1], "build_config")["environment_variables"]
    # The buildpack compiles the sources like this: https://github.com/GoogleCloudPlatform/buildpacks, cmd/python.
    compiled = [deployed_python(), "-m", "compileall", "-f", "-q", "."]
    subprocess.run(compiled, cwd=folder, env=os.environ | build, check=True)
    return folder


def analyze(applied, block):
    """Return a configuration block of the function `analyze`."""
    functions = of_type(applied, "google_cloudfunctions2_function")
    (found,) = [found for found in functions if found["values"]["name"] == "callmood-analyze"]
    return found["values"][block][0]


def test_bytecode_is_validated_by_source_hash(source):
    compiled = list((source / "functions").rglob("*.pyc"))
    assert len(compiled) > 10
    for path in compiled:
        flags = int.from_bytes(path.read_bytes()[4:8], "little")
        assert flags & 1, f"{path} is validated by timestamp (PEP 552)"


def test_archive_processes_an_event_with_its_requirements_only(deployed, source, cloud):
    settings = analyze(deployed[1], "service_config")["environment_variables"]
    build = analyze(deployed[1], "build_config")
    port = free_port()
    command = [deployed_python(), "-m", "functions_framework", "--host", "127.0.0.1", "--port", port]
    framework = {
        "FUNCTION_TARGET": build["entry_point"],
        "FUNCTION_SOURCE": str(source / build["environment_variables"]["GOOGLE_FUNCTION_SOURCE"]),
        "PYTHONPATH": "",
        "PYTHONNOUSERSITE": "1",
    }
    url = f"http://127.0.0.1:{port}"
    log = cloud.logs / "analyze.log"
    with process("the archive", command, f"{url}/favicon.ico", log, **cloud.environment | settings | framework):
        blob = cloud.storage.bucket("acme-calls-1-callmood-recordings").blob(EXAMPLE.name)
        blob.upload_from_filename(EXAMPLE)
        event = {
            "eventType": "OBJECT_FINALIZE",
            "bucketId": blob.bucket.name,
            "objectId": blob.name,
            "objectGeneration": str(blob.generation),
        }
        push = {"message": {"messageId": "1", "attributes": event}, "subscription": "projects/p/subscriptions/analyze"}
        request = urllib.request.Request(url, json.dumps(push).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=120) as answer:
            assert answer.status == 204, log.read_text()
    reports = BigQueryWarehouse("acme-calls-1.callmood_reports", cloud.bigquery)
    columns = "call_id, queue, agent_id, customer_id, customer_emotion_s > 0 AS has_emotion"
    [row] = reports.query(f"SELECT {columns} FROM calls")
    expected = {"call_id": "1001", "queue": "billing", "agent_id": "a17", "customer_id": "c204", "has_emotion": True}
    assert row == expected, log.read_text()
