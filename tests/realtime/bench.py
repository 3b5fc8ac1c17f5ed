"""Latency of real-time updates: `./run bench realtime`.

Several streams run at once in real time, in frames of 20 ms. The server has one core; the clients have the others. The
latency of an update is the time from sending the last frame of a second of audio to receiving the update.
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
from realtime_server import run_server  # noqa: E402
from websockets.asyncio.client import connect  # noqa: E402

FRAME_S = 0.02
FRAME_BYTES = 160  # 8 kHz mu-law


def speech(seconds: float) -> bytes:
    """Return the customers' channels of the example calls, concatenated: mu-law at 8 kHz."""
    calls = sorted((ROOT / "tests/examples").glob("*.wav"))
    samples = np.concatenate([soundfile.read(call, always_2d=True)[0][:, -1] for call in calls])
    file = io.BytesIO()
    soundfile.write(file, np.resize(samples, int(seconds * 8000)), 8000, format="RAW", subtype="ULAW")
    return file.getvalue()


async def stream(url: str, audio: bytes, delay_s: float) -> list[float]:
    """Send one stream after a delay, and return the latency of each update, in seconds."""
    await asyncio.sleep(delay_s)
    sent_at: list[float] = []
    latencies = []
    async with connect(url) as socket:
        await socket.send('{"type": "start", "encoding": "mulaw", "sample_rate": 8000}')
        await socket.recv()

        async def send() -> None:
            started = time.perf_counter()
            for position in range(0, len(audio), FRAME_BYTES):
                # A frame is complete when its last sample is spoken.
                await asyncio.sleep(started + position / 8000 + FRAME_S - time.perf_counter())
                await socket.send(audio[position : position + FRAME_BYTES])
                sent_at.append(time.perf_counter())
            await socket.send('{"type": "end"}')

        sending = asyncio.create_task(send())
        async for message in socket:
            content = json.loads(message)
            if content["type"] == "update":
                latencies.append(time.perf_counter() - sent_at[round(int(content["processed_s"]) / FRAME_S) - 1])
        await sending
    return latencies


async def run_streams(url: str, count: int, seconds: float) -> list[float]:
    """Send streams at once, each with different speech and a different start, and return all latencies."""
    audio = speech(seconds * count)
    parts = [audio[i * len(audio) // count :][: int(seconds * 8000)] for i in range(count)]
    # The starts are spread over one second, so that the streams' updates do not coincide.
    results = await asyncio.gather(*(stream(url, part, i * 0.237 % 1) for i, part in enumerate(parts)))
    return [latency for latencies in results for latency in latencies]


def main() -> None:
    """Measure the latency, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=4, help="number of concurrent streams (default 4)")
    parser.add_argument("--seconds", type=float, default=60, help="duration of each stream (default 60)")
    arguments = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[:1])  # the server process inherits it
    with run_server(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MAX_STREAMS=str(arguments.calls)) as server:
        os.sched_setaffinity(0, cores[1:] or cores)
        asyncio.run(run_streams(server.socket_url, arguments.calls, 5))  # warm up
        cpu_s = server.cpu_s()
        latencies = np.array(asyncio.run(run_streams(server.socket_url, arguments.calls, arguments.seconds))) * 1000
        utilization = (server.cpu_s() - cpu_s) / arguments.seconds
    expected = arguments.calls * int(arguments.seconds - 1)  # the result covers the last second
    print(f"{arguments.calls} concurrent streams of {arguments.seconds:g} s, server on one core")
    print(f"updates: {len(latencies)} of {expected}; CPU utilization {100 * utilization:.0f} %")
    p50, p95, p99 = np.percentile(latencies, [50, 95, 99])
    print(f"latency in ms: p50 {p50:.0f}, p95 {p95:.0f}, p99 {p99:.0f}, max {latencies.max():.0f}")


if __name__ == "__main__":
    main()
