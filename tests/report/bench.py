"""Measure the report of a year of calls: `python tests/report/bench.py 120000`."""

import resource
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "functions"), str(ROOT / "tests/support")]

import duckdb  # noqa: E402
from report_site import build_site  # noqa: E402
from synthetic_store import create_store  # noqa: E402


def main(calls):
    with tempfile.TemporaryDirectory() as folder:
        store = create_store(Path(folder) / "calls.duckdb", calls=calls, days=365, agents=60)
        with duckdb.connect(str(store.path)) as connection:  # real ids are hashes, which do not compress
            for table in ("recordings", "segments"):
                connection.execute(f"UPDATE {table} SET recording_id = md5(recording_id)")
        wall, cpu = time.monotonic(), time.process_time()
        data = build_site(Path(folder), store) / "data"
        wall, cpu = time.monotonic() - wall, time.process_time() - cpu
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        index = sum(path.stat().st_size for path in data.glob("calls-*.js")) / 1e6
        details = [path.stat().st_size / 1e3 for path in data.glob("details-*.js")]
        print(f"built in {wall:.0f} s ({cpu:.0f} s of CPU time), peak memory {memory:.1f} GB")
        print(f"list of calls {index:.2f} MB; {len(details)} files of details, the largest {max(details):.0f} kB")


if __name__ == "__main__":
    main(int(sys.argv[1]))
