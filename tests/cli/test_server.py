"""The socket of local web servers."""

import asyncio
import socket
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
