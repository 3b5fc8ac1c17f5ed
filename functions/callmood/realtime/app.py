"""ASGI application: `POST /score` for recordings, WebSocket `/stream` for real-time audio, and a microphone page."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
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

from callmood.realtime.auth import Authenticator
from callmood.realtime.openapi import document
from callmood.realtime.problem_details import MEDIA_TYPE, Problem
from callmood.realtime.scoring import Scorer
from callmood.realtime.websocket import ConnectionLimiter, WebSocketSession

BODY_TIMEOUT_S = 60.0
"""float: maximum time for a request body to arrive, in seconds."""

MAX_QUEUED = 16
"""int: maximum number of requests that wait for a core; the server rejects further requests as `busy`."""

_ASSETS = {
    "/": ("realtime/static/realtime.html", "text/html; charset=utf-8"),
    "/realtime.css": ("realtime/static/realtime.css", "text/css"),
    "/realtime.js": ("realtime/static/realtime.js", "text/javascript"),
    "/timeline.js": ("realtime/static/timeline.js", "text/javascript"),
    "/microphone.js": ("realtime/static/microphone.js", "text/javascript"),
    "/page.css": ("report/static/page.css", "text/css"),
}
_ASSET_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'",
    "Permissions-Policy": "microphone=(self)",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


class Endpoints:
    """Request handlers and the state that they share.

    Parameters
    ----------
    scorer : Scorer
        Scores recordings; provides models, settings, and session tokens.
    authenticator : Authenticator
        Checks callers' credentials.
    """

    def __init__(self, scorer: Scorer, authenticator: Authenticator) -> None:
        self.scorer = scorer
        self.authenticator = authenticator
        self.connections = ConnectionLimiter(scorer.settings.max_streams)

    @cached_property
    def cores(self) -> CapacityLimiter:
        """Limits concurrent analyses to the number of cores: more would only slow each other down."""
        return CapacityLimiter(os.cpu_count() or 1)

    async def score(self, request: Request) -> Response:
        """Score one recording, or several."""
        try:
            self.authenticator.check(request.headers.get("x-api-key"))
            if self.cores.statistics().tasks_waiting >= MAX_QUEUED:
                raise Problem("busy", "All cores are busy and the queue is full. Retry in a few seconds.")
        except Problem:
            await self._discard_body(request)
            raise
        body = await self._read_body(request)
        media_type = request.headers.get("content-type", "")
        work = partial(self.scorer.score, body, media_type, dict(request.query_params))
        return JSONResponse(await to_thread.run_sync(work, limiter=self.cores))

    async def _read_body(self, request: Request) -> bytes:
        """Return the request body, within the limits of size and time."""
        limit = self.scorer.settings.max_request_bytes
        size = _stated_size(request)
        if size > limit:
            await self._discard_body(request)
        self.scorer.check_size(size)
        body = bytearray()
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                async for chunk in request.stream():
                    body += chunk
                    self.scorer.check_size(len(body))
        except TimeoutError:
            detail = (
                f"The request took longer than {BODY_TIMEOUT_S:g} s to arrive. "
                f"Split the audio into smaller requests (limit {limit:,} bytes)."
            )
            raise Problem("timeout", detail) from None
        return bytes(body)

    async def _discard_body(self, request: Request) -> None:
        """Receive a body of at most twice the limit: a client that sends to a closed connection receives no answer."""
        limit = 2 * self.scorer.settings.max_request_bytes
        received = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(BODY_TIMEOUT_S):
                if _stated_size(request) <= limit:
                    async for chunk in request.stream():
                        received += len(chunk)
                        if received > limit:
                            break

    async def token(self, request: Request) -> Response:
        """Exchange the API key for an access token."""
        self.authenticator.check_api_key(request.headers.get("x-api-key"))
        return JSONResponse({"token": self.authenticator.create_token()}, headers={"Cache-Control": "no-store"})

    async def health(self, _: Request) -> Response:
        """Report that the server is ready; the model is loaded before the server accepts requests."""
        model = await to_thread.run_sync(self.scorer.models.for_recording, "")
        return JSONResponse(
            {
                "status": "ok",
                "model_version": model.version,
                "active_streams": self.connections.active,
                "auth_required": self.authenticator.required,
            }
        )

    async def openapi(self, _: Request) -> Response:
        """Return the OpenAPI document."""
        return JSONResponse(document())

    async def asset(self, request: Request) -> Response:
        """Return the page, or a file that it loads."""
        path, media_type = _ASSETS[request.url.path]
        content = (files("callmood") / path).read_bytes()
        return Response(content, media_type=media_type, headers=_ASSET_HEADERS)

    async def stream(self, socket: WebSocket) -> None:
        """Analyze a real-time stream."""
        await WebSocketSession(socket, self.scorer, self.authenticator, self.connections).run()


def _stated_size(request: Request) -> int:
    """Return the bytes of the body by its header, or 0 if they are unknown."""
    stated = request.headers.get("content-length", "")
    return int(stated[:20]) if stated.isascii() and stated.isdigit() else 0


def _problem_response(problem: Problem) -> Response:
    return JSONResponse(problem.details(), problem.status, problem.headers(), MEDIA_TYPE)


def _handle_error(_: Request, error: Exception) -> Response:
    """Convert an exception to a response with problem details."""
    if isinstance(error, Problem):
        return _problem_response(error)
    if isinstance(error, ClientDisconnect):
        return Response(status_code=499)  # the client is gone
    if isinstance(error, HTTPException):
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "bad_request")
        response = _problem_response(Problem(code, "See /openapi.json for the available paths and methods."))
        response.headers.update(error.headers or {})
        return response
    return _problem_response(Problem("internal", "The request did not cause this error. Retry."))


def make_app(
    scorer: Scorer,
    authenticator: Authenticator,
    allowed_hosts: tuple[str, ...] = ("*",),
    health_route: str = "/health",
    score_route: str = "/score",
) -> Starlette:
    """Return the ASGI application.

    Parameters
    ----------
    scorer : Scorer
        Scores recordings; provides models, settings, and session tokens.
    authenticator : Authenticator
        Checks callers' credentials.
    allowed_hosts : tuple of str
        Accepted `Host` headers. On a personal computer, allow local names only: this prevents DNS rebinding.
    health_route, score_route : str
        Additional paths of `/health` and `/score`, chosen by the platform.
    """
    endpoints = Endpoints(scorer, authenticator)
    routes = [
        *(Route(path, endpoints.score, methods=["POST"]) for path in {"/score", score_route}),
        *(Route(path, endpoints.health) for path in {"/health", health_route}),
        Route("/token", endpoints.token, methods=["POST"]),
        Route("/openapi.json", endpoints.openapi),
        WebSocketRoute("/stream", endpoints.stream),
        *(Route(path, endpoints.asset) for path in _ASSETS),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(allowed_hosts))],
        exception_handlers=dict.fromkeys((Problem, ClientDisconnect, HTTPException, Exception), _handle_error),
    )
