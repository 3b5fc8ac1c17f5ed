"""Measure the report of a year of calls: `python tests/report/bench.py 120000`."""

import resource
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from zoneinfo import ZoneInfo

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "functions"), str(ROOT / "tests/support")]

import duckdb  # noqa: E402
from chromium import CHROMIUM_ARGS, CHROMIUM_PATH  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402
from report_server import serve  # noqa: E402
from report_site import build_site  # noqa: E402
from starlette.testclient import TestClient  # noqa: E402
from synthetic_store import create_store  # noqa: E402

from callmood.report.serve import StoreReport, make_app  # noqa: E402


def measure_serve(store, folder):
    """Print the processor time of the first view and of a call page, with a new server."""
    report = StoreReport(store, store="calls", zone=ZoneInfo("UTC"), min_calls_per_group=5, audio_cache=folder)
    client = TestClient(make_app(report), base_url="http://localhost")

    def get(*paths):
        cpu = time.process_time()
        [*_, last] = [client.get(path) for path in paths]
        return last.raise_for_status().json(), time.process_time() - cpu

    manifest, index_s = get("/", "/data/manifest")
    calls, list_s = get(f"/data/calls-{manifest['batches'][-1]['name']}")
    _, call_s = get("/call.html", f"/data/call-{calls['columns']['id'][0]}")
    print(f"served: first view {index_s + list_s:.2f} s of CPU time, call page {call_s:.2f} s")


def measure_build(store, folder):
    """Print the time, memory, and size of a report."""
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak memory of earlier steps
    wall, cpu = time.monotonic(), time.process_time()
    data = build_site(folder, store) / "data"
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    index = sum(path.stat().st_size for path in data.glob("calls-*.js")) / 1e6
    details = [path.stat().st_size / 1e3 for path in data.glob("details-*.js")]
    print(f"built in {wall:.0f} s ({cpu:.0f} s of CPU time), peak memory {memory:.1f} GB")
    print(f"list of calls {index:.2f} MB; {len(details)} files of details, the largest {max(details):.0f} kB")


# The time from the start of the navigation until the element is drawn.
DRAWN = """selector => {
  const observer = new MutationObserver(() => {
    if (!document.querySelector(selector)) return;
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => (window.drawnMs = performance.now())));
  });
  observer.observe(document, { childList: true, subtree: true });
}"""


def measure_page(browser, url, selector):
    """Return the seconds until a new browser has drawn an element of a page, and the CPU seconds of the page."""
    context = browser.new_context()
    page = context.new_page()
    page.add_init_script(f"({DRAWN})({selector!r})")
    session = context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(url)
    page.wait_for_function("window.drawnMs")
    metrics = {metric["name"]: metric["value"] for metric in session.send("Performance.getMetrics")["metrics"]}
    drawn_s = page.evaluate("window.drawnMs") / 1000
    context.close()
    return drawn_s, metrics["TaskDuration"]


def measure_pages(store, folder):
    """Print when a new browser has drawn the first view and the page of a call: from the disk, and from the server."""
    [call] = store.query("SELECT recording_id FROM recordings ORDER BY call_date DESC, recording_id LIMIT 1")
    site = (folder / "report").as_uri()
    with sync_playwright() as playwright, serve(store.path) as server:
        browser = playwright.chromium.launch(executable_path=CHROMIUM_PATH, args=CHROMIUM_ARGS)
        for name, index, folder_url in (("server", f"{server}/", server), ("disk", f"{site}/index.html", site)):
            pages = {
                "first view": (index, "#weekday-hour svg"),
                "first view again": (index, "#weekday-hour svg"),
                "call page": (f"{folder_url}/call.html#call={call['recording_id']}", "#quarters svg"),
            }
            for page, (url, selector) in pages.items():
                drawn_s, cpu_s = measure_page(browser, url, selector)
                print(f"{name}: {page} drawn after {drawn_s:.2f} s, {cpu_s:.2f} s of CPU time of the page")
        ids = [row["recording_id"] for row in store.query("SELECT recording_id FROM recordings ORDER BY 1 LIMIT 16")]
        drawn = [measure_page(browser, f"{server}/call.html#call={key}", "#quarters svg")[0] for key in ids]  # any days
        taken = f"{min(drawn):.2f} to {max(drawn):.2f} s, in the median {median(drawn):.2f} s"
        print(f"server: pages of {len(ids)} calls drawn after {taken}")
        browser.close()


def main(calls):
    with tempfile.TemporaryDirectory() as folder:
        store = create_store(Path(folder) / "calls.duckdb", calls=calls, days=365, agents=60)
        with duckdb.connect(str(store.path)) as connection:  # real ids are hashes, which do not compress
            for table in ("recordings", "segments"):
                connection.execute(f"UPDATE {table} SET recording_id = md5(recording_id)")
        measure_serve(store, Path(folder))
        measure_build(store, Path(folder))
        measure_pages(store, Path(folder))


if __name__ == "__main__":
    main(int(sys.argv[1]))
