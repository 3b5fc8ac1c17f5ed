"""`callmood serve`: the page over the live store, which fills while `callmood watch` adds calls."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from threading import Lock
from zoneinfo import ZoneInfo

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from callmood.report.audio import is_playable, local_file, playable_copy
from callmood.report.build import call_script, calls_script, empty_page, failure_count
from callmood.report.model_quality import health_of
from callmood.report.payload import strip
from callmood.report.queries import calls_of, detail_of, details_of
from callmood.report.templates import assets, page
from callmood.types import JsonRow
from callmood.warehouse.base import Warehouse

_STATE = """
SELECT
  (SELECT COUNT(*) FROM recordings) AS analyses,
  (SELECT COUNT(*) FROM erasures) AS erasures,
  (SELECT COUNT(*) FROM failures) AS failures
"""


class LivePages:
    """The site's files, made from the store as they are asked for.

    Parameters
    ----------
    warehouse : Warehouse
        The store.
    store : str
        What a person calls it.
    zone : ZoneInfo
        Zone of days and hours.
    min_calls_per_group : int
        Figures about one agent are shown from so many calls on.
    copies : Path
        A folder for playable copies of recordings that browsers cannot play.
    """

    def __init__(
        self, warehouse: Warehouse, *, store: str, zone: ZoneInfo, min_calls_per_group: int, copies: Path
    ) -> None:
        self._warehouse = warehouse
        self._store = store
        self._zone = zone
        self._min_calls = min_calls_per_group
        self._copies = copies
        self._known = ""
        self._calls: dict[str, JsonRow] = {}
        self._strips: dict[str, str] = {}
        self._reading, self._copying = Lock(), Lock()

    def version(self, _: Request) -> Response:
        """What changes when the store does."""
        return PlainTextResponse(self._version())

    def _version(self) -> str:
        return "-".join(str(n) for n in self._warehouse.query(_STATE)[0].values())

    def _calls_now(self) -> dict[str, JsonRow]:
        """The calls by id and their strips, read again when the store has changed: an erased call is gone at once."""
        with self._reading:
            version = self._version()
            if version != self._known:
                calls = calls_of(self._warehouse)
                new = [call for call in calls if call["recording_id"] not in self._strips]
                for detail in details_of(self._warehouse, new):
                    self._strips[detail.id] = strip(detail.segments, detail.row["duration_s"])
                self._calls = {call["recording_id"]: call for call in calls}
                self._known = version
            return self._calls

    def index(self, _: Request) -> Response:
        """The first page, or the one that says what to do."""
        now = datetime.now(self._zone)
        if not self._warehouse.query("SELECT recording_id FROM recordings_current LIMIT 1"):
            return HTMLResponse(empty_page(self._warehouse, now, store=self._store, live=True))
        known = {"failures": failure_count(self._warehouse), "health": health_of(self._warehouse)}
        return HTMLResponse(page("index.html", now, live=True, **known))

    def call(self, _: Request) -> Response:
        """The page of one call."""
        failures = failure_count(self._warehouse)
        return HTMLResponse(page("call.html", datetime.now(self._zone), live=True, failures=failures))

    def calls_script(self, _: Request) -> Response:
        """The list of calls."""
        calls = list(self._calls_now().values())
        return _javascript(calls_script(calls, self._strips, self._zone, self._min_calls))

    def call_script(self, request: Request) -> Response:
        """One call in full."""
        call = self._call(request)
        there = local_file(call) is not None
        audio = f"audio/{call['recording_id']}" if there else None
        note = "" if there else f"The recording is not on this machine: {call['uri']}"
        return _javascript(call_script(detail_of(self._warehouse, call), self._zone, audio=audio, noAudio=note))

    def audio(self, request: Request) -> Response:
        """The recording of a call, in a form that browsers play; they ask for parts of it to seek."""
        call = self._call(request)
        path = local_file(call)
        if path is not None and not is_playable(call):
            copy = self._copies / f"{call['recording_id']}.mp3"
            with self._copying:
                path = copy if copy.exists() or playable_copy(path, copy) else None
        if path is None:
            raise HTTPException(404)
        return FileResponse(path)

    def asset(self, request: Request) -> Response:
        """A style sheet or script."""
        name = request.path_params["name"]
        if name not in assets():
            raise HTTPException(404)
        return Response(assets()[name], media_type="text/css" if name.endswith(".css") else "text/javascript")

    def _call(self, request: Request) -> JsonRow:
        found = self._calls_now().get(request.path_params["id"].removesuffix(".js"))
        if found is None:
            raise HTTPException(404)
        return found


def _javascript(text: str) -> Response:
    return Response(text, media_type="text/javascript", headers={"Cache-Control": "no-store"})


def make_app(pages: LivePages) -> Starlette:
    """The web application.

    Parameters
    ----------
    pages : LivePages
        What it answers with. Only requests addressed to this machine by name are answered, so no page of the web can
        reach it through a name of its own.
    """
    routes: list[tuple[str, Callable[[Request], Response]]] = [
        ("/", pages.index),
        ("/index.html", pages.index),
        ("/call.html", pages.call),
        ("/version", pages.version),
        ("/calls.js", pages.calls_script),
        ("/calls/{id}", pages.call_script),
        ("/audio/{id}", pages.audio),
        ("/assets/{name}", pages.asset),
    ]
    this_machine = Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])
    return Starlette(routes=[Route(path, answer) for path, answer in routes], middleware=[this_machine])
