"""docs/deploy.md, block by block, in order: as a newcomer would run it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess

import pytest
from workspaces import PARTS, ROOT

BLOCKS = re.findall(r"```bash\n(.*?)```", (ROOT / "docs" / "deploy.md").read_text(), re.S)

# What needs Google itself is not called here, but noted.
REMOTE = "gcloud", "bq", "git", "callmood"


@pytest.fixture(scope="module")
def newcomer(workspace, tmp_path_factory):
    """A folder as it is after a clone, and commands that note how they were called where they would need Google."""
    place = workspace(*PARTS, "tests")
    called, commands = tmp_path_factory.mktemp("called"), tmp_path_factory.mktemp("commands")
    script = 'for word in "${0##*/}" "$@"; do printf "%s\\037" "$word"; done >> LOG; echo >> LOG'
    for name in REMOTE:
        (commands / name).write_text("#!/bin/sh\n" + script.replace("LOG", shlex.quote(str(called / "log"))) + "\n")
        (commands / name).chmod(0o755)
    path = f"{commands}{os.pathsep}{os.environ['PATH']}"
    return place, place.environment | {"PATH": path}, called / "log"


def run(newcomer, block):
    place, environment, _ = newcomer
    command = ["bash", "-euo", "pipefail", "-c", block]
    done = subprocess.run(command, cwd=place.folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{block}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def test_every_block_runs_in_order(newcomer):
    shown = [run(newcomer, block) for block in BLOCKS]
    told = "\n".join(shown)
    assert "Apply complete! Resources: " in told
    assert "Destroy complete! Resources: " in told
    calls = [line.split("\037")[:-1] for line in newcomer[2].read_text().splitlines() if line]
    assert [
        "gcloud",
        "services",
        "enable",
        "cloudresourcemanager.googleapis.com",
        "serviceusage.googleapis.com",
    ] in calls
    uploads = next(call for call in calls if call[:3] == ["gcloud", "storage", "cp"])
    assert uploads[-1] == "gs://acme-calls-1-callmood-recordings/"
    assert len(uploads) > 5, "the pattern matches no example"
    query = next(call for call in calls if call[0] == "bq")[-1]
    assert "`acme-calls-1.callmood_reports.recordings_current`" in query


@pytest.mark.skipif(not shutil.which("gcloud"), reason="gcloud is not installed")
def test_gcloud_knows_its_commands():
    """Gcloud itself says of each command in the docs what it takes."""
    calls = re.findall(r"^gcloud ([a-z -]+[a-z])(.*)$", "\n".join(BLOCKS), re.M)
    assert calls
    for command, rest in calls:
        words = [word for word in command.split() if not word.startswith("-")]
        while not (shown := gcloud_help(words)):
            words.pop()  # the last word was an argument
        assert len(words) > 1, f"gcloud has no {command}"
        for flag in re.findall(r"--[a-z-]+", command + rest):
            assert flag in shown, f"gcloud {' '.join(words)} has no {flag}"


def gcloud_help(words):
    shown = subprocess.run(["gcloud", *words, "--help"], capture_output=True, text=True, check=False)
    return shown.stdout if shown.returncode == 0 else ""


def test_callmood_knows_its_commands():
    from typer.testing import CliRunner

    from callmood.cli.app import app

    for block in BLOCKS:
        for name, rest in re.findall(r"^callmood (\w+)(.*)$", block, re.M):
            shown = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200"})
            assert shown.exit_code == 0
            for flag in re.findall(r"(--[a-z-]+)", rest):
                assert flag in shown.output
