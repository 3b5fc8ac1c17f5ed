"""How soon a live call's updates come: `./run bench realtime`.

Calls at once in real time, in frames of 20 ms; the server has one core, the callers have the others. The delay of an
update is the time from when the last frame of a second of sound was sent to when the update for that second arrived.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "functions"), str(ROOT / "tests/support")]

import numpy as np  # noqa: E402
import soundfile  # noqa: E402
from live_server import running  # noqa: E402
from websockets.asyncio.client import connect  # noqa: E402

FRAME_S = 0.02
SIZE = 160  # bytes of a frame: 8 kHz mu-law


def speech(seconds: float) -> bytes:
    """The customers' channels of the example calls, one after the other: mu-law at 8 kHz."""
    calls = sorted((ROOT / "tests/examples").glob("*.wav"))
    sound = np.concatenate([soundfile.read(call, always_2d=True)[0][:, -1] for call in calls])
    file = io.BytesIO()
    soundfile.write(file, np.resize(sound, int(seconds * 8000)), 8000, format="RAW", subtype="ULAW")
    return file.getvalue()


async def call(url: str, sound: bytes, begin_s: float) -> list[float]:
    """Make one call; the delay of each update, in seconds."""
    await asyncio.sleep(begin_s)
    sent: list[float] = []
    delays = []
    async with connect(url) as socket:
        await socket.send('{"type": "start", "encoding": "mulaw", "sample_rate": 8000}')
        await socket.recv()

        async def send() -> None:
            start = time.perf_counter()
            for at in range(0, len(sound), SIZE):
                await asyncio.sleep(
                    start + at / 8000 + FRAME_S - time.perf_counter()
                )  # a frame is there when it is over
                await socket.send(sound[at : at + SIZE])
                sent.append(time.perf_counter())
            await socket.send('{"type": "end"}')

        sending = asyncio.create_task(send())
        async for message in socket:
            told = json.loads(message)
            if told["type"] == "update":
                delays.append(time.perf_counter() - sent[round(int(told["heard_s"]) / FRAME_S) - 1])
        await sending
    return delays


async def calls(url: str, count: int, seconds: float) -> list[float]:
    """Make calls at once, each with other speech and begun at another moment."""
    sound = speech(seconds * count)
    parts = [sound[i * len(sound) // count :][: int(seconds * 8000)] for i in range(count)]
    # Begun within one second by steps that share no rhythm with it.
    found = await asyncio.gather(*(call(url, part, i * 0.237 % 1) for i, part in enumerate(parts)))
    return [delay for one in found for delay in one]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=4, help="calls at once (default 4)")
    parser.add_argument("--seconds", type=float, default=60, help="length of each (default 60)")
    arguments = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[:1])  # what is started now keeps to it
    with running(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MAX_STREAMS=str(arguments.calls)) as server:
        os.sched_setaffinity(0, cores[1:] or cores)
        asyncio.run(calls(server.socket_url, arguments.calls, 5))  # the first call finds nothing in memory
        before = server.cpu_s()
        delays = np.array(asyncio.run(calls(server.socket_url, arguments.calls, arguments.seconds))) * 1000
        busy = (server.cpu_s() - before) / arguments.seconds
    expected = arguments.calls * int(arguments.seconds - 1)  # the last second is told of by the result
    print(f"{arguments.calls} calls at once for {arguments.seconds:g} s, the server on one core")
    print(f"updates: {len(delays)} of {expected}; the core was busy {100 * busy:.0f} % of the time")
    p50, p95, p99 = np.percentile(delays, [50, 95, 99])
    print(f"delay in ms: p50 {p50:.0f}, p95 {p95:.0f}, p99 {p99:.0f}, most {delays.max():.0f}")


if __name__ == "__main__":
    main()
