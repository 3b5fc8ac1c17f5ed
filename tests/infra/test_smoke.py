"""`./run smoke` runs completely, with Terraform on the stand-in providers and the real functions on local services."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack

import pytest
from stack.services import ServiceMissing, bigquery_emulator, do_without, function, pubsub_emulator, storage_emulator
from stand_in_tools import write_tools
from workspaces import PROJECT, ROOT

from infra.operations import smoke

STEPS = [
    "apply",
    "second plan without changes",
    "example calls have rows",
    "poison file is a failure",
    "dead letter is a failure",
    "erased call is hidden",
    "view gains a column",
    "plan after the upgrade without changes",
    "destroy",
]


@pytest.fixture(scope="module")
def environment(workspace, tmp_path_factory):
    """Start the local services, and return the environment in which a deployer runs the command."""
    logs, commands = tmp_path_factory.mktemp("logs"), tmp_path_factory.mktemp("commands")
    project = PROJECT["project_id"]
    try:
        with ExitStack() as running:
            pubsub = running.enter_context(pubsub_emulator(logs))
            storage = storage_emulator(logs, pubsub, f"{smoke.NAME}-recordings", project)
            emulators = {
                "GOOGLE_CLOUD_PROJECT": project,
                "PUBSUB_EMULATOR_HOST": pubsub,
                "STORAGE_EMULATOR_HOST": running.enter_context(storage),
                "BIGQUERY_EMULATOR_HOST": running.enter_context(bigquery_emulator(logs)),
            }
            settings = emulators | {"DATASET": f"{project}.{smoke.DATASET}"}
            endpoints = {
                name.replace("_", "-"): running.enter_context(function(name, logs, **settings))
                for name in ("analyze", "erase", "dead_letter")
            }
            known = {**workspace().environment, **emulators, "ENDPOINTS": json.dumps(endpoints)}
            yield write_tools(commands, logs / "calls", known)
    except ServiceMissing as missing:
        do_without(missing)


def test_smoke_test_passes_all_steps_and_removes_everything(environment):
    command = [sys.executable, "-m", "infra.operations", "smoke", "--project", PROJECT["project_id"], "--wait-s", "180"]
    python_path = {"PYTHONPATH": f"{ROOT}:{ROOT / 'functions'}"}
    done = subprocess.run(command, cwd=ROOT, env=environment | python_path, capture_output=True, text=True, check=False)
    report = done.stdout.partition("## Smoke test")[2]
    rows = [line for line in report.splitlines() if line.startswith("| ") and "result" not in line]
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows] == STEPS, done.stdout[-3000:] + done.stderr[-3000:]
    assert all(" | ok | " in row for row in rows), done.stdout[-6000:] + done.stderr[-2000:]
    assert done.returncode == 0
