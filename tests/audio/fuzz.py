"""Damage recordings of every format at random, and check verdict, memory, and processor time: `./run fuzz`.

A failure prints the smallest recording that shows it, as the arguments of `damaged_recordings.check`.
"""

import argparse
import sys
import time
from pathlib import Path

from hypothesis import HealthCheck, given, settings

sys.path[:0] = [str(Path(__file__).parents[1] / "support"), str(Path(__file__).parents[2] / "functions")]

from damaged_recordings import RECORDINGS, check  # noqa: E402

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--examples", type=int, default=20_000, help="number of recordings (default 20000)")
arguments = parser.parse_args()
codes: dict[str, int] = {}


@settings(max_examples=arguments.examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(RECORDINGS)
def fuzz(recording) -> None:
    """Check one recording."""
    code = check(*recording).code or "decoded"
    codes[code] = codes.get(code, 0) + 1


started = time.monotonic()
fuzz()
print(
    f"{sum(codes.values()):,} recordings in {time.monotonic() - started:.0f} s, each with one verdict within the limits"
)
for code, count in sorted(codes.items(), key=lambda item: -item[1]):
    print(f"{count:8,}  {code}")
