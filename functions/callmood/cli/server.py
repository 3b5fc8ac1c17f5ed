"""Run a web application on this machine until Ctrl-C."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from callmood.cli.output import err
from callmood.errors import CallmoodError

if TYPE_CHECKING:
    from types import FrameType

    from starlette.applications import Starlette


def bind_port(port: int) -> socket.socket:
    """Bind a port of 127.0.0.1, so that its address is valid before it is printed.

    Parameters
    ----------
    port : int
        From 1 to 65535.

    Raises
    ------
    CallmoodError
        Another program uses the port, or the system denies it.
    """
    # asyncio sends small parts of responses at once only on sockets with this protocol: otherwise 40 ms later.
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen()
    except OSError as error:
        listener.close()
        other = port + 1 if port < 65535 else port - 1
        reason = (error.strerror or str(error)).lower()
        raise CallmoodError(f"cannot use port {port}: {reason}; choose another port, such as --port {other}") from None
    return listener


def run_server(app: Starlette, listener: socket.socket, on_stop: Callable[[], None] = lambda: None) -> None:
    """Print the address and serve the application. Return after Ctrl-C, when all requests are answered.

    Parameters
    ----------
    app : Starlette
        The application.
    listener : socket
        Result of `bind_port`.
    on_stop : callable
        Called at Ctrl-C, to end requests that take long.
    """
    import uvicorn

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            super().handle_exit(sig, frame)
            on_stop()

    port = listener.getsockname()[1]
    err.print(f"Open http://127.0.0.1:{port} in a browser. Stop with Ctrl-C.", highlight=False)
    Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])
