"""A proxy in front of an emulator, which answers some requests as Google does and the emulator does not."""

import threading
import urllib.error
import urllib.request


def google_error(status, reason, message):
    return status, {"error": {"code": status, "message": message, "errors": [{"reason": reason, "message": message}]}}


class Proxy:
    """A service in front of an emulator. It gives the fault as the answer to the next requests of one kind."""

    def __init__(self, server, target):
        self._target, self._lock = target, threading.Lock()
        self.kind, self.fault, self.left = "", None, 0
        self.url = server.url
        server.answer = self._answer

    def _answer(self, request):
        with self._lock:
            failing = self.left > 0 and self.kind in request.path
            self.left -= failing
        return self.fault(request) if failing else self.forward(request)

    def forward(self, request):
        """Return the emulator's answer."""
        dropped = ("host", "connection", "content-length")
        headers = {name: value for name, value in request.headers.items() if name.lower() not in dropped}
        forwarded = urllib.request.Request(
            self._target + request.path, request.body or None, headers, method=request.method
        )
        try:
            with urllib.request.urlopen(forwarded) as done:
                return done.status, done.read(), *self._kept(done.headers)
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    @staticmethod
    def _kept(headers):
        return [
            (name, value) for name, value in headers.items() if name.lower().startswith(("x-goog", "content-encoding"))
        ]

    def fail(self, kind, fault, times):
        self.kind, self.fault, self.left = kind, fault, times
