"""The commands of docs/deploy.md run in order."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys

import pytest
from stand_in_tools import EARLIER_ARCHIVE, calls, write_tools
from workspaces import PARTS, ROOT

BLOCKS = re.findall(r"```bash\n(.*?)```", (ROOT / "docs" / "deploy.md").read_text(), re.S)


@pytest.fixture(scope="module")
def clone(workspace, tmp_path_factory):
    """Return a workspace like a fresh clone, an environment with recording commands, and their log."""
    clone_workspace = workspace(*PARTS, "tests")
    (clone_workspace.folder / "run").write_text(
        f'#!/bin/sh\nPYTHONPATH=. exec "{sys.executable}" -m infra.operations "$@"\n'
    )
    (clone_workspace.folder / "run").chmod(0o755)
    log = tmp_path_factory.mktemp("called") / "log"
    environment = write_tools(tmp_path_factory.mktemp("commands"), log, clone_workspace.environment)
    return clone_workspace, environment, log


def run(clone, block):
    clone_workspace, environment, _ = clone
    command = ["bash", "-euo", "pipefail", "-c", block]
    done = subprocess.run(
        command, cwd=clone_workspace.folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{block}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def test_commands_run_in_order(clone):
    shown = [run(clone, block) for block in BLOCKS]
    output = "\n".join(shown)
    assert "Apply complete! Resources: " in output
    assert "Destroy complete! Resources: " in output
    recorded = calls(clone[2])
    assert [
        "gcloud",
        "services",
        "enable",
        "cloudresourcemanager.googleapis.com",
        "serviceusage.googleapis.com",
    ] in recorded
    uploads = next(call for call in recorded if call[:3] == ["gcloud", "storage", "cp"])
    assert uploads[-1] == "gs://acme-calls-1-callmood-recordings/"
    assert len(uploads) > 5, "the pattern must match the example calls"
    query = next(call for call in recorded if call[0] == "bq")[-1]
    assert "`acme-calls-1.callmood_reports.recordings_current`" in query
    build = next(call for call in recorded if call[:3] == ["gcloud", "builds", "submit"])
    account = "callmood-image-builder@acme-calls-1.iam.gserviceaccount.com"
    assert f"--service-account=projects/acme-calls-1/serviceAccounts/{account}" in build
    images = json.loads((clone[0].folder / "images.auto.tfvars.json").read_text())["images"]
    assert all(re.search(rf"/{name}@sha256:[0-9a-f]{{64}}$", image) for name, image in images.items())
    assert f"The functions run {EARLIER_ARCHIVE}." in output


@pytest.mark.skipif(not shutil.which("gcloud"), reason="gcloud is not installed")
def test_gcloud_has_the_documented_commands_and_flags():
    """Compare the documented commands with the help of gcloud."""
    commands = re.findall(r"^gcloud ([a-z -]+[a-z])(.*)$", "\n".join(BLOCKS), re.M)
    assert commands
    for command, rest in commands:
        words = [word for word in command.split() if not word.startswith("-")]
        while not (shown := gcloud_help(words)):
            words.pop()  # the last word was an argument
        assert len(words) > 1, f"gcloud does not have the command {command}"
        for flag in re.findall(r"--[a-z-]+", command + rest):
            assert flag in shown, f"gcloud {' '.join(words)} does not have the flag {flag}"


def gcloud_help(words):
    shown = subprocess.run(["gcloud", *words, "--help"], capture_output=True, text=True, check=False)
    return shown.stdout if shown.returncode == 0 else ""


def test_callmood_has_the_documented_commands_and_flags():
    from typer.testing import CliRunner

    from callmood.cli.app import app

    for block in BLOCKS:
        for name, rest in re.findall(r"^callmood (\w+)(.*)$", block, re.M):
            shown = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200"})
            assert shown.exit_code == 0
            for flag in re.findall(r"(--[a-z-]+)", rest):
                assert flag in shown.output
