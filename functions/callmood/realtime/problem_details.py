"""Error responses as RFC 9457 problem details: a code for programs, and a sentence for people."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from callmood.errors import FAILURE_CODES, CallmoodError

MEDIA_TYPE = "application/problem+json"

_RECORDING_CODES = (
    "empty_file",
    "not_audio",
    "damaged",
    "unsupported_codec",
    "encrypted",
    "no_audio",
    "invalid_format",
)

PROBLEMS = {
    "bad_request": (400, "The request is invalid."),
    "invalid_session": (400, "The session token is damaged or has an invalid signature."),
    "session_expired": (400, "The session token has expired."),
    "sessions_disabled": (400, "Sessions are disabled: SESSION_KEY is not set."),
    "unauthorized": (401, "An API key or an access token is required."),
    "forbidden": (403, "Pages of other sites cannot use this server."),
    "not_found": (404, "The path does not exist."),
    "method_not_allowed": (405, "The path does not support this method."),
    "timeout": (408, "The request or the next frame did not arrive in time."),
    "too_large": (413, "The request or frame exceeds the size limit."),
    "too_long": (413, "The audio exceeds the duration limit."),
    "too_costly": (413, FAILURE_CODES["too_costly"]),
    **{code: (422, FAILURE_CODES[code]) for code in _RECORDING_CODES},
    "busy": (503, "The server is at capacity."),
    "internal": (500, "The server failed; its log contains the cause."),
}
"""dict of str to (int, str): HTTP status and title of each problem, by code."""


# The rest of the body is not read: without this header, the server would read it before the next request.
_CLOSE = {"Connection": "close"}


class ProblemDetails(BaseModel):
    """Problem details: https://www.rfc-editor.org/rfc/rfc9457."""

    type: str = Field(description="`urn:callmood:problem:` and the code.", examples=["urn:callmood:problem:not_audio"])
    code: str = Field(description="Error code for programs.", examples=list(PROBLEMS))
    title: str = Field(description="Summary; the same for every problem with this code.")
    status: int = Field(description="HTTP status.", ge=400, le=599)
    detail: str = Field(description="What happened in this request, and how to fix it.")


class Problem(CallmoodError):
    """A request that the service rejects or cannot complete.

    Parameters
    ----------
    code : str
        One of `PROBLEMS`.
    detail : str
        What happened, and how to fix it.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.status, self.title = PROBLEMS[code]

    def details(self) -> dict[str, Any]:
        """Return the problem details as a JSON object."""
        return ProblemDetails(
            type=f"urn:callmood:problem:{self.code}",
            code=self.code,
            title=self.title,
            status=self.status,
            detail=str(self),
        ).model_dump()

    def headers(self) -> dict[str, str]:
        """Return the HTTP headers that belong to the status."""
        headers = {
            "unauthorized": {"WWW-Authenticate": "ApiKey"},
            "method_not_allowed": {"Allow": "GET, POST"},
            "busy": {"Retry-After": "5"},
            "too_large": _CLOSE,
            "timeout": _CLOSE,
        }
        return headers.get(self.code, {})
