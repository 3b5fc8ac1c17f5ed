"""An HTTP server for tests that gives scripted answers and records requests.

Requests to BigQuery and Cloud Storage must comply with the discovery documents of these APIs.
"""

import contextlib
import json
import threading
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from discovery import request_problems


@dataclass
class Request:
    method: str
    path: str
    body: bytes
    headers: Message

    @property
    def json(self):
        return json.loads(self.body)


class ScriptedHttp:
    """A server that answers with `answer(request)`: (status, body, *headers), or None to drop the connection.

    A body that is not bytes is sent as JSON.
    """

    def __init__(self):
        self.requests = []
        self.answer = lambda _request: (200, {})
        self.url = None

    def paths(self, method):
        return [request.path.partition("?")[0] for request in self.requests if request.method == method]


@contextlib.contextmanager
def scripted_http():
    script = ScriptedHttp()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            request = Request(self.command, self.path, body, self.headers)
            script.requests.append(request)
            answer = script.answer(request)
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
    found = [problem for one in script.requests for problem in request_problems(one.method, one.path, one.body)]
    assert not found, f"Google's API would reject or ignore: {found}"
