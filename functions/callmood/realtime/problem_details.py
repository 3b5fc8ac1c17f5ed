"""What can be wrong with a request, told as RFC 9457 problem details: by code, in a sentence, with what to do."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from callmood.errors import FAILURE_CODES, CallmoodError

MEDIA_TYPE = "application/problem+json"

_OF_RECORDINGS = ("empty_file", "not_audio", "damaged", "unsupported_codec", "encrypted", "no_audio", "invalid_format")

PROBLEMS = {
    "bad_request": (400, "The request is none that callmood understands."),
    "bad_session": (400, "The session token is damaged, or was signed by somebody else."),
    "session_expired": (400, "The session token is too old."),
    "no_sessions": (400, "This server keeps no sessions: SESSION_KEY is not set."),
    "unauthorized": (401, "An API key or a page token is needed."),
    "forbidden": (403, "A page of another site may not use this server."),
    "not_found": (404, "There is nothing at this address."),
    "method_not_allowed": (405, "This address takes another method."),
    "timeout": (408, "The request, or the next frame of a stream, did not come in time."),
    "too_large": (413, "The request, the frame or the answer is larger than the limit."),
    "too_long": (413, "The audio is longer than the limit."),
    **{code: (422, FAILURE_CODES[code]) for code in _OF_RECORDINGS},
    "busy": (503, "The server has as much to do as it can."),
    "internal": (500, "Something went wrong on the server; its log says what."),
}
"""dict of str to (int, str): every problem's HTTP status and title, by code."""


class ProblemDetails(BaseModel):
    """A problem, as https://www.rfc-editor.org/rfc/rfc9457 has it."""

    type: str = Field(description="`urn:callmood:problem:` and the code.", examples=["urn:callmood:problem:not_audio"])
    code: str = Field(description="For programs.", examples=list(PROBLEMS))
    title: str = Field(description="The same for every problem with this code.")
    status: int = Field(description="The HTTP status.", ge=400, le=599)
    detail: str = Field(description="What happened this time, and what to do.")


class Problem(CallmoodError):
    """A request that cannot be answered.

    Parameters
    ----------
    code : str
        One of `PROBLEMS`.
    detail : str
        What happened, and what to do.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.status, self.title = PROBLEMS[code]

    def details(self) -> dict[str, Any]:
        """The problem as JSON."""
        return ProblemDetails(
            type=f"urn:callmood:problem:{self.code}",
            code=self.code,
            title=self.title,
            status=self.status,
            detail=str(self),
        ).model_dump()

    def headers(self) -> dict[str, str]:
        """What an HTTP answer tells of it besides."""
        known = {
            "unauthorized": {"WWW-Authenticate": "ApiKey"},
            "method_not_allowed": {"Allow": "GET, POST"},
            "busy": {"Retry-After": "5"},
        }
        return known.get(self.code, {})
