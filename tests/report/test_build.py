"""The report as files: complete, small, fast to build, and without erased calls."""

import gzip
import json
import time
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from report_site import build_site, page_url
from synthetic_store import create_store
from table_rows import commit_row, segment_row
from typer.testing import CliRunner

from callmood.analysis.rows import erasure_row
from callmood.cli.app import app
from callmood.errors import CallmoodError
from callmood.report import templates
from callmood.report.build import build_report
from callmood.warehouse.duckdb import DuckDBWarehouse


def file_names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def read_value(path):
    """Return the decompressed value of a data file."""
    text = path.read_text(encoding="utf-8")
    [_, value] = json.loads(f"[{text[text.index('(') + 1 : text.rindex(')')]}]")
    return json.loads(gzip.decompress(b64decode(value)))


def read_columns(site):
    batches = [read_value(path)["columns"] for path in sorted(site.glob("data/calls-*.js"))]
    return {name: [value for batch in batches for value in batch[name]] for name in batches[0]}


def all_text(site):
    return "".join((site / name).read_text(encoding="utf-8") for name in file_names(site))


def test_rebuilt_report_contains_no_erased_call(tmp_path):
    store = create_store(tmp_path / "calls.duckdb", calls=5, days=2)
    site = build_site(tmp_path, store)
    erased = f"{3:032x}"
    assert erased in read_columns(site)["id"]
    assert f"call-{erased}" in all_text(site)
    store.append("erasures", [erasure_row(erased, "request", datetime.now(UTC))])
    build_site(tmp_path, store)
    assert erased not in read_columns(site)["id"]
    assert erased not in all_text(site)
    for recording in range(5):
        store.append("erasures", [erasure_row(f"{recording:032x}", "request", datetime.now(UTC))])
    build_site(tmp_path, store)
    assert [name for name in file_names(site) if not name.startswith("assets/")] == ["index.html"]


@pytest.mark.parametrize("existing", ["index.html", "letters/love.txt"])
def test_folder_with_other_files_is_rejected_and_unchanged(tmp_path, existing):
    file = tmp_path / "out" / existing
    file.parent.mkdir(parents=True)
    file.write_text("mine", encoding="utf-8")
    store = DuckDBWarehouse(tmp_path / "s.duckdb")
    with pytest.raises(CallmoodError, match="not empty"):
        build_report(store, tmp_path / "out", store="s", zone=ZoneInfo("UTC"), min_calls_per_group=5)
    assert file_names(tmp_path / "out") == [existing]


def test_failed_or_killed_build_keeps_the_earlier_report(tmp_path):
    store = create_store(tmp_path / "calls.duckdb", calls=3, days=1)
    site = build_site(tmp_path, store)
    before = all_text(site)

    def stop(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_report(store, site, store="s", zone=ZoneInfo("UTC"), min_calls_per_group=5, progress=stop)
    assert all_text(site) == before
    (site / ".new/data").mkdir(parents=True)  # of a killed process
    build_site(tmp_path, store)
    assert not (site / ".new").exists()


def test_report_command_prints_the_path_and_the_number_of_calls(tmp_path):
    create_store(tmp_path / "calls.duckdb", calls=2, days=1)
    done = CliRunner().invoke(app, ["report", str(tmp_path / "out"), "--store", str(tmp_path / "calls.duckdb")])
    assert done.exit_code == 0
    assert done.stdout.strip() == str(tmp_path / "out" / "index.html")
    assert "2 calls" in done.stderr


def test_report_can_be_limited_to_a_period(tmp_path):
    create_store(tmp_path / "calls.duckdb", calls=50, days=20)
    command = ["report", str(tmp_path / "out"), "--store", str(tmp_path / "calls.duckdb"), "--since", "2026-11-13"]
    command += ["--until", "2026-11-18"]
    assert CliRunner().invoke(app, command).exit_code == 0
    days = read_columns(tmp_path / "out")["day"]
    assert (min(days), max(days)) == ("2026-11-13", "2026-11-18")
    for days, text in (
        (["--since", "2027-01-01"], "since 2027-01-01"),
        (["--until", "2020-01-01"], "until 2020-01-01"),
    ):
        assert CliRunner().invoke(app, [*command[:4], *days]).exit_code == 0
        assert f"only calls {text}" in (tmp_path / "out/index.html").read_text()
    command[-1] = "2026-11-10"
    done = CliRunner().invoke(app, command)
    assert (done.exit_code, "--since 2026-11-13 is after --until 2026-11-10" in done.output) == (2, True)


@pytest.mark.parametrize(("source", "count"), [(["--dataset", "acme.callmood"], 1), ([], 2)])
def test_report_of_a_dataset_has_the_calls_of_the_last_31_days(tmp_path, monkeypatch, source, count):
    store = DuckDBWarehouse(tmp_path / "calls.duckdb")
    for name, age in (("old", 40), ("new", 30)):
        day = (datetime.now(UTC) - timedelta(days=age)).date().isoformat()
        shared = {"call_date": day, "recording_id": name, "analysis_id": name}
        store.append("segments", [segment_row(0, **shared, segment_id=name)])
        store.append("recordings", [commit_row(**shared, uri=f"gs://calls/{name}", content_sha256=name)])
    monkeypatch.setattr("callmood.cli.report.open_warehouse", lambda *_: store)
    done = CliRunner().invoke(app, ["report", str(tmp_path / "out"), *source])
    assert done.stderr.startswith(f"{count} call")


def test_times_are_in_the_zone_of_the_store(tmp_path):
    store = DuckDBWarehouse(tmp_path / "calls.duckdb", "Asia/Tokyo")
    store.append("segments", [segment_row(0, call_date="2026-11-03")])
    store.append("recordings", [commit_row(call_date="2026-11-03", started_at="2026-11-02T22:30:00+00:00")])
    build_report(store, tmp_path / "out", store="s", zone=ZoneInfo("Asia/Tokyo"), min_calls_per_group=5)
    columns = read_columns(tmp_path / "out")
    assert [columns[name] for name in ("day", "time")] == [["2026-11-03"], ["07:30"]]


@pytest.mark.parametrize("cache", ["cache", "file"])
def test_chart_library_is_kept_in_the_cache_folder_if_there_is_one(tmp_path, monkeypatch, cache):
    (tmp_path / "file").touch()
    bundles = iter([b"first", b"second"])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / cache))
    monkeypatch.setattr(templates, "_create_bundle", lambda: next(bundles))
    loaded = [templates._load_bundle.__wrapped__() for _ in range(2)]
    assert loaded == ([b"first", b"first"] if cache == "cache" else [b"first", b"second"])


def seconds_to_first_view(page):
    start = time.monotonic()
    page.reload()
    for rendered in ("#list tbody tr", "#trend svg", "#weekday-hour svg"):
        page.wait_for_selector(rendered)
    return time.monotonic() - start


def test_ten_thousand_calls_build_and_load_within_limits(open_page, tmp_path):
    store = create_store(tmp_path / "calls.duckdb", calls=10_000, days=120)
    start = time.monotonic()
    site = build_site(tmp_path, store)
    assert time.monotonic() - start < 60
    assert sum(path.stat().st_size for path in site.glob("data/calls-*.js")) < 500_000
    assert len(file_names(site)) < 150
    with open_page(page_url(site, state="days=91")) as page:  # the first view warms the disk cache
        assert min(seconds_to_first_view(page) for _ in range(3)) < 2
        assert page.text_content("#result-count").startswith("1 to 50 of 7,")
        start = time.monotonic()
        page.fill("#search", "a17")
        page.wait_for_function("!document.querySelector('#result-count').textContent.includes('of 7,')")
        assert time.monotonic() - start < 1
