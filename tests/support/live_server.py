"""A running server, as the container runs it, and what to say to it."""

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
KEY = base64.b64encode(bytes(range(32))).decode()


class Server:
    """Where it listens, and how to ask it."""

    def __init__(self, port, pid=None):
        self.port = port
        self._pid = pid
        self.url = f"http://127.0.0.1:{port}"
        self.socket_url = f"ws://127.0.0.1:{port}/stream"

    def cpu_s(self):
        """Processor seconds that it has used: Linux's proc(5), stat, utime and stime."""
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def ask(self, path, body=None, **headers):
        """Status, JSON and headers of an answer."""
        asked = urllib.request.Request(self.url + path, body, {"Content-Type": "audio/wav", **headers})
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:
                return answer.status, json.load(answer), answer.headers
        except urllib.error.HTTPError as error:
            return error.code, json.load(error), error.headers

    def score(self, *audio, sessions=None, **parameters):
        """Predictions of Vertex AI's form of request."""
        instances = [{"b64": base64.b64encode(one).decode()} for one in audio]
        for instance, session in zip(instances, sessions or [], strict=False):
            instance["session"] = session
        body = json.dumps({"instances": instances, "parameters": parameters}).encode()
        status, told, _ = self.ask("/score", body, **{"Content-Type": "application/json"})
        assert status == 200, told
        return told["predictions"]


@contextmanager
def running(command=("-m", "callmood.realtime"), **settings):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": str(Path(callmood.__file__).parents[1]), "PORT": str(port), **settings}
    with subprocess.Popen([sys.executable, *command], env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            server = Server(port, process.pid)
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
def in_this_process(app):
    """The application in a thread, for tests that change what is in it."""
    running = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
    thread = Thread(target=running.run)
    thread.start()
    try:
        while not running.started:
            time.sleep(0.02)
        yield Server(running.servers[0].sockets[0].getsockname()[1])
    finally:
        running.should_exit = True
        thread.join()
