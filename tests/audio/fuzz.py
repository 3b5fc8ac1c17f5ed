"""Damage recordings of every format, and check verdict, memory, and processor time: `./run fuzz`.

At random: a failure prints the smallest recording that shows it, as the arguments of `damaged_recordings.check`.
With `--coverage-guided`, Atheris keeps the recordings that reach new branches of `callmood.audio` and damages them
further: a failure prints a traceback, and the file of the recording.
"""

import argparse
import importlib
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "support"), str(Path(__file__).parents[2] / "functions")]

MAX_BYTES = 200_000


def fuzz_at_random(examples: int) -> None:
    """Check so many recordings with random damage."""
    from damaged_recordings import RECORDINGS, check
    from hypothesis import HealthCheck, given, settings

    codes: dict[str, int] = {}

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(RECORDINGS)
    def fuzz(recording) -> None:
        code = check(*recording).code or "decoded"
        codes[code] = codes.get(code, 0) + 1

    started = time.monotonic()
    fuzz()
    seconds = time.monotonic() - started
    print(f"{sum(codes.values()):,} recordings in {seconds:.0f} s, each with one verdict within the limits")
    for code, count in sorted(codes.items(), key=lambda item: -item[1]):
        print(f"{count:8,}  {code}")


def fuzz_by_coverage(seconds: int) -> None:
    """Check recordings for so long. The first byte of an input selects the suffix and the format of raw audio."""
    import atheris

    with atheris.instrument_imports(include=["callmood.audio"]):
        damaged = importlib.import_module("damaged_recordings")
    options = [(suffix, raw_audio) for suffix in damaged.SUFFIXES for raw_audio in damaged.RAW_FORMATS]

    def check_input(data: bytes) -> None:
        if data:
            damaged.check_data(data[1:], *options[data[0] % len(options)])

    corpus = Path(tempfile.mkdtemp(prefix="callmood-fuzz-"))
    for number, seed in enumerate(damaged.SEEDS.values()):
        (corpus / str(number)).write_bytes(bytes(1) + seed[:MAX_BYTES])
    limits = [f"-max_total_time={seconds}", f"-max_len={MAX_BYTES}", "-timeout=120", "-rss_limit_mb=2048"]
    print(f"Recordings that reach new branches, and the one that fails, are files in {corpus}.", flush=True)
    atheris.Setup([sys.argv[0], *limits, f"-artifact_prefix={corpus}/", str(corpus)], check_input)
    atheris.Fuzz()  # ends the process


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--examples", type=int, default=20_000, help="number of recordings (default 20000)")
parser.add_argument("--coverage-guided", action="store_true", help="search for new branches with Atheris")
parser.add_argument("--seconds", type=int, default=600, help="duration with --coverage-guided (default 600)")
arguments = parser.parse_args()
if arguments.coverage_guided:
    fuzz_by_coverage(arguments.seconds)
else:
    fuzz_at_random(arguments.examples)
