"""`callmood watch`: alerts, and a cost per file that does not grow with the store."""

import os
import shutil
import subprocess
import sys
import time

import pytest
import standardwebhooks
from alerts import ANGRY_PRIOR, SECRET
from command_line import EXAMPLES
from scripted_http import scripted_http
from stack.services import ROOT


@pytest.fixture
def receiver():
    with scripted_http() as script:
        yield script


def test_watch_alerts_and_continues_after_a_rejected_alert(receiver, tmp_path):
    receiver.answer = lambda _: (410, {})
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    for example in EXAMPLES[:2]:
        shutil.copy(example, inbox)
    environment = os.environ | {"PRIOR": ANGRY_PRIOR, "ALERT_SECRET": SECRET, "PYTHONPATH": str(ROOT / "functions")}
    command = [sys.executable, "-m", "callmood", "watch", inbox, "--store", tmp_path / "s.duckdb"]
    with (tmp_path / "output").open("w") as output:
        process = subprocess.Popen([*command, "--alert", receiver.url], env=environment, stdout=output, stderr=output)
        try:
            deadline = time.monotonic() + 60
            while len(receiver.asked) < 2 and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.1)
        finally:
            process.terminate()
            process.wait(timeout=10)
    printed = (tmp_path / "output").read_text()
    assert {asked.json["call_id"] for asked in receiver.asked} == {"1001", "1002"}, printed
    for asked in receiver.asked:
        standardwebhooks.Webhook(SECRET).verify(asked.body, dict(asked.headers))
    assert "HTTP 410" in " ".join(printed.split())
