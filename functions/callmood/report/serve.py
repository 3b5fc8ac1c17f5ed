"""Serve the report over a local store. The report updates while `callmood watch` adds calls."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from threading import Lock, Thread, get_native_id
from typing import NamedTuple
from zoneinfo import ZoneInfo

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from callmood.errors import AnnotationError, CallmoodError, QueryError, SchemaError
from callmood.report.audio import AudioSource, find_local_file, is_browser_playable, transcode_to_mp3
from callmood.report.batches import DAYS, Batch, query_batches
from callmood.report.build import manifest, render_empty_page
from callmood.report.data_files import encode_json
from callmood.report.details import call_payload, query_detail, query_sparklines
from callmood.report.insights import insights_payload
from callmood.report.model_quality import query_model_quality
from callmood.report.payload import calls_payload
from callmood.report.queries import count_failures, query_call, query_calls
from callmood.report.reviews import reviews_payload, save_reviews
from callmood.report.templates import assets_version, load_asset, render_page
from callmood.types import JsonRow
from callmood.warehouse.base import Warehouse
from callmood.warehouse.duckdb import DuckDBWarehouse

_MAX_BODY_BYTES = 100_000

_PROTECTION = {
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}

_INSIGHTS_INTERVAL_S = 600.0

_DAY_OF_CALL = "SELECT call_date FROM recordings_current WHERE recording_id = @recording_id"

_VERSION = """
SELECT
  (SELECT COUNT(*) FROM recordings) AS analyses,
  (SELECT COUNT(*) FROM erasures) AS erasures,
  (SELECT COUNT(*) FROM failures) AS failures,
  (SELECT COUNT(*) FROM call_details) AS details,
  (SELECT COUNT(*) FROM releases) AS releases
"""


def _lower_priority() -> None:
    """Let queries of other threads precede those of this thread. Only Linux has priorities of threads."""
    if sys.platform == "linux":
        with suppress(OSError):  # the process has a lower priority
            os.setpriority(os.PRIO_PROCESS, get_native_id(), 10)


class _Counts(NamedTuple):
    """The batches of calls and the number of failures in one version of the store."""

    version: str
    batches: list[Batch]
    failures: int

    def limits(self) -> dict[str, int]:
        """Return the counts that the section about limits shows."""
        return {
            "failures": self.failures,
            "without_population": sum(batch.without_population for batch in self.batches),
        }


class StoreReport:
    """Request handlers that render the files of the report from a store.

    Parameters
    ----------
    warehouse : DuckDBWarehouse
        The store.
    store : str
        Name of the store in the commands that the page of an empty store shows.
    zone : ZoneInfo
        Zone of days and hours.
    min_calls_per_group : int
        Minimum number of calls for which metrics of one agent are shown.
    audio_cache : Path
        Folder for MP3 copies of recordings that browsers cannot play.
    """

    def __init__(
        self, warehouse: DuckDBWarehouse, *, store: str, zone: ZoneInfo, min_calls_per_group: int, audio_cache: Path
    ) -> None:
        self._warehouse = warehouse
        self._store = store
        self._zone = zone
        self._min_calls_per_group = min_calls_per_group
        self._audio_cache = audio_cache
        self._batch_cache: dict[str, tuple[str, str]] = {}  # version and JSON by name
        self._counted = _Counts("", [], 0)
        self._insights = (0.0, "")  # time of the query, and JSON
        self._query_lock, self._load_lock = Lock(), Lock()
        self._background = ThreadPoolExecutor(1, "background", _lower_priority)
        self._transcode_lock, self._insights_lock = Lock(), Lock()
        self._is_stopping = False

    def warm_up(self) -> None:
        """Prepare what the first view needs, while the browser opens it."""
        charts = Thread(target=load_asset, args=["vega.js"])
        charts.start()
        with suppress(CallmoodError):  # the first request raises it again
            for batch in self._query_batches()[-1:]:
                self._calls(batch)
        charts.join()
        import_module("pandas")  # for the first page of a call

    def stop(self) -> None:
        """End running queries and cancel waiting ones: a year of calls can take many seconds."""
        self._is_stopping = True
        self._background.shutdown(wait=False, cancel_futures=True)
        self._warehouse.stop_queries()

    def answer_stopped(self, _: Request, error: Exception) -> Response:
        """Answer a request whose query has been stopped."""
        if not self._is_stopping:
            raise error
        return PlainTextResponse("The server is stopping.", 503)

    def version(self, _: Request) -> Response:
        """Return a text that changes when the store changes."""
        return PlainTextResponse(self._query_version())

    def _query_version(self) -> str:
        return "-".join(str(count) for count in self._warehouse.query(_VERSION)[0].values())

    def _counts(self) -> _Counts:
        """Return the batches and the number of failures. Query them again only if the store has changed."""
        with self._query_lock:
            version = self._query_version()
            if self._counted.version != version:
                self._counted = _Counts(version, query_batches(self._warehouse), count_failures(self._warehouse))
            return self._counted

    def _query_batches(self) -> list[Batch]:
        return self._counts().batches

    def index_page(self, _: Request) -> Response:
        """Render the index page, or the page of an empty store."""
        now = datetime.now(self._zone)
        counts = self._counts()
        if not counts.batches:
            return HTMLResponse(render_empty_page(self._warehouse, now, store=self._store, is_served=True))
        quality = query_model_quality(self._warehouse)
        values = {"first_data": ["manifest", f"calls-{counts.batches[-1].name}"], "model_quality": quality}
        return HTMLResponse(render_page("index.html", now, is_served=True, **values, **counts.limits()))

    def call_page(self, _: Request) -> Response:
        """Render the page that shows one call. It states earlier counts: to count takes longer than a call."""
        counts = self._counted if self._counted.batches else self._counts()
        return HTMLResponse(render_page("call.html", datetime.now(self._zone), is_served=True, **counts.limits()))

    def manifest(self, _: Request) -> Response:
        """List the batches of calls."""
        return _json(encode_json(manifest(self._query_batches(), self._min_calls_per_group)))

    def calls(self, request: Request) -> Response:
        """Return one batch of the list of calls."""
        return _json(self._calls(self._find_batch(request)))

    def _calls(self, batch: Batch) -> str:
        def query() -> object:
            with self._warehouse.snapshot(DAYS, batch.days) as snapshot:
                return calls_payload(query_calls(snapshot, batch.first, batch.last), self._zone)

        is_in_first_view = self._counted.batches[-1:] == [batch]
        return self._cached(f"calls-{batch.name}", batch, query, is_urgent=is_in_first_view)

    def sparklines(self, request: Request) -> Response:
        """Return the sparklines of one batch, in the order of its calls."""
        batch = self._find_batch(request)
        listed = self._calls(batch)

        def query() -> list[str]:
            with self._warehouse.snapshot(DAYS, batch.days) as snapshot:
                calls = snapshot.query("SELECT recording_id, duration_s FROM recordings_current")
                sparklines = query_sparklines(snapshot, calls, batch.days)
            return [sparklines.get(recording_id, "") for recording_id in json.loads(listed)["columns"]["id"]]

        return _json(self._cached(f"sparklines-{batch.name}", batch, query))

    def insights(self, _: Request) -> Response:
        """Return the insights. Query them at most every ten minutes: they read all calls, and change slowly."""
        with self._insights_lock:
            queried_at, text = self._insights
            if not text or time.monotonic() - queried_at > _INSIGHTS_INTERVAL_S:
                query = self._background.submit(
                    insights_payload, self._warehouse, self._query_batches(), self._min_calls_per_group
                )
                text = encode_json(query.result())
                self._insights = time.monotonic(), text
            return _json(text)

    def _find_batch(self, request: Request) -> Batch:
        for batch in self._query_batches():
            if batch.name == request.path_params["batch"]:
                return batch
        raise HTTPException(404)

    def _cached(self, name: str, batch: Batch, query: Callable[[], object], *, is_urgent: bool = False) -> str:
        """Return JSON. Query again only if the calls of the batch have changed, so that erased calls disappear."""
        version, text = self._batch_cache.get(name, ("", ""))
        if version == batch.version:
            return text
        if is_urgent:
            with self._load_lock:
                return self._load(name, batch, query)
        return self._background.submit(self._load, name, batch, query).result()

    def _load(self, name: str, batch: Batch, query: Callable[[], object]) -> str:
        version, text = self._batch_cache.get(name, ("", ""))
        if version != batch.version:
            text = encode_json(query())
            self._batch_cache[name] = batch.version, text
        return text

    def reviews(self, _: Request) -> Response:
        """Return the reviews of calls and the annotations of segments."""
        return _json(encode_json(reviews_payload(self._warehouse)))

    async def save_reviews(self, request: Request) -> Response:
        """Write reviews and annotations to the store."""
        # A page of another site cannot send this type without a permission that the server never gives.
        if request.headers.get("content-type") != "application/json":
            raise HTTPException(415)
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MAX_BODY_BYTES:
                raise HTTPException(413)
        try:
            await run_in_threadpool(save_reviews, self._warehouse, json.loads(body), datetime.now(UTC))
        except RecursionError:
            return PlainTextResponse("The JSON is nested too deeply.", 400)
        except (AnnotationError, SchemaError, ValueError) as error:
            return PlainTextResponse(str(error), 400)
        return Response(status_code=204)

    def call(self, request: Request) -> Response:
        """Return the data of one call."""
        with self._recording(request) as snapshot:
            call = self._find_call(snapshot, request)
            detail = query_detail(snapshot, call)
        if find_local_file(call) is None:
            audio = AudioSource(None, f"The recording is not on this machine: {call['uri']}")
        else:
            audio = AudioSource(f"audio/{call['recording_id']}")
        return _json(encode_json(call_payload(detail, self._zone, audio)))

    def audio(self, request: Request) -> Response:
        """Send the recording of a call in a format that browsers play. Supports range requests, for seeking."""
        with self._recording(request) as snapshot:
            call = self._find_call(snapshot, request)
        path, container = find_local_file(call), call["container"]
        if path is not None and not is_browser_playable(call):
            container = "mp3"
            copy = self._audio_cache / f"{call['recording_id']}.mp3"
            with self._transcode_lock:
                path = copy if copy.exists() or transcode_to_mp3(call, path, copy) else None
        if path is None:
            raise HTTPException(404)
        # Not by its name: a browser would run the scripts of a recording that is named like a page.
        return FileResponse(path, media_type=f"audio/{'mpeg' if container == 'mp3' else container}")

    def asset(self, request: Request) -> Response:
        """Send a style sheet or a script."""
        name = request.path_params["name"]
        content = load_asset(name)
        if content is None:
            raise HTTPException(404)
        media_type = "text/css" if name.endswith(".css") else "text/javascript"
        is_current = request.query_params.get("v") == assets_version()
        headers = {"Cache-Control": "max-age=31536000, immutable"} if is_current else None
        return Response(content, media_type=media_type, headers=headers)

    def _recording(self, request: Request) -> AbstractContextManager[Warehouse]:
        return self._warehouse.snapshot("recording_id = @id", {"id": request.path_params["id"]})

    def _find_call(self, warehouse: Warehouse, request: Request) -> JsonRow:
        recording_id = request.path_params["id"]
        days = warehouse.query(_DAY_OF_CALL, {"recording_id": recording_id})
        call = query_call(warehouse, recording_id, days[0]["call_date"]) if days else None
        if call is None:
            raise HTTPException(404)
        return call


def _json(text: str) -> Response:
    return Response(text, media_type="application/json", headers={"Cache-Control": "no-store"})


class SameOriginOnly:
    """Middleware that refuses requests of pages of other sites, which could include or read the data of the store.

    Browsers state the relation in ``Sec-Fetch-Site`` (https://www.w3.org/TR/fetch-metadata/). Other programs do not
    send it. Responses also forbid their use by pages of other sites, for browsers that do not send it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403, or call the application and add the headers to its response."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            await PlainTextResponse("Pages of other sites cannot use this server.", 403)(scope, receive, send)
            return

        async def send_protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_PROTECTION)
            await send(message)

        await self._app(scope, receive, send_protected)


def make_app(report: StoreReport) -> Starlette:
    """Create the web application.

    The application rejects requests whose host is not this machine, which prevents DNS rebinding by web pages, and
    requests of pages of other sites (`SameOriginOnly`).

    Parameters
    ----------
    report : StoreReport
        The request handlers.
    """
    routes: list[tuple[str, Callable[[Request], Response]]] = [
        ("/", report.index_page),
        ("/index.html", report.index_page),
        ("/call.html", report.call_page),
        ("/version", report.version),
        ("/data/manifest", report.manifest),
        ("/data/calls-{batch}", report.calls),
        ("/data/sparklines-{batch}", report.sparklines),
        ("/data/reviews", report.reviews),
        ("/data/call-{id}", report.call),
        ("/data/insights", report.insights),
        ("/audio/{id}", report.audio),
        ("/assets/{name}", report.asset),
    ]
    localhost_only = Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])
    return Starlette(
        routes=[
            *(Route(path, handler) for path, handler in routes),
            Route("/reviews", report.save_reviews, methods=["POST"]),
        ],
        middleware=[localhost_only, Middleware(SameOriginOnly)],
        # RuntimeError: the executor of a stopped server accepts no queries.
        exception_handlers=dict.fromkeys((CancelledError, QueryError, RuntimeError), report.answer_stopped),
    )
