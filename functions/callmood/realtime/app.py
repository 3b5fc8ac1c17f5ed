"""The application: `/score` for recordings, `/stream` for live calls, and a page with a microphone."""

from __future__ import annotations

import asyncio
import os
from functools import cached_property, partial
from importlib.resources import files

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from callmood.realtime.auth import Access
from callmood.realtime.openapi import document
from callmood.realtime.problem_details import MEDIA_TYPE, Problem
from callmood.realtime.scoring import Scorer
from callmood.realtime.websocket import Conversation, Line

BODY_TIMEOUT_S = 60.0
"""float: a request that takes longer to arrive is given up."""

WAITING = 16
"""int: requests that may wait for a core; one more is told to come again."""

_STATIC = {
    "/": ("realtime/static/live.html", "text/html; charset=utf-8"),
    "/live.css": ("realtime/static/live.css", "text/css"),
    "/live.js": ("realtime/static/live.js", "text/javascript"),
    "/curve.js": ("realtime/static/curve.js", "text/javascript"),
    "/microphone.js": ("realtime/static/microphone.js", "text/javascript"),
    "/page.css": ("report/static/page.css", "text/css"),
}
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'",
    "Permissions-Policy": "microphone=(self)",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


class Service:
    """What requests share.

    Parameters
    ----------
    scorer : Scorer
        The models, settings and sessions.
    access : Access
        Who may ask.
    """

    def __init__(self, scorer: Scorer, access: Access) -> None:
        self.scorer = scorer
        self.access = access
        self.line = Line(scorer, access)

    @cached_property
    def cores(self) -> CapacityLimiter:
        """Analyses at once: more than there are cores would only slow each other down."""
        return CapacityLimiter(os.cpu_count() or 1)

    async def score(self, request: Request) -> Response:
        """Analyze a recording, or several."""
        self.access.check(request.headers.get("x-api-key"))
        if self.cores.statistics().tasks_waiting >= WAITING:
            raise Problem("busy", "All cores are busy and others wait already. Come again in some seconds.")
        body = await self._body(request)
        media_type = request.headers.get("content-type", "")
        work = partial(self.scorer.answer, body, media_type, dict(request.query_params))
        return JSONResponse(await to_thread.run_sync(work, limiter=self.cores))

    async def _body(self, request: Request) -> bytes:
        """Read the body, no more of it than is allowed and no slower."""
        limit = self.scorer.settings.max_request_bytes
        body = bytearray()
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                async for part in request.stream():
                    body += part
                    self.scorer.check_size(len(body))
        except TimeoutError:
            detail = (
                f"The request took more than {BODY_TIMEOUT_S:g} s to arrive. Send it in parts of up to {limit:,} bytes."
            )
            raise Problem("timeout", detail) from None
        return bytes(body)

    async def token(self, request: Request) -> Response:
        """Make a token for a page."""
        self.access.check_key(request.headers.get("x-api-key"))
        return JSONResponse({"token": self.access.token()}, headers={"Cache-Control": "no-store"})

    async def health(self, _: Request) -> Response:
        """Say that it is ready: the model was loaded before the first request was taken."""
        model = await to_thread.run_sync(self.scorer.models.of_recording, "")
        return JSONResponse(
            {
                "status": "ok",
                "model_version": model.version,
                "live_calls": self.line.calls,
                "key_needed": self.access.needed,
            }
        )

    async def openapi(self, _: Request) -> Response:
        """Describe itself."""
        return JSONResponse(document())

    async def static(self, request: Request) -> Response:
        """Serve the page and what it loads."""
        path, media_type = _STATIC[request.url.path]
        content = (files("callmood") / path).read_bytes()
        return Response(content, media_type=media_type, headers=_PAGE_HEADERS)

    async def stream(self, socket: WebSocket) -> None:
        """Listen to a live call."""
        await Conversation(self.line, socket).run()


def _answer(problem: Problem) -> Response:
    return JSONResponse(problem.details(), problem.status, problem.headers(), MEDIA_TYPE)


def _tell(_: Request, error: Exception) -> Response:
    """Answer with problem details whatever went wrong."""
    if isinstance(error, Problem):
        return _answer(error)
    if isinstance(error, ClientDisconnect):
        return Response(status_code=499)  # nobody reads it
    if isinstance(error, HTTPException):
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "bad_request")
        answer = _answer(Problem(code, "/openapi.json lists what there is."))
        answer.headers.update(error.headers or {})
        return answer
    return _answer(Problem("internal", "It was no fault of the request; try again."))


def make_app(
    scorer: Scorer,
    access: Access,
    hosts: tuple[str, ...] = ("*",),
    health_route: str = "/health",
    score_route: str = "/score",
) -> Starlette:
    """The web application.

    Parameters
    ----------
    scorer, access
        What answers, and who may ask.
    hosts : tuple of str
        Names by which it may be addressed. On a person's own machine only that machine's, so that no page of the web
        can reach it through a name of its own.
    health_route, score_route : str
        Further addresses of `/health` and `/score`, where the platform chooses them.
    """
    service = Service(scorer, access)
    routes = [
        *(Route(path, service.score, methods=["POST"]) for path in {"/score", score_route}),
        *(Route(path, service.health) for path in {"/health", health_route}),
        Route("/token", service.token, methods=["POST"]),
        Route("/openapi.json", service.openapi),
        WebSocketRoute("/stream", service.stream),
        *(Route(path, service.static) for path in _STATIC),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))],
        exception_handlers=dict.fromkeys((Problem, ClientDisconnect, HTTPException, Exception), _tell),
    )
