"""Logs in Cloud Logging's form: one JSON object a line, with ids in it, and never names, numbers or audio.

https://cloud.google.com/logging/docs/structured-logging lists the fields with a meaning.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from urllib.parse import quote

_fields: ContextVar[Mapping[str, str]] = ContextVar("log_fields", default=MappingProxyType({}))
_private: ContextVar[tuple[str, ...]] = ContextVar("log_private", default=())


class CloudFormatter(logging.Formatter):
    """A record as one line of JSON: severity, message, the context's fields, and what `extra={"fields": …}` adds."""

    def format(self, record: logging.LogRecord) -> str:
        """Record to JSON, its traceback part of the message, where Error Reporting looks for it."""
        message = record.getMessage()
        if record.exc_info:
            message = f"{message}\n{self.formatException(record.exc_info)}"
        for private in _private.get():
            message = message.replace(private, "[object]")
        entry = {"severity": record.levelname, "message": message, **_fields.get(), **getattr(record, "fields", {})}
        return json.dumps(entry)


def setup() -> None:
    """Send every record of level INFO and above to standard output, where Cloud Logging reads it."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(CloudFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


@contextmanager
def context(*, private: str = "", **fields: str | None) -> Iterator[None]:
    """Add fields to every line that is logged within.

    Parameters
    ----------
    private : str
        An object's name, which may hold a person's name or number: not to be shown by any line, nor as part of a URL
        in a library's error.
    **fields : str or None
        Names and values; None adds nothing.
    """
    known = {name: value for name, value in fields.items() if value is not None}
    hidden = tuple(filter(None, (private, quote(private), quote(private, safe=""))))
    tokens = _fields.set({**_fields.get(), **known}), _private.set((*_private.get(), *hidden))
    try:
        yield
    finally:
        _fields.reset(tokens[0])
        _private.reset(tokens[1])


def trace(header: str | None, project: str | None) -> dict[str, str]:
    """Field that ties a line to the request it was logged for.

    Parameters
    ----------
    header : str or None
        The request's ``X-Cloud-Trace-Context``: ``TRACE/SPAN;o=1``.
    project : str or None
        Project of the deployment; without it Cloud Logging cannot find the trace.

    Returns
    -------
    dict of str to str
        ``logging.googleapis.com/trace``, or nothing where it is not known.
    """
    found = re.match(r"[0-9a-f]{32}(?=/)", header or "")
    return {"logging.googleapis.com/trace": f"projects/{project}/traces/{found[0]}"} if found and project else {}
