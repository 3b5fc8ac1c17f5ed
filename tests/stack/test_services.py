"""The services of the tests: none outlives the run that started it, also in a process group of its own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

START = """
import sys, time
from pathlib import Path
from stack.services import process
own_group = "import os, runpy; os.setpgid(0, 0); runpy.run_module('http.server', run_name='__main__')"
server = [sys.executable, "-c", own_group, sys.argv[1], "--bind", "127.0.0.1"]
with process("a server", server, f"http://127.0.0.1:{sys.argv[1]}", Path(sys.argv[2])):
    print("started", flush=True)
    time.sleep(60)
"""


def test_a_killed_run_leaves_no_service(tmp_path):
    from stack.services import _answers, free_port

    port = free_port()
    tests = Path(__file__).parents[1]
    environment = os.environ | {
        "PYTHONPATH": f"{tests}:{tests / 'support'}:{tests.parent}:{tests.parent / 'functions'}"
    }
    command = [sys.executable, "-c", START, str(port), str(tmp_path / "log")]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert run.stdout.readline() == "started\n"
    assert _answers(f"http://127.0.0.1:{port}")
    run.send_signal(signal.SIGKILL)
    run.wait()
    deadline = time.monotonic() + 15
    while _answers(f"http://127.0.0.1:{port}"):
        assert time.monotonic() < deadline, "the service outlived its run"
        time.sleep(0.2)
