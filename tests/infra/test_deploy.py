"""The commands of docs/deploy.md run in order."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess

import pytest
from workspaces import PARTS, ROOT

BLOCKS = re.findall(r"```bash\n(.*?)```", (ROOT / "docs" / "deploy.md").read_text(), re.S)

# Commands that need Google Cloud. The tests record their arguments instead of running them.
REMOTE = "gcloud", "bq", "git", "callmood"


@pytest.fixture(scope="module")
def clone(workspace, tmp_path_factory):
    """Return a workspace like a fresh clone, an environment with recording commands, and their log."""
    clone_workspace = workspace(*PARTS, "tests")
    called, commands = tmp_path_factory.mktemp("called"), tmp_path_factory.mktemp("commands")
    script = 'for word in "${0##*/}" "$@"; do printf "%s\\037" "$word"; done >> LOG; echo >> LOG'
    for name in REMOTE:
        (commands / name).write_text("#!/bin/sh\n" + script.replace("LOG", shlex.quote(str(called / "log"))) + "\n")
        (commands / name).chmod(0o755)
    path = f"{commands}{os.pathsep}{os.environ['PATH']}"
    return clone_workspace, clone_workspace.environment | {"PATH": path}, called / "log"


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
    calls = [line.split("\037")[:-1] for line in clone[2].read_text().splitlines() if line]
    assert [
        "gcloud",
        "services",
        "enable",
        "cloudresourcemanager.googleapis.com",
        "serviceusage.googleapis.com",
    ] in calls
    uploads = next(call for call in calls if call[:3] == ["gcloud", "storage", "cp"])
    assert uploads[-1] == "gs://acme-calls-1-callmood-recordings/"
    assert len(uploads) > 5, "the pattern must match the example calls"
    query = next(call for call in calls if call[0] == "bq")[-1]
    assert "`acme-calls-1.callmood_reports.recordings_current`" in query


@pytest.mark.skipif(not shutil.which("gcloud"), reason="gcloud is not installed")
def test_gcloud_has_the_documented_commands_and_flags():
    """Compare the documented commands with the help of gcloud."""
    calls = re.findall(r"^gcloud ([a-z -]+[a-z])(.*)$", "\n".join(BLOCKS), re.M)
    assert calls
    for command, rest in calls:
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
