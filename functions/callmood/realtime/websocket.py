"""Real-time streams over a WebSocket: docs/realtime.md describes the protocol.

The client sends `start` and audio frames. The server sends `ready`, one `update` per second, and a `result` after the
client's `end`. Frames wait in a buffer while the model is busy; when the buffer is full, TCP slows the client down.
"""

from __future__ import annotations

import asyncio
import json
import logging
from functools import partial
from typing import Literal
from urllib.parse import urlsplit
from uuid import uuid4

from anyio import to_thread
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from callmood.audio.pcm import BYTES_PER_SAMPLE, Encoding
from callmood.realtime.auth import Authenticator
from callmood.realtime.problem_details import Problem
from callmood.realtime.scoring import Scorer
from callmood.realtime.session import StreamSession
from callmood.realtime.session_tokens import MAX_LENGTH
from callmood.types import EMOTIONS, Role

log = logging.getLogger(__name__)

START_TIMEOUT_S = 10.0
"""float: maximum time between the connection and the start message, in seconds."""

FRAME_TIMEOUT_S = 30.0
"""float: maximum time between two frames, in seconds; then the server sends the result and closes the connection."""

MAX_FRAME_S = 1.0
"""float: maximum duration of a frame, in seconds."""

BUFFER_S = 5.0
"""float: duration of buffered audio from which on the server stops reading, in seconds."""

CLOSE_CODES = {
    "bad_request": 4400,
    "invalid_session": 4400,
    "session_expired": 4400,
    "sessions_disabled": 4400,
    "unauthorized": 4401,
    "forbidden": 4403,
    "timeout": 4408,
    "too_large": 4413,
    "busy": 4503,
    "internal": 1011,
}
"""dict of str to int: WebSocket close code of each problem; 1000 after success."""


class Start(BaseModel):
    """The client's first message."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["start"]
    encoding: Encoding = "pcm16"
    sample_rate: int = Field(16_000, ge=8_000, le=96_000)
    role: Role = "customer"
    credential: str | None = Field(None, max_length=4096, description="API key or access token, if required.")
    session: str | None = Field(None, max_length=MAX_LENGTH, description="Session token of the call's previous chunk.")


class ConnectionLimiter:
    """Limit the number of concurrent streams; a context manager holds one place.

    Parameters
    ----------
    limit : int
        Maximum number of concurrent streams.

    Attributes
    ----------
    active : int
        Number of streams at the moment.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.active = 0

    def __enter__(self) -> None:
        if self.active >= self._limit:
            raise Problem("busy", f"The server reached its limit of {self._limit} streams (MAX_STREAMS). Retry later.")
        self.active += 1

    def __exit__(self, *_: object) -> None:
        self.active -= 1


class AudioBuffer:
    """Received audio that waits for the model.

    Parameters
    ----------
    limit : int
        Size in bytes from which on `write` blocks.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = bytearray()
        self._closed = False
        self._changed = asyncio.Condition()

    async def write(self, frame: bytes) -> None:
        """Append a frame as soon as the buffer has room, or is closed."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._bytes) < self._limit or self._closed)
            self._bytes += frame
            self._changed.notify_all()

    async def close(self) -> None:
        """Mark the end of the audio, and unblock readers and writers."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()

    async def read(self) -> bytes:
        """Return and remove all audio, as soon as there is any; empty at the end."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._bytes or self._closed)
            audio = bytes(self._bytes)
            self._bytes.clear()
            self._changed.notify_all()
            return audio


class WebSocketSession:
    """One WebSocket connection.

    Parameters
    ----------
    socket : WebSocket
        The connection.
    scorer : Scorer
        Provides models, settings, and session tokens.
    authenticator : Authenticator
        Checks the client's credential.
    connections : ConnectionLimiter
        Limits concurrent streams.
    """

    def __init__(
        self, socket: WebSocket, scorer: Scorer, authenticator: Authenticator, connections: ConnectionLimiter
    ) -> None:
        self._socket = socket
        self._scorer = scorer
        self._authenticator = authenticator
        self._connections = connections

    async def run(self) -> None:
        """Serve the connection until it is closed."""
        await self._socket.accept()
        try:
            self._check_origin()
            start = await self._receive_start()
            with self._connections:
                await self._analyze(start)
        except WebSocketDisconnect:
            return
        except Problem as problem:
            await self._close(problem)
        except Exception:
            log.exception("Stream failed.")
            await self._close(Problem("internal", "The stream did not cause this error. Reconnect."))

    def _check_origin(self) -> None:
        """Reject pages of other sites if the server needs no credential: a browser could reach it from any page."""
        origin = self._socket.headers.get("origin")
        if origin and not self._authenticator.required and urlsplit(origin).netloc != self._socket.headers.get("host"):
            raise Problem("forbidden", "Open the page of this server, or set API_KEY and send a credential.")

    async def _close(self, problem: Problem) -> None:
        try:
            await self._socket.send_json({"type": "problem", "problem": problem.details()})
            # A reason may have 123 bytes: https://www.rfc-editor.org/rfc/rfc6455#section-5.5
            await self._socket.close(CLOSE_CODES[problem.code], problem.code)
        except (WebSocketDisconnect, RuntimeError):
            pass  # the client closed the connection first

    async def _receive_start(self) -> Start:
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                message = await self._receive()
        except TimeoutError:
            raise Problem("timeout", f"No start message arrived within {START_TIMEOUT_S:g} s.") from None
        try:
            start = Start.model_validate_json(message if isinstance(message, str) else b"")
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            field = ".".join(map(str, first["loc"])) or "start"
            raise Problem(
                "bad_request", f"The first message must be a start message; {field}: {first['msg']}."
            ) from None
        self._authenticator.check(start.credential)
        return start

    async def _receive(self) -> str | bytes:
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message["code"])
        text: str | None = message.get("text")
        data: bytes | None = message.get("bytes")
        return text if text is not None else data or b""

    async def _analyze(self, start: Start) -> None:
        settings = self._scorer.settings
        state, model, warnings = await to_thread.run_sync(self._scorer.open_session, start.session, uuid4().hex)
        stream = StreamSession(start.encoding, start.sample_rate, start.role, model, settings, state)
        await self._socket.send_json(
            {
                "type": "ready",
                "model_version": model.version,
                "emotions": EMOTIONS,
                "offset_s": state.offset_s,
                "max_stream_s": settings.max_stream_s,
                "warnings": warnings,
            }
        )
        buffer = AudioBuffer(int(BUFFER_S * start.sample_rate * BYTES_PER_SAMPLE[start.encoding]))
        processing = asyncio.create_task(self._process(stream, buffer))
        try:
            problem = await self._receive_frames(buffer, processing, start)
            await buffer.close()
            await processing
        finally:
            processing.cancel()
        await self._send_result(stream)
        if problem:
            raise problem
        await self._socket.close()

    async def _receive_frames(
        self, buffer: AudioBuffer, processing: asyncio.Task[None], start: Start
    ) -> Problem | None:
        """Buffer frames until the client ends the stream, a limit is reached, or a message is invalid."""
        bytes_per_sample = BYTES_PER_SAMPLE[start.encoding]
        bytes_per_second = start.sample_rate * bytes_per_sample
        remaining = int(self._scorer.settings.max_stream_s) * bytes_per_second
        while remaining > 0:
            try:
                async with asyncio.timeout(FRAME_TIMEOUT_S):
                    message = await self._receive()
            except TimeoutError:
                return Problem("timeout", f"No frame arrived for {FRAME_TIMEOUT_S:g} s.")
            if isinstance(message, str):
                return None if _is_end(message) else Problem("bad_request", 'Send {"type": "end"} or audio frames.')
            if len(message) > MAX_FRAME_S * bytes_per_second:
                return Problem("too_large", f"The frame is longer than {MAX_FRAME_S:g} s.")
            if len(message) % bytes_per_sample:
                return Problem("bad_request", f"The frame's size is not a multiple of {bytes_per_sample} bytes.")
            if processing.done():
                await processing  # raises its exception
            await buffer.write(message[:remaining])
            remaining -= len(message)
        return None

    async def _process(self, stream: StreamSession, buffer: AudioBuffer) -> None:
        """Process buffered audio, and send updates."""
        try:
            while audio := await buffer.read():
                update = await to_thread.run_sync(partial(stream.process, audio))
                if update:
                    await self._socket.send_json(update)
        finally:
            await buffer.close()

    async def _send_result(self, stream: StreamSession) -> None:
        result, state = await to_thread.run_sync(stream.finish)
        tokens = self._scorer.tokens
        await self._socket.send_json({**result, "session": tokens.encode(state) if tokens else None})


def _is_end(message: str) -> bool:
    try:
        return bool(json.loads(message) == {"type": "end"})
    except (ValueError, RecursionError):
        return False
