"""Run the real-time service, and send requests to it."""

import base64
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import uvicorn

import callmood

ROOT = Path(__file__).parents[2]
EXAMPLE = next((ROOT / "tests/examples").glob("*call-1001*.wav"))
SESSION_KEY = base64.b64encode(bytes(range(32))).decode()


class RealtimeServer:
    """A client of a running server."""

    def __init__(self, port, pid=None):
        self.port = port
        self._pid = pid
        self.url = f"http://127.0.0.1:{port}"
        self.socket_url = f"ws://127.0.0.1:{port}/stream"

    def cpu_s(self):
        """Return the server's CPU time in seconds: utime and stime of Linux's proc(5)."""
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def request(self, path, body=None, **headers):
        """Return the status, JSON, and headers of a response; a body makes it a POST request."""
        request = urllib.request.Request(self.url + path, body, {"Content-Type": "audio/wav", **headers})
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, json.load(response), response.headers
        except urllib.error.HTTPError as error:
            return error.code, json.load(error), error.headers

    def predict(self, *recordings, sessions=None, **parameters):
        """Send recordings in Vertex AI's request format, and return the predictions."""
        instances = [{"b64": base64.b64encode(audio).decode()} for audio in recordings]
        for instance, session in zip(instances, sessions or [], strict=False):
            instance["session"] = session
        body = json.dumps({"instances": instances, "parameters": parameters}).encode()
        status, response, _ = self.request("/score", body, **{"Content-Type": "application/json"})
        assert status == 200, response
        return response["predictions"]


@contextmanager
def run_server(**settings):
    """Run the service as its container does, in a process with these environment variables."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": str(Path(callmood.__file__).parents[1]), "PORT": str(port), **settings}
    command = [sys.executable, "-m", "callmood.realtime"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            server = RealtimeServer(port, process.pid)
            for _ in range(600):
                try:
                    urllib.request.urlopen(f"{server.url}/health").close()
                    break
                except urllib.error.URLError as error:
                    if isinstance(error, urllib.error.HTTPError) or process.poll() is not None:
                        break
                    time.sleep(0.05)
            yield server
        finally:
            process.terminate()


@contextmanager
def run_in_thread(app):
    """Run an application in a thread of this process, for tests that patch its code."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
    thread = Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.02)
        yield RealtimeServer(server.servers[0].sockets[0].getsockname()[1])
    finally:
        server.should_exit = True
        thread.join()
