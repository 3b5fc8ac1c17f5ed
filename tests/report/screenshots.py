"""Take the screenshots in docs/images from the example calls: `python tests/report/screenshots.py`."""

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "functions"), str(ROOT / "tests/support")]

from chromium import CHROMIUM_ARGS, CHROMIUM_PATH  # noqa: E402
from microphone import microphone_options, write_microphone_audio  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402
from realtime_server import run_server  # noqa: E402
from report_site import build_site, page_url  # noqa: E402
from typer.testing import CliRunner  # noqa: E402

from callmood.cli.app import app  # noqa: E402
from callmood.warehouse.duckdb import DuckDBWarehouse  # noqa: E402

IMAGES = ROOT / "docs/images"


def take_call_page():
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        store = Path(folder) / "calls.duckdb"
        CliRunner().invoke(app, ["analyze", str(ROOT / "tests/examples"), "--store", str(store)])
        [call] = DuckDBWarehouse(store).query("SELECT recording_id, peak_start_s FROM calls WHERE call_id = '1001'")
        site = build_site(Path(folder), DuckDBWarehouse(store))
        browser = playwright.chromium.launch(executable_path=CHROMIUM_PATH, args=CHROMIUM_ARGS)
        page = browser.new_page(viewport={"width": 1200, "height": 930}, device_scale_factor=1.5)
        page.goto(page_url(site, "call.html", f"call={call['recording_id']}&t={call['peak_start_s']}"))
        page.wait_for_selector("#quarters svg")
        page.wait_for_function("document.querySelector('audio').readyState > 0")
        page.screenshot(path=IMAGES / "call.png")
        browser.close()


def take_realtime_page():
    """Stream the customer of an example call, and take the screenshot after 47 s, in the middle of a sentence."""
    with tempfile.TemporaryDirectory() as folder, run_server() as server, sync_playwright() as playwright:
        microphone = Path(folder) / "customer.wav"
        write_microphone_audio(microphone, 0, 60)
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM_PATH, args=[*CHROMIUM_ARGS, *microphone_options(microphone)]
        )
        page = browser.new_page(viewport={"width": 1200, "height": 930}, device_scale_factor=1.5)
        page.goto(server.url)
        page.click("text=Start the microphone")
        page.wait_for_selector("#clock:has-text('0:47')", timeout=90_000)
        page.screenshot(path=IMAGES / "realtime.png")
        browser.close()


if __name__ == "__main__":
    take_call_page()
    take_realtime_page()
