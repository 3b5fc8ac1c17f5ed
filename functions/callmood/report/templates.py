"""Render pages from templates and data as scripts, and load the assets of the site."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from contextlib import suppress
from datetime import datetime
from functools import cache
from importlib.metadata import version as package_version
from importlib.resources import files
from pathlib import Path
from threading import Lock
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from callmood import __version__
from callmood.report.payload import LABELS
from callmood.types import EMOTIONS

_environment = Environment(
    loader=PackageLoader("callmood.report"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render_page(template: str, built_at: datetime, **values: Any) -> str:
    """Render a page. All values are escaped.

    Parameters
    ----------
    template : str
        Name of a file in ``templates/``.
    built_at : datetime
        Time in the footer, in the zone of days and hours.
    **values
        Variables of the template.
    """
    defaults = {
        "version": __version__,
        "emotions": EMOTIONS,
        "labels": LABELS,
        "is_served": False,
        # Browsers keep the assets of a server, and load them again when they change.
        "assets_version": f"?v={assets_version()}" if values.get("is_served") else "",
        "detail_files": 0,
        "agent_emotion": False,
        "without_population": 0,
        "model_quality": None,
        "built_at": built_at.strftime("%Y-%m-%d %H:%M"),
        "zone": getattr(built_at.tzinfo, "key", built_at.tzname()),
    }
    return _environment.get_template(template).render({**defaults, **values})


def render_script(function: str, *arguments: Any) -> str:
    r"""Render a script that calls a function of the page, because pages on a disk cannot fetch JSON.

    Parameters
    ----------
    function : str
        For example ``callmood.provide``.
    *arguments : object
        JSON-serializable.

    Examples
    --------
    >>> render_script("f", 1, "</script>")
    'f(1,"\\u003c/script>");\n'
    """
    values = ",".join(json.dumps(argument, separators=(",", ":"), allow_nan=False) for argument in arguments)
    return f"{function}({values});\n".replace("<", "\\u003c")


def load_assets() -> dict[str, bytes]:
    """Load all files of ``assets/`` by name: a style sheet, a script per page, and Vega as bundled by vl-convert."""
    return {**_load_static(), _VEGA: _bundle_vega()}


def load_asset(name: str) -> bytes | None:
    """Load one file of ``assets/``.

    Parameters
    ----------
    name : str
        Name without a folder.

    Returns
    -------
    bytes or None
        None: the file does not exist.
    """
    return _bundle_vega() if name == _VEGA else _load_static().get(name)


_VEGA = "vega.js"

# One file per page: a server needs milliseconds for each file, and browsers request only six at once.
_SHARED_SCRIPTS = ("base", "payload", "data", "metrics", "csv", "reviews", "player")
_SCRIPTS = {
    "index_page.js": (
        *_SHARED_SCRIPTS,
        "sparkline",
        "charts",
        "statistics",
        "filters",
        "headline",
        "groups",
        "insights",
        "list",
        "index",
        "model_quality",
        "refresh",
    ),
    "call_page.js": (*_SHARED_SCRIPTS, "call_charts", "lanes", "why", "review", "call"),
    "empty_page.js": ("base", "refresh"),
}


@cache
def _load_static() -> dict[str, bytes]:
    static = files("callmood.report") / "static"
    pages = {page: b"".join((static / f"{name}.js").read_bytes() for name in names) for page, names in _SCRIPTS.items()}
    return {"page.css": (static / "page.css").read_bytes(), **pages}


@cache
def assets_version() -> str:
    """Return a text that changes when an asset changes."""
    content = b"".join(_load_static().values()) + package_version("vl-convert-python").encode()
    return hashlib.sha256(content).hexdigest()[:16]


_BUNDLE = """
import sys, vl_convert
sys.stdout.buffer.write(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;").encode())
"""
_bundle_lock = Lock()


def _bundle_vega() -> bytes:
    with _bundle_lock:
        return _load_bundle()


@cache
def _load_bundle() -> bytes:
    """Return the bundle from the user's cache folder, or create it there. Without a cache folder, only create it."""
    with suppress(OSError, RuntimeError):  # RuntimeError: no home folder
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "callmood"
        path = folder / f"vega-{package_version('vl-convert-python')}.js"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            temporary = path.with_suffix(f".{os.getpid()}")
            temporary.write_bytes(_create_bundle())
            temporary.replace(path)
        return path.read_bytes()
    return _create_bundle()


def _create_bundle() -> bytes:
    # The bundler needs seconds, in which no other thread of its process runs.
    done = subprocess.run([sys.executable, "-c", _BUNDLE], capture_output=True, check=True)  # noqa: S603 - a constant
    return b"/* Vega, Vega-Lite and Vega-Embed, https://vega.github.io, BSD-3-Clause. */\n" + done.stdout
