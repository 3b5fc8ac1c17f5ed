"""An HTTP server for tests that gives scripted answers and records requests."""

import contextlib
import json
import threading
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Asked:
    method: str
    path: str
    body: bytes
    headers: Message

    @property
    def json(self):
        return json.loads(self.body)


class ScriptedHttp:
    """Answers each request with what `answer(asked)` returns: (status, body), bytes as they are, all else as JSON.

    None drops the connection without an answer.
    """

    def __init__(self):
        self.asked = []
        self.answer = lambda _asked: (200, {})
        self.url = None

    def paths(self, method):
        return [asked.path.partition("?")[0] for asked in self.asked if asked.method == method]


@contextlib.contextmanager
def scripted_http():
    script = ScriptedHttp()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked = Asked(self.command, self.path, body, self.headers)
            script.asked.append(asked)
            answer = script.answer(asked)
            if answer is None:
                self.close_connection = True
                return
            status, content, *headers = answer
            content = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Content-Type", "application/json")
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = _do  # noqa: N815 - as the library names them

        def log_message(self, *_args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    script.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
