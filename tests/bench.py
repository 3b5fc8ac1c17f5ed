"""Measure speed and memory of the analysis on this machine: `./run bench`.

Everything runs on one core unless stated otherwise. The long call repeats the examples: two channels, 8 kHz mu-law;
only the customer is classified. The same call as MP3 also measures the decoder process.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import soundfile

EXAMPLES = Path(__file__).parent / "examples"


def one_core() -> None:
    """Keep this process, and every library in it, on one core."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def stereo_hour(path: Path, seconds: float) -> None:
    """Write a call of the given length from the two-channel examples."""
    calls = [file for file in sorted(EXAMPLES.glob("*.wav")) if soundfile.info(file).channels == 2]
    with soundfile.SoundFile(path, "w", 8000, 2, format="WAV", subtype="ULAW") as out:
        while out.frames < seconds * 8000:
            for call in calls:
                out.write(soundfile.read(call, dtype="float32")[0][: int(seconds * 8000) - out.frames])


def as_mp3(path: Path) -> Path:
    """Write a WAV file as MP3."""
    target = path.with_suffix(".mp3")
    with soundfile.SoundFile(path) as wav, soundfile.SoundFile(target, "w", 8000, 2, format="MP3") as out:
        for block in wav.blocks(80_000, dtype="float32"):
            out.write(block)
    return target


def stages(path: Path) -> dict[str, float]:
    """Return the seconds of each stage on one recording."""
    import numpy as np

    from callmood.audio.stream import open_audio
    from callmood.emotion.log_mel import log_mel
    from callmood.emotion.model import load_model
    from callmood.speech.segmenter import Segmenter

    model, stage_seconds = load_model(), {}

    def timed(name: str, work):
        start = time.perf_counter()
        result = work()
        stage_seconds[name] = time.perf_counter() - start
        return result

    def decode():
        with open_audio(path) as stream:
            return list(stream.blocks())

    def segment():
        segmenters = [Segmenter(), Segmenter()]
        found = [[], []]
        for block in blocks:
            for channel in range(2):
                found[channel] += segmenters[channel].process(block[channel])
        return [found[channel] + segmenters[channel].finish() for channel in range(2)]

    blocks = timed("decode and resample", decode)
    _, customer = timed("find speech, both channels", segment)
    timed("log-mel, customer", lambda: [log_mel(s.samples) for s in customer])
    embeddings = timed("log-mel and embed, customer", lambda: np.stack([model.embed(s.samples) for s in customer]))
    durations = np.array([s.end_s - s.start_s for s in customer], np.float32)
    timed("classify, customer", lambda: model.classify(embeddings, model.estimate_baseline(embeddings, durations)))
    return stage_seconds


def measure(measurement: str, path: str) -> None:
    """Run one measurement in this process, on one core, and print it as JSON."""
    one_core()
    if measurement == "stages":
        print(json.dumps(stages(Path(path))))
        return
    if measurement == "function":
        print(json.dumps(function_path(Path(path), 5)))
        return
    from callmood.config import AnalysisConfig
    from callmood.emotion.model import load_model
    from callmood.models.resolver import StaticModelProvider
    from callmood.services.batch import analyze_file

    model = load_model()
    start = time.perf_counter()
    file_result = analyze_file(Path(path), StaticModelProvider(model), AnalysisConfig())
    seconds = time.perf_counter() - start
    assert file_result.status == "analyzed", file_result.row
    print(json.dumps({"seconds": seconds, "rows": len(file_result.segments), "runtime": model.runtime}))


def function_path(path: Path, repeat: int) -> dict[str, float]:
    """Return the processor seconds of the function `analyze` on one call: event, download, analysis, rows, message.

    Cloud Storage and BigQuery are in this process: requests are not sent, but bytes are copied, rows are validated, and
    the message is built by the same view.
    """
    import hashlib
    from datetime import UTC, datetime

    from push_requests import ATTRIBUTES, push

    from callmood.cloud_functions.pubsub import parse_push, read_json
    from callmood.config import AnalysisConfig
    from callmood.emotion.model import load_model
    from callmood.services.process import process
    from callmood.services.publish import analysis_message
    from callmood.sources.metadata import call_metadata
    from callmood.types import ObjectRef, Recording
    from callmood.warehouse.schema import check_rows

    content, config, model = path.read_bytes(), AnalysisConfig(), load_model()

    class Memory:
        """Validate rows as the BigQuery warehouse does."""

        def append(self, table: str, rows: list) -> None:
            check_rows(table, rows)
            json.dumps(rows)

    def read(ref: ObjectRef) -> Recording:
        audio = bytes(bytearray(content))
        digest = hashlib.sha256(audio).hexdigest()
        return Recording(ref, audio, len(audio), digest, datetime.now(UTC), call_metadata(ref.name, {}, config))

    seconds = []
    for number in range(repeat + 1):
        start = time.process_time()
        event = parse_push(read_json(json.dumps(push(ATTRIBUTES | {"objectGeneration": str(number + 1)})).encode()))
        result = process(event.ref, read, lambda: model, Memory(), config, event.event_id)
        analyzed = time.process_time()
        json.dumps(analysis_message(result.segments, result.row, config.time_zone))
        seconds.append((time.process_time() - start, time.process_time() - analyzed))
    whole, message = sorted(seconds[1:])[repeat // 2]  # the first call starts the instance
    return {"whole": whole, "message": message, "first": seconds[0][0]}


def child(*args: str) -> tuple[dict[str, float], float, float]:
    """Run a measurement in its own process; return its output, wall seconds, and peak memory in MB."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, __file__, *args], stdout=subprocess.PIPE, env=environment())
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(args)} failed with status {status}")
    scale = 1 if sys.platform == "darwin" else 1024
    return json.loads(output), time.perf_counter() - start, usage.ru_maxrss * scale / 1e6


def environment() -> dict[str, str]:
    """Return an environment with one thread per process and the package on the path."""
    functions, support = str(Path(__file__).parents[1] / "functions"), str(Path(__file__).parent / "support")
    return {
        **os.environ,
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([functions, support]),
    }


def analyze_folder(path: Path, copies: int, workers: int) -> float:
    """Return the wall seconds of `callmood analyze` on a folder of copies."""
    calls = path.parent / "folder"
    calls.mkdir()
    for number in range(copies):
        shutil.copy(path, calls / f"{number}.wav")
    start = time.perf_counter()
    command = [sys.executable, "-m", "callmood", "analyze", str(calls), "--workers", str(workers)]
    store = ["--store", str(path.parent / "bench.duckdb"), "--json"]
    subprocess.run([*command, *store], check=True, stdout=subprocess.DEVNULL, env=environment())
    return time.perf_counter() - start


def main() -> None:
    """Run all measurements, and print the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, help="length of the long call (default 60)")
    parser.add_argument(
        "--repeat", type=int, default=3, help="runs of each measurement, of which the median is printed (default 3)"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        long, short = Path(temporary) / "long.wav", Path(temporary) / "short.wav"
        length = arguments.minutes * 60
        stereo_hour(long, length)
        stereo_hour(short, 1)
        print(f"{arguments.minutes:g} minutes, two channels, 8 kHz mu-law; medians of {arguments.repeat}; one core\n")

        runs = [child("stages", str(long))[0] for _ in range(arguments.repeat)]
        print(f"{'stage':32}{'seconds':>10}{'x real time':>14}")
        for name in runs[0]:
            seconds = sorted(run[name] for run in runs)[len(runs) // 2]
            print(f"{name:32}{seconds:10.2f}{length / seconds:14.0f}")

        whole = sorted((child("whole", str(long)) for _ in range(arguments.repeat)), key=lambda run: run[0]["seconds"])
        result, _, megabytes = whole[len(whole) // 2]
        print(f"{'all: bytes to rows':32}{result['seconds']:10.2f}{length / result['seconds']:14.0f}")
        mp3 = as_mp3(long)
        seconds = sorted(child("whole", str(mp3))[0]["seconds"] for _ in range(arguments.repeat))[arguments.repeat // 2]
        print(f"{'all, from MP3':32}{seconds:10.2f}{length / seconds:14.0f}")
        print(f"\npeak memory for it: {megabytes:.0f} MB; {result['rows']} segments; runtime {result['runtime']}")

        cold = sorted(child("whole", str(short))[1] for _ in range(arguments.repeat))[arguments.repeat // 2]
        print(f"process start to the first analyzed second: {cold:.2f} s")

        call_s = 360.0
        six_minutes = Path(temporary) / "six.wav"
        stereo_hour(six_minutes, call_s)
        path = child("function", str(six_minutes))[0]
        print(
            f"function, six-minute call: {path['whole']:.2f} s of processor time "
            f"({call_s / path['whole']:.0f} x real time), "
            f"of which the message {path['message']:.2f} s; the first call of an instance: {path['first']:.2f} s"
        )

        workers, copies = os.cpu_count() or 1, 2 * (os.cpu_count() or 1)
        seconds = analyze_folder(long, copies, workers)
        speed = copies * length / seconds
        print(f"folder of {copies} copies, {workers} workers: {seconds:.1f} s, {speed:.0f} x real time")


if __name__ == "__main__":
    if len(sys.argv) > 2 and sys.argv[1] in ("stages", "whole", "function"):
        measure(sys.argv[1], sys.argv[2])
    else:
        main()
