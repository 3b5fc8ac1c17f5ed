"""Write the report as a static site that opens from the disk without a network."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from shlex import quote
from zoneinfo import ZoneInfo

from callmood.errors import CallmoodError
from callmood.report.audio import AudioSource, provide_audio
from callmood.report.model_quality import query_model_quality
from callmood.report.payload import call_payload, calls_payload, sparkline
from callmood.report.queries import CallDetail, count_failures, query_call_details, query_calls
from callmood.report.templates import load_assets, render_page, render_script
from callmood.types import JsonRow
from callmood.warehouse.base import Warehouse

_SITE_FILES = ("index.html", "call.html", "calls.js", "assets", "calls", "audio")


def build_report(
    warehouse: Warehouse,
    folder: Path,
    *,
    store: str,
    zone: ZoneInfo,
    min_calls_per_group: int,
    first: date = date.min,
    sign_url: Callable[[str, str], str] | None = None,
    advance: Callable[[], None] = lambda: None,
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
    first : date
        First day of the report; default: all days.
    sign_url : callable, optional
        Maps bucket and object to a temporary address. None: recordings in buckets are not playable.
    advance : callable, optional
        Called after each call, to report progress.

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
    prepare_folder(folder)
    now = datetime.now(zone)
    calls = query_calls(warehouse, first)
    write_assets(folder / "assets")
    if not calls:
        html = render_empty_page(warehouse, now, store=store, folder=str(folder))
        (folder / "index.html").write_text(html, encoding="utf-8")
        return 0
    (folder / "calls").mkdir()
    sparklines = {}
    agent_emotion = False
    for detail in query_call_details(warehouse, calls):
        sparklines[detail.recording_id] = sparkline(detail.segments, detail.call["duration_s"])
        agent_emotion = agent_emotion or has_agent_emotion(detail)
        script = render_call_script(detail, zone, provide_audio(detail.call, folder, sign_url))
        (folder / "calls" / f"{detail.recording_id}.js").write_text(script, encoding="utf-8")
        advance()
    script = render_calls_script(calls, sparklines, zone, min_calls_per_group)
    (folder / "calls.js").write_text(script, encoding="utf-8")
    values = {
        "agent_emotion": agent_emotion,
        "failures": count_failures(warehouse),
        "model_quality": query_model_quality(warehouse, first),
    }
    for name in ("index.html", "call.html"):
        (folder / name).write_text(render_page(name, now, **values), encoding="utf-8")
    return len(calls)


def prepare_folder(folder: Path) -> None:
    """Create the folder, or delete an earlier report from it, so that no erased call remains.

    Parameters
    ----------
    folder : Path
        Absolute path.

    Raises
    ------
    CallmoodError
        If the folder contains files that do not belong to a report.
    """
    folder.mkdir(parents=True, exist_ok=True)
    index = folder / "index.html"
    if any(folder.iterdir()) and not (
        index.is_file() and 'name="generator" content="callmood' in index.read_text("utf-8")
    ):
        raise CallmoodError(f"{folder} is not empty and contains no report. Specify a new folder.")
    for name in _SITE_FILES:
        path = folder / name
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


def has_agent_emotion(detail: CallDetail) -> bool:
    """Return whether a call has an emotion of an agent."""
    return any(segment["role"] == "agent" and segment["emotion"] is not None for segment in detail.segments)


def render_calls_script(
    calls: list[JsonRow], sparklines: dict[str, str], zone: ZoneInfo, min_calls_per_group: int
) -> str:
    """Render the list of calls as `calls.js`."""
    payload = {"minCallsPerGroup": min_calls_per_group, **calls_payload(calls, sparklines, zone)}
    return render_script("callmood.loadCalls", payload)


def render_call_script(detail: CallDetail, zone: ZoneInfo, audio: AudioSource) -> str:
    """Render one call as `calls/ID.js`."""
    return render_script("callmood.showCall", call_payload(detail, zone, audio))


def render_empty_page(
    warehouse: Warehouse, now: datetime, *, store: str, folder: str = "", is_served: bool = False
) -> str:
    """Render the page of a store without calls, which shows the next command."""
    failures = count_failures(warehouse)
    return render_page(
        "empty.html", now, failures=failures, store=quote(store), folder=quote(folder), is_served=is_served
    )
