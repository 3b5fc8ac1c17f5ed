"""Open pages in Debian's Firefox with WebDriver BiDi, which needs no driver program."""

import itertools
import json
import os
import re
import shutil
import subprocess
import time
from contextlib import contextmanager

FIREFOX_PATH = next(filter(None, map(shutil.which, ("firefox-esr", "firefox"))), None)


class FirefoxPage:
    """One tab."""

    def __init__(self, connection):
        self._connection = connection
        self._numbers = itertools.count()
        self._send("session.new", capabilities={})
        self._context = self._send("browsingContext.getTree")["contexts"][0]["context"]

    def _send(self, method, **parameters):
        number = next(self._numbers)
        self._connection.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._connection.recv(timeout=60))
            if message.get("id") == number:
                assert message["type"] == "success", message
                return message["result"]

    def goto(self, url):
        self._send("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def evaluate(self, expression):
        """Return the value of an expression that is JSON-serializable."""
        result = self._send(
            "script.evaluate",
            expression=f"JSON.stringify({expression})",
            target={"context": self._context},
            awaitPromise=True,
            userActivation=True,
        )
        assert result["type"] == "success", result
        return json.loads(result["result"].get("value", "null"))

    def wait_for(self, expression, timeout_s=30):
        deadline = time.monotonic() + timeout_s
        while not (value := self.evaluate(expression)):
            assert time.monotonic() < deadline, expression
            time.sleep(0.1)
        return value


@contextmanager
def open_firefox(profile):
    """Start Firefox with an empty profile, and return a page."""
    from websockets.sync.client import connect

    command = [FIREFOX_PATH, "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0"]
    environment = {**os.environ, "HOME": str(profile), "MOZ_DISABLE_CONTENT_SANDBOX": "1"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as browser:
        try:
            address = next(filter(None, (re.search(r"ws://[\d.:]+", line) for line in browser.stderr)))
            with connect(f"{address[0]}/session", max_size=None, open_timeout=30) as connection:
                yield FirefoxPage(connection)
        finally:
            browser.terminate()
