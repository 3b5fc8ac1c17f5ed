"""A live call over a WebSocket: docs/live.md describes what is said.

The client says `start` and sends frames of sound; it hears `ready`, an `update` a second, and after its `end` the
`result`. Frames wait in a buffer while the model is busy; whoever sends faster than it listens is slowed down by TCP.
"""

from __future__ import annotations

import asyncio
import json
import logging
from functools import partial
from typing import Any, Literal
from urllib.parse import urlsplit
from uuid import uuid4

from anyio import to_thread
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from callmood.realtime.auth import Access
from callmood.realtime.pcm import ENCODINGS, Encoding
from callmood.realtime.problem_details import Problem
from callmood.realtime.scoring import Scorer
from callmood.realtime.session import LiveCall
from callmood.realtime.session_tokens import MAX_LENGTH
from callmood.types import EMOTIONS, Role

log = logging.getLogger(__name__)

START_TIMEOUT_S = 10.0
"""float: a client that says nothing for so long after it connected is let go."""

FRAME_TIMEOUT_S = 30.0
"""float: and one that sends no frame for so long; what was heard until then is answered."""

MAX_FRAME_S = 1.0
"""float: longest frame."""

BUFFER_S = 5.0
"""float: sound that waits for the model before the client is slowed down."""

CLOSE_CODES = {
    "bad_request": 4400,
    "bad_session": 4400,
    "session_expired": 4400,
    "no_sessions": 4400,
    "unauthorized": 4401,
    "forbidden": 4403,
    "timeout": 4408,
    "too_large": 4413,
    "busy": 4503,
    "internal": 1011,
}
"""dict of str to int: the code a connection is closed with, by problem; 1000 where all went well."""


class Start(BaseModel):
    """The client's first message."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["start"]
    encoding: Encoding = "pcm16"
    sample_rate: int = Field(16_000, ge=8_000, le=96_000)
    role: Role = "customer"
    access: str | None = Field(None, max_length=4096, description="The API key or a page token, where one is needed.")
    session: str | None = Field(None, max_length=MAX_LENGTH, description="Of the call's part before.")


class Line:
    """What live calls share.

    Parameters
    ----------
    scorer : Scorer
        The model, settings and sessions.
    access : Access
        Who may call.

    Attributes
    ----------
    calls : int
        Calls that are going on.
    """

    def __init__(self, scorer: Scorer, access: Access) -> None:
        self.scorer = scorer
        self.access = access
        self.calls = 0

    def __enter__(self) -> None:
        limit = self.scorer.settings.max_streams
        if self.calls >= limit:
            raise Problem("busy", f"{limit} calls are listened to already (MAX_STREAMS). Come again in a minute.")
        self.calls += 1

    def __exit__(self, *_: object) -> None:
        self.calls -= 1


class Frames:
    """Sound that came in and was not listened to yet.

    Parameters
    ----------
    limit : int
        Bytes from which on `put` waits.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = bytearray()
        self._ended = False
        self._changed = asyncio.Condition()

    async def put(self, frame: bytes) -> None:
        """Add a frame, once there is room."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._bytes) < self._limit or self._ended)
            self._bytes += frame
            self._changed.notify_all()

    async def end(self) -> None:
        """Add no more, and wait for no room."""
        async with self._changed:
            self._ended = True
            self._changed.notify_all()

    async def take(self) -> bytes:
        """Take all there is, waiting for some; nothing where it has ended."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._bytes or self._ended)
            taken = bytes(self._bytes)
            self._bytes.clear()
            self._changed.notify_all()
            return taken


class Conversation:
    """One connection.

    Parameters
    ----------
    line : Line
        What live calls share.
    socket : WebSocket
        The connection.
    """

    def __init__(self, line: Line, socket: WebSocket) -> None:
        self._line = line
        self._socket = socket

    async def run(self) -> None:
        """Talk until one side has enough."""
        await self._socket.accept()
        try:
            self._check_origin()
            start = await self._start()
            with self._line:
                await self._listen(start)
        except WebSocketDisconnect:
            return
        except Problem as problem:
            await self._close(problem)
        except Exception:
            log.exception("A live call broke off.")
            await self._close(Problem("internal", "It was no fault of the call; connect again."))

    def _check_origin(self) -> None:
        """Keep pages of other sites from calling through a browser, where nothing but the address is needed to call."""
        origin = self._socket.headers.get("origin")
        if origin and not self._line.access.needed and urlsplit(origin).netloc != self._socket.headers.get("host"):
            raise Problem("forbidden", "Open the page of this very server, or set API_KEY and show it.")

    async def _close(self, problem: Problem) -> None:
        try:
            await self._socket.send_json({"type": "problem", "problem": problem.details()})
            # A reason may have 123 bytes: https://www.rfc-editor.org/rfc/rfc6455#section-5.5
            await self._socket.close(CLOSE_CODES[problem.code], problem.code)
        except (WebSocketDisconnect, RuntimeError):
            pass  # the client was faster

    async def _start(self) -> Start:
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                message = await self._receive()
        except TimeoutError:
            raise Problem("timeout", f"No start message came within {START_TIMEOUT_S:g} s.") from None
        try:
            start = Start.model_validate_json(message if isinstance(message, str) else b"")
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            place = ".".join(map(str, first["loc"])) or "start"
            raise Problem(
                "bad_request", f"The first message must be a start message; {place}: {first['msg']}."
            ) from None
        self._line.access.check(start.access)
        return start

    async def _receive(self) -> str | bytes:
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message["code"])
        text: str | None = message.get("text")
        data: bytes | None = message.get("bytes")
        return text if text is not None else data or b""

    async def _listen(self, start: Start) -> None:
        scorer = self._line.scorer
        session, model, warnings = await to_thread.run_sync(scorer.begin, start.session, uuid4().hex)
        call = LiveCall(start.encoding, start.sample_rate, start.role, model, scorer.settings, session)
        await self._socket.send_json(
            {
                "type": "ready",
                "model_version": model.version,
                "emotions": EMOTIONS,
                "offset_s": session.offset_s,
                "limit_s": scorer.settings.max_stream_s,
                "warnings": warnings,
            }
        )
        bytes_a_second = start.sample_rate * ENCODINGS[start.encoding]
        frames = Frames(int(BUFFER_S * bytes_a_second))
        hearing = asyncio.create_task(self._hear(call, frames))
        try:
            problem = await self._fill(frames, hearing, start, bytes_a_second)
            await frames.end()
            await hearing
        finally:
            hearing.cancel()
        await self._result(call)
        if problem:
            raise problem
        await self._socket.close()

    async def _fill(
        self, frames: Frames, hearing: asyncio.Task[None], start: Start, bytes_a_second: int
    ) -> Problem | None:
        """Take frames until the client ends, falls silent or has said enough."""
        left = int(self._line.scorer.settings.max_stream_s) * bytes_a_second
        while left > 0:
            try:
                async with asyncio.timeout(FRAME_TIMEOUT_S):
                    message = await self._receive()
            except TimeoutError:
                return Problem("timeout", f"No frame came for {FRAME_TIMEOUT_S:g} s.")
            if isinstance(message, str):
                return None if _is_end(message) else Problem("bad_request", 'Say {"type": "end"}, or send frames.')
            if len(message) > MAX_FRAME_S * bytes_a_second:
                return Problem("too_large", f"A frame may last {MAX_FRAME_S:g} s, and this one is longer.")
            if len(message) % ENCODINGS[start.encoding]:
                return Problem("bad_request", "A frame must hold whole samples, and this one ends within one.")
            if hearing.done():
                await hearing  # raises what went wrong
            await frames.put(message[:left])
            left -= len(message)
        return None

    async def _hear(self, call: LiveCall, frames: Frames) -> None:
        """Listen, and send updates."""
        try:
            while heard := await frames.take():
                update = await to_thread.run_sync(partial(call.hear, heard))
                if update:
                    await self._socket.send_json(update)
        finally:
            await frames.end()

    async def _result(self, call: LiveCall) -> None:
        result: dict[str, Any]
        result, after = await to_thread.run_sync(call.end)
        tokens = self._line.scorer.tokens
        await self._socket.send_json({**result, "session": tokens.write(after) if tokens else None})


def _is_end(message: str) -> bool:
    try:
        return bool(json.loads(message) == {"type": "end"})
    except ValueError:
        return False
