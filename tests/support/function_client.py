"""A client of a running function."""

import json
import urllib.error
import urllib.request


class FunctionClient:
    """Send push requests to a function, and read its log.

    Parameters
    ----------
    url : str
        URL of the function.
    log : Path
        File with the output of the function.
    """

    def __init__(self, url, log):
        self._url = url
        self._log = log
        self._n_read = 0

    def push(self, body, **headers):
        """Send a request, and return the status code."""
        self._n_read = len(self._lines())
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self._url, data, {"Content-Type": "application/json", **headers})
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status
        except urllib.error.HTTPError as error:
            return error.code

    def log_entries(self):
        """Return the log entries since the last request."""
        return [json.loads(line) for line in self._lines()[self._n_read :]]

    def _lines(self):
        return self._log.read_text().splitlines()
