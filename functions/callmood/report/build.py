"""`callmood report`: the whole site in a folder, to be opened from a disk with no network."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from shlex import quote
from zoneinfo import ZoneInfo

from callmood.errors import CallmoodError
from callmood.report.audio import sound_for
from callmood.report.model_quality import health_of
from callmood.report.payload import call_page, index_columns, strip
from callmood.report.queries import CallDetail, calls_of, details_of
from callmood.report.templates import assets, page, script
from callmood.types import JsonRow
from callmood.warehouse.base import Warehouse

_FILES = ("index.html", "call.html", "calls.js", "assets", "calls", "audio")


def build_report(
    warehouse: Warehouse,
    out: Path,
    *,
    store: str,
    zone: ZoneInfo,
    min_calls_per_group: int,
    sign: Callable[[str, str], str] | None = None,
    advance: Callable[[], None] = lambda: None,
) -> int:
    """Write the site.

    Parameters
    ----------
    warehouse : Warehouse
        Whose views are shown.
    out : Path
        The folder: new, empty, or an earlier report, which is replaced.
    store : str
        What a person calls the warehouse, for the commands that an empty page names.
    zone : ZoneInfo
        Zone of days and hours, as in the views.
    min_calls_per_group : int
        Figures about one agent are shown from so many calls on.
    sign : callable, optional
        From bucket and object to an address that plays for a while; None: objects in buckets are not played.
    advance : callable, optional
        Called once a call.

    Returns
    -------
    int
        How many calls it shows.

    Raises
    ------
    CallmoodError
        The folder holds something else.
    """
    out = out.absolute()
    make_room(out)
    now = datetime.now(zone)
    calls = calls_of(warehouse)
    write_assets(out / "assets")
    if not calls:
        (out / "index.html").write_text(empty_page(warehouse, now, store=store, out=str(out)), encoding="utf-8")
        return 0
    (out / "calls").mkdir()
    strips = {}
    agent_emotion = False
    for detail in details_of(warehouse, calls):
        strips[detail.id] = strip(detail.segments, detail.row["duration_s"])
        agent_emotion = agent_emotion or infers_agents(detail)
        sound = sound_for(detail.row, out, sign)
        shown = call_script(detail, zone, audio=sound.href, noAudio=sound.note)
        (out / "calls" / f"{detail.id}.js").write_text(shown, encoding="utf-8")
        advance()
    (out / "calls.js").write_text(calls_script(calls, strips, zone, min_calls_per_group), encoding="utf-8")
    known = {
        "agent_emotion": agent_emotion,
        "failures": failure_count(warehouse),
        "health": health_of(warehouse),
    }
    for name in ("index.html", "call.html"):
        (out / name).write_text(page(name, now, **known), encoding="utf-8")
    return len(calls)


def make_room(out: Path) -> None:
    """Make the folder, or take an earlier report out of it: a call that was erased since must not stay.

    Parameters
    ----------
    out : Path
        Absolute.

    Raises
    ------
    CallmoodError
        The folder holds something that no report put there.
    """
    out.mkdir(parents=True, exist_ok=True)
    index = out / "index.html"
    if any(out.iterdir()) and not (
        index.is_file() and 'name="generator" content="callmood' in index.read_text("utf-8")
    ):
        raise CallmoodError(f"{out} is not empty and no earlier report; name a new folder")
    for name in _FILES:
        path = out / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def write_assets(folder: Path) -> None:
    """Write style sheet, scripts and chart library.

    Parameters
    ----------
    folder : Path
        Made if need be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in assets().items():
        (folder / name).write_bytes(content)


def infers_agents(detail: CallDetail) -> bool:
    """Whether emotion of an agent was inferred in a call."""
    return any(segment["role"] == "agent" and segment["emotion"] is not None for segment in detail.segments)


def calls_script(calls: list[JsonRow], strips: dict[str, str], zone: ZoneInfo, min_calls_per_group: int) -> str:
    """The list of calls as `calls.js`."""
    return script("callmood.load", {"minCalls": min_calls_per_group, **index_columns(calls, strips, zone)})


def call_script(detail: CallDetail, zone: ZoneInfo, **sound: str | None) -> str:
    """One call as `calls/ID.js`."""
    return script("callmood.show", {**call_page(detail, zone), **sound})


def empty_page(warehouse: Warehouse, now: datetime, *, store: str, out: str = "", live: bool = False) -> str:
    """The page of a store without calls: what to do next."""
    return page("empty.html", now, failures=failure_count(warehouse), store=quote(store), out=quote(out), live=live)


def failure_count(warehouse: Warehouse) -> int:
    """How many recordings could not be analyzed."""
    return int(warehouse.query("SELECT COUNT(*) AS n FROM failures_current")[0]["n"])
