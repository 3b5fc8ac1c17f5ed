"""Structured logs for Cloud Logging: one JSON object per line. Lines contain IDs, but no names, numbers, or audio.

https://cloud.google.com/logging/docs/structured-logging lists the special fields.
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
    """Format a record as one line of JSON: severity, message, fields of the context, and ``extra={"fields": …}``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON. A traceback is part of the message, because Error Reporting expects it there."""
        message = record.getMessage()
        if record.exc_info:
            message = f"{message}\n{self.formatException(record.exc_info)}"
        for private in _private.get():
            message = message.replace(private, "[object]")
        entry = {"severity": record.levelname, "message": message, **_fields.get(), **getattr(record, "fields", {})}
        return json.dumps(entry)


def setup() -> None:
    """Write all records of level INFO and above to standard output, which Cloud Logging collects."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(CloudFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


@contextmanager
def context(*, private: str = "", **fields: str | None) -> Iterator[None]:
    """Add fields to all lines that are logged in this context.

    Parameters
    ----------
    private : str
        Object name to redact, because it may contain a person's name or number. It is also redacted in its
        URL-encoded forms, which errors of libraries contain.
    **fields : str or None
        Names and values. A field with the value None is omitted.
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
    """Return the field that links a line to its request.

    Parameters
    ----------
    header : str or None
        Header ``X-Cloud-Trace-Context`` of the request: ``TRACE/SPAN;o=1``.
    project : str or None
        Project of the deployment. Cloud Logging cannot find the trace without it.

    Returns
    -------
    dict of str to str
        ``logging.googleapis.com/trace``; empty if the header or the project is missing.
    """
    found = re.match(r"[0-9a-f]{32}(?=/)", header or "")
    return {"logging.googleapis.com/trace": f"projects/{project}/traces/{found[0]}"} if found and project else {}
