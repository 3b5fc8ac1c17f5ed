"""The socket of local web servers."""

import asyncio
import signal
import socket
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from callmood.cli.server import bind_port


def test_end_of_a_response_is_sent_at_once():
    """Nagle's algorithm would send it when the client has acknowledged the start: after 40 ms."""
    is_sent_at_once = []

    async def answer(_, writer):
        connection = writer.get_extra_info("socket")
        is_sent_at_once.append(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1)
        writer.close()

    async def serve_one(listener):
        async with await asyncio.start_server(answer, sock=listener):
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            await reader.read()
            writer.close()

    with ThreadPoolExecutor(1) as other_thread:  # in this one, the browser of other tests can have an event loop
        other_thread.submit(asyncio.run, serve_one(bind_port(0))).result()
    assert is_sent_at_once == [True]


WAITING = """
from threading import Event
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from callmood.cli.server import bind_port, run_server
stopped = Event()

def wait(request):
    print("waiting", flush=True)
    return PlainTextResponse(str(stopped.wait()))

app = Starlette(routes=[Route("/", wait)])
run_server(app, bind_port(int(__import__("sys").argv[1])), stopped.set)
"""


def test_ctrl_c_ends_requests_that_take_long():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", WAITING, str(port)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server,
        ThreadPoolExecutor(1) as browser,
    ):
        assert "Ctrl-C" in server.stderr.readline()
        response = browser.submit(urllib.request.urlopen, f"http://127.0.0.1:{port}/")
        assert server.stdout.readline() == "waiting\n"
        server.send_signal(signal.SIGINT)
        try:
            assert response.result(20).read() == b"True"
            server.wait(20)
        finally:
            server.kill()
