"""Stop a command on Ctrl-C or a signal: keep the results, and print how to continue."""

from __future__ import annotations

import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import typer
from rich.markup import escape

from callmood.cli.output import err


@contextmanager
def interruptible(state: Callable[[], str]) -> Iterator[None]:
    """Run a block that Ctrl-C, SIGTERM, and SIGHUP stop cleanly.

    Parameters
    ----------
    state : callable
        Returns a sentence about the results so far.

    Raises
    ------
    typer.Exit
        The block was stopped; the code is 128 plus the number of the signal, as in shells.
    """
    received: list[int] = [signal.SIGINT]

    def interrupt(number: int, _: FrameType | None) -> None:
        received.append(number)  # the watcher replaces the exception by a KeyboardInterrupt of its own
        raise KeyboardInterrupt

    previous = {}
    if threading.current_thread() is threading.main_thread():  # only the main thread can receive signals
        signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        previous = {number: signal.signal(number, interrupt) for number in signals}
    try:
        yield
    except KeyboardInterrupt:
        command = shlex.join(["callmood", *sys.argv[1:]])
        err.print(f"Stopped. {state()} To continue, run the same command: {escape(command)}", highlight=False)
        raise typer.Exit(128 + received[-1]) from None
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
