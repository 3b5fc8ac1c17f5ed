"""Write the report as a static site that opens from the disk without a network."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from shlex import quote
from typing import Any
from zoneinfo import ZoneInfo

from callmood.errors import CallmoodError
from callmood.report.audio import AudioSource, provide_audio, write_clips
from callmood.report.batches import DAYS, Batch, query_batches
from callmood.report.data_files import KEY_DIGITS, DetailFiles, write_data
from callmood.report.details import CallDetail, call_payload, query_details
from callmood.report.insights import insights_payload
from callmood.report.model_quality import query_model_quality
from callmood.report.payload import calls_payload
from callmood.report.queries import count_failures, query_calls
from callmood.report.reviews import reviews_payload
from callmood.report.templates import load_assets, render_page
from callmood.warehouse.base import Warehouse

_SITE_FILES = ("index.html", "call.html", "assets", "data", "audio", "clips")
_MAX_CLIPS = 3
_FORMER_SITE_FILES = ("calls.js", "calls")
_NEW = ".new"  # folder of the report until it is complete

_UNIQUE_IDS = """
SELECT COUNT(DISTINCT SUBSTR(recording_id, 1, @digits)) = COUNT(DISTINCT recording_id) AS is_unique
FROM recordings_current
WHERE call_date BETWEEN @first AND @last
"""


@dataclass(frozen=True)
class Period:
    """Days of a report.

    Parameters
    ----------
    first, last : date
        First and last day; default: all days.
    """

    first: date = date.min
    last: date = date.max

    def __str__(self) -> str:
        """Describe the days, such as ``since 2026-11-02``; empty for all days."""
        if self.first > date.min and self.last < date.max:
            return f"from {self.first} to {self.last}"
        return f"since {self.first}" if self.first > date.min else f"until {self.last}" if self.last < date.max else ""


@dataclass(frozen=True)
class AudioOptions:
    """How a report provides audio.

    Parameters
    ----------
    sign_url : callable, optional
        Maps bucket and object to a temporary address. None: recordings in buckets are not playable.
    with_clips : bool
        Also write clips of the worst moments of recordings on this machine.
    """

    sign_url: Callable[[str, str], str] | None = None
    with_clips: bool = False


def build_report(
    warehouse: Warehouse,
    folder: Path,
    *,
    store: str,
    zone: ZoneInfo,
    min_calls_per_group: int,
    period: Period = Period(),
    audio: AudioOptions = AudioOptions(),
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> int:
    """Write the site.

    Parameters
    ----------
    warehouse : Warehouse
        Source of the rows.
    folder : Path
        A new folder, an empty folder, or an earlier report, which is replaced.
    store : str
        Name of the warehouse in the commands that the page of an empty store shows.
    zone : ZoneInfo
        Zone of days and hours, as in the views.
    min_calls_per_group : int
        Minimum number of calls for which metrics of one agent are shown.
    period : Period
        Days of the report.
    audio : AudioOptions
        How to provide audio.
    progress : callable
        Receives the number of calls that are written, and the number of all calls.

    Returns
    -------
    int
        Number of calls in the report.

    Raises
    ------
    CallmoodError
        If the folder contains files that do not belong to a report.
    """
    folder = folder.absolute()
    with replaced_report(folder) as new:
        now = datetime.now(zone)
        batches = query_batches(warehouse, period.first, period.last)
        write_assets(new / "assets")
        if not batches:
            html = render_empty_page(warehouse, now, store=store, folder=str(folder), days=str(period))
            (new / "index.html").write_text(html, encoding="utf-8")
            return 0
        total = sum(batch.calls for batch in batches)
        id_digits = _id_digits(warehouse, period)
        agent_emotion = False
        done = 0
        progress(0, total)
        data = new / "data"
        data.mkdir()
        with DetailFiles(data, sum(batch.segments for batch in batches)) as details:
            for batch in batches:
                with warehouse.snapshot(DAYS, batch.days) as snapshot:
                    calls = query_calls(snapshot, batch.first, batch.last)
                    batch_details = query_details(snapshot, calls, batch.days)
                agent_emotion = agent_emotion or any(call["agent_emotion_s"] > 0 for call in calls)
                write_data(data, f"calls-{batch.name}", calls_payload(calls, zone, id_digits))
                sparklines = []
                for detail in batch_details:
                    sparklines.append(detail.sparkline)
                    source = _provide_audio(detail, folder, new, audio)
                    details.add(detail.recording_id, call_payload(detail, zone, source))
                    done += 1
                    progress(done, total)
                write_data(data, f"sparklines-{batch.name}", sparklines)
        write_data(data, "reviews", reviews_payload(warehouse, period.first, period.last))
        insights = insights_payload(warehouse, batches, min_calls_per_group, period.first, period.last)
        write_data(data, "insights", insights)
        write_data(data, "manifest", manifest(batches, min_calls_per_group, detail_files=details.count))
        values = {
            "agent_emotion": agent_emotion,
            "failures": count_failures(warehouse),
            "without_population": sum(batch.without_population for batch in batches),
            "model_quality": query_model_quality(warehouse, period.first),
        }
        for name in ("index.html", "call.html"):
            page = render_page(name, now, detail_files=details.count, **values)
            (new / name).write_text(page, encoding="utf-8")
        return done


def _provide_audio(detail: CallDetail, folder: Path, new: Path, options: AudioOptions) -> AudioSource:
    source = provide_audio(detail.call, folder, new, options.sign_url)
    if not options.with_clips:
        return source
    # A call that needs no review has one moment, which the list of calls plays.
    count = _MAX_CLIPS if detail.call["needs_attention"] else 1
    moments = [(start / 1000, end / 1000) for start, end, *_ in detail.worst_moments[:count]]
    return replace(source, clips=write_clips(detail.call, moments, new))


def _id_digits(warehouse: Warehouse, period: Period) -> int | None:
    """Return the number of digits with which the list identifies calls. None: all digits."""
    days = {"first": period.first, "last": period.last}
    for digits in (KEY_DIGITS, KEY_DIGITS + 4):
        if warehouse.query(_UNIQUE_IDS, {"digits": digits, **days})[0]["is_unique"]:
            return digits
    return None


def manifest(batches: Sequence[Batch], min_calls_per_group: int, **values: Any) -> dict[str, Any]:
    """List the batches of calls for the page.

    Parameters
    ----------
    batches : sequence of Batch
        Oldest first.
    min_calls_per_group : int
        Minimum number of calls for which metrics of one agent are shown.
    **values
        Other values of the manifest.

    Returns
    -------
    dict
        JSON-serializable.
    """
    entries = [
        {"name": batch.name, "last": batch.last.isoformat(), "version": batch.version, "calls": batch.calls}
        for batch in batches
    ]
    return {"minCallsPerGroup": min_calls_per_group, "batches": entries, **values}


@contextmanager
def replaced_report(folder: Path) -> Iterator[Path]:
    """Write a report beside an earlier one, and replace that one completely, so that no erased call remains.

    Parameters
    ----------
    folder : Path
        Absolute path. Created if missing.

    Yields
    ------
    Path
        An empty folder for the new report. If the block fails, the earlier report stays.

    Raises
    ------
    CallmoodError
        If the folder contains files that do not belong to a report.
    """
    folder.mkdir(parents=True, exist_ok=True)
    index = folder / "index.html"
    others = {path.name for path in folder.iterdir()} - {_NEW}  # an interrupted process leaves it
    if others and not (index.is_file() and 'name="generator" content="callmood' in index.read_text("utf-8")):
        raise CallmoodError(f"{folder} is not empty and contains no report. Specify a new folder.")
    new = folder / _NEW
    _delete(new)
    new.mkdir()
    try:
        yield new
        for name in (*_SITE_FILES, *_FORMER_SITE_FILES):
            _delete(folder / name)
        for path in sorted(new.iterdir(), key=lambda path: path != new / "index.html"):  # it marks a report
            path.rename(folder / path.name)
    finally:
        _delete(new)


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_assets(folder: Path) -> None:
    """Write the style sheet, the scripts, and the chart library.

    Parameters
    ----------
    folder : Path
        Created if missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in load_assets().items():
        (folder / name).write_bytes(content)


def render_empty_page(
    warehouse: Warehouse, now: datetime, *, store: str, folder: str = "", days: str = "", is_served: bool = False
) -> str:
    """Render the page of a store without calls on the days of the report, which shows the next command."""
    values = {"store": quote(store), "folder": quote(folder), "days": days, "is_served": is_served}
    return render_page("empty.html", now, failures=count_failures(warehouse), **values)
