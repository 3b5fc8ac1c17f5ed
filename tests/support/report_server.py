"""Run `callmood serve` as a process."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import callmood


@contextmanager
def serve(store):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "callmood", "serve", "--store", str(store), "--port", str(port)]
    environment = {**os.environ, "PYTHONPATH": str(Path(callmood.__file__).parents[1])}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as server:
        try:
            url = f"http://127.0.0.1:{port}"
            assert url in server.stderr.readline()
            for _ in range(200):
                try:
                    urllib.request.urlopen(f"{url}/version").close()
                    break
                except urllib.error.URLError:
                    time.sleep(0.05)
            yield url
        finally:
            server.terminate()
