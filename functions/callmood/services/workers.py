"""Processes that analyze recordings next to each other."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import wait
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class WorkerPool(ProcessPoolExecutor):
    """Processes that leave Ctrl-C to the main process, and end with it.

    As a context manager, the pool ends its jobs in progress: waiting for them would delay the end of an interrupted
    run by minutes.

    Parameters
    ----------
    workers : int
        Number of processes.
    """

    def __init__(self, workers: int) -> None:
        # Numpy's own threads would only take cores from the other workers.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        super().__init__(workers, mp_context=multiprocessing.get_context("spawn"), initializer=_start)

    def submit(self, function: Callable[P, T], /, *arguments: P.args, **keywords: P.kwargs) -> Future[T]:
        """Start a job as soon as a process is free; parameters and errors as of `Executor.submit`."""
        with _interrupts_wait():  # this call starts the processes
            return super().submit(function, *arguments, **keywords)

    def stop(self) -> None:
        """End all processes, with their jobs."""
        for process in (getattr(self, "_processes", None) or {}).values():
            process.terminate()
        self.shutdown(cancel_futures=True)

    def __exit__(self, *_: object) -> None:
        self.stop()


@contextmanager
def _interrupts_wait() -> Iterator[None]:
    """Delay Ctrl-C in this thread, and in processes that the block starts until `_start` ignores it there."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)


def _start() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    main = multiprocessing.parent_process()
    if main is not None:
        threading.Thread(target=_end_with, args=(main.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
