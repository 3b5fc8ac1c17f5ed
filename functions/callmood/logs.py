"""Structured logs for Cloud Logging: one JSON object per line. Lines contain IDs, but no names, numbers, or audio.

https://cloud.google.com/logging/docs/structured-logging lists the special fields.

Object names and paths are redacted in every form in which an error can contain them: as they are, quoted by `repr` or
JSON, and URL-encoded; whole, and each of their parts. A part that could also be a word, such as ``call``, is redacted
only in quotes or as a part of a path, and the constant text of callmood's own messages stays as it is.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from types import MappingProxyType
from urllib.parse import quote, quote_plus

REDACTED = "[object]"
"""str: replaces private text."""

# A part of a path that consists of these can be a word, a number, or a date of the message itself.
_COMMON = re.compile(r"[a-z]+|[A-Za-z]|[0-9.:+-]+")

_fields: ContextVar[Mapping[str, str]] = ContextVar("log_fields", default=MappingProxyType({}))
_private: ContextVar[tuple[str, ...]] = ContextVar("log_private", default=())


class CloudFormatter(logging.Formatter):
    """Format a record as one line of JSON: severity, message, fields of the context, and ``extra={"fields": …}``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON. A traceback is part of the message, because Error Reporting expects it there."""
        if record.name.startswith("callmood.") and isinstance(record.args, tuple):
            message = str(record.msg) % tuple(map(_redacted_argument, record.args))
        else:
            message = redact(record.getMessage())
        if record.exc_info:
            message = f"{message}\n{redact(self.formatException(record.exc_info))}"
        entry = {"severity": record.levelname, "message": message, **_fields.get(), **getattr(record, "fields", {})}
        return json.dumps(entry)


class _Argument:
    """An argument of a log message, whose text is redacted when it is formatted."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __str__(self) -> str:
        return redact(str(self._value))

    def __repr__(self) -> str:
        return redact(repr(self._value))


def _redacted_argument(value: object) -> object:
    return value if isinstance(value, int | float) else _Argument(value)


def redact(text: str) -> str:
    """Return a text without the private names of this context."""
    for private in _private.get():
        text = private_pattern(private).sub(REDACTED, text)
    return text


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
        Object name or path to redact, because it may contain a person's name or number.
    **fields : str or None
        Names and values. A field with the value None is omitted.
    """
    known = {name: value for name, value in fields.items() if value is not None}
    hidden = (private,) if private.strip("/") else ()
    tokens = _fields.set({**_fields.get(), **known}), _private.set((*_private.get(), *hidden))
    try:
        yield
    finally:
        _fields.reset(tokens[0])
        _private.reset(tokens[1])


@lru_cache(maxsize=64)
def private_pattern(name: str) -> re.Pattern[str]:
    r"""Return a pattern of all forms of a name in messages.

    Parameters
    ----------
    name : str
        Object name or path, with at least one character that is not a slash.

    Returns
    -------
    re.Pattern
        Matches the name, each of its parts, and the parts without their suffix, as whole words.

    Examples
    --------
    >>> private_pattern("2026/Zoë.wav").sub("[object]", r"no '2026/Zo\xeb.wav', 2026-11-27")
    "no '[object]', 2026-11-27"
    >>> private_pattern("a").sub("[object]", "Analyzed a file: 'a'")
    "Analyzed a file: '[object]'"
    """
    parts = [part for part in name.split("/") if part]
    texts = {name, name.strip("/"), *parts, *(part.rpartition(".")[0] for part in parts)}
    forms = {form: text for text in texts if text for form in _forms(text)}
    # Longest first, so that a part is not redacted within the whole.
    return re.compile("|".join(_bounded(form, forms[form]) for form in sorted(forms, key=len, reverse=True)))


def _forms(text: str) -> set[str]:
    """Return the forms in which messages contain a text: an error can also quote an error that quotes it."""
    quoted = _quoted(text)
    encoded = {
        quote(text, errors="replace"),
        quote(text, safe="", errors="replace"),
        quote_plus(text, errors="replace"),
    }
    return {text} | encoded | quoted | {form for once in quoted for form in _quoted(once)}


def _quoted(text: str) -> set[str]:
    """Return the content of a text's literals in Python and JSON, with the quotes of either kind escaped or not."""
    literals = {repr(text), ascii(text), json.dumps(text), json.dumps(text, ensure_ascii=False)}
    literals |= {repr(text.encode(errors="surrogatepass"))[1:], f"'{text.encode('unicode_escape').decode()}'"}
    inner = {literal[1:-1] for literal in literals}
    return inner | {form.replace("'", "\\'") for form in inner} | {form.replace('"', '\\"') for form in inner}


def _bounded(form: str, text: str) -> str:
    """Return the pattern of a form as a whole word; of a text that could be a word, only in quotes or in a path."""
    escaped = re.escape(form)
    if _COMMON.fullmatch(text):
        return rf"(?<=['\"/=]){escaped}(?=['\"/?&\s]|\Z)|(?<=%2F){escaped}(?!\w)"
    return rf"(?<!\w){escaped}(?!\w)"


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
