"""Check requests to Google's REST APIs against the discovery documents of google-api-python-client."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

APIS = {"/bigquery/v2/": "bigquery.v2", "/storage/v1/": "storage.v1"}  # by the beginning of the path
UPLOADS = ("/upload", "/download", "/batch")  # media requests have no JSON body

# Query parameters of every method, and those that the clients add: https://cloud.google.com/apis/docs/system-parameters
SYSTEM_PARAMETERS = {"alt", "fields", "key", "prettyPrint", "quotaUser", "uploadType", "upload_id", "userProject"}


@cache
def document(name: str) -> dict[str, Any]:
    """Return a discovery document, such as ``run.v2``."""
    folder = files("googleapiclient") / "discovery_cache" / "documents"
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))


def methods(resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield all methods of a document or of one of its resources."""
    yield from resource.get("methods", {}).values()
    for inner in resource.get("resources", {}).values():
        yield from methods(inner)


@cache
def _routes(name: str) -> list[tuple[str, re.Pattern[str], dict[str, Any]]]:
    found = []
    for method in methods(document(name)):
        template = re.sub(r"\{\+?\w+\}", "[^/]+", method.get("flatPath", method["path"]))
        found.append((method["httpMethod"], re.compile(template), method))
    return found


def request_problems(verb: str, url: str, body: bytes) -> Iterator[str]:
    """Yield what a request to BigQuery or Cloud Storage has that its discovery document does not.

    Parameters
    ----------
    verb, url, body : str, str, bytes
        HTTP method, path with query, and body. Requests to other servers are not checked.
    """
    parts = urlsplit(url)
    base = next((base for base in APIS if parts.path.startswith(base)), None)
    if base is None:
        return
    name, path = APIS[base], parts.path.removeprefix(base).lstrip("/")
    method = next((one for kind, route, one in _routes(name) if kind == verb and route.fullmatch(path)), None)
    if method is None:
        yield f"{name} has no method {verb} {unquote(path)}"
        return
    known = SYSTEM_PARAMETERS | method.get("parameters", {}).keys()
    yield from (f"{method['id']} has no parameter {one}" for one in parse_qs(parts.query).keys() - known)
    if body and "request" in method:
        yield from problems(name, method["request"]["$ref"], json.loads(body))


def problems(name: str, schema: str | dict[str, Any], value: Any, path: str = "") -> Iterator[str]:
    """Yield where a value differs from a schema.

    Parameters
    ----------
    name : str
        Discovery document.
    schema : str or dict
        Name of a schema in the document, or a schema.
    value : object
        Decoded JSON.
    path : str
        Place of the value, for messages.
    """
    described = document(name)["schemas"][schema] if isinstance(schema, str) else schema
    if "$ref" in described:
        yield from problems(name, described["$ref"], value, path)
    elif described["type"] == "object":
        if not isinstance(value, dict):
            yield f"{path or schema} is not an object"
            return
        properties, others = described.get("properties", {}), described.get("additionalProperties")
        for key, inner in value.items():
            if key in properties or others:
                yield from problems(name, properties.get(key) or others, inner, f"{path}.{key}".lstrip("."))
            else:
                yield f"{path or schema} has no field {key}"
    elif described["type"] == "array":
        for item in value if isinstance(value, list) else [value]:
            yield from problems(name, described["items"], item, f"{path}[]")
    elif value is not None and not _is_valid(described, value):
        yield f"{path} is {value!r}, not {described.get('enum') or described['type']}"


def _is_valid(described: dict[str, Any], value: Any) -> bool:
    """Return whether a value has a scalar type. Google's servers convert numbers to strings; the clients rely on it."""
    kinds = {
        "string": (str, int, float),
        "integer": (int,),
        "number": (int, float),
        "boolean": (bool, str),  # the clients send "true" in parameters of a job
        "any": (object,),
    }
    permitted = described.get("enum")
    return isinstance(value, kinds[described["type"]]) and (not permitted or value in permitted)
