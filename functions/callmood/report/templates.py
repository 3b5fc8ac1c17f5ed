"""The site's files as text: pages from templates, data as scripts, and the chart library."""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

import vl_convert
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


def page(template: str, made_at: datetime, **values: Any) -> str:
    """Render a page; every value is escaped.

    Parameters
    ----------
    template : str
        Name of a file in ``templates/``.
    made_at : datetime
        For the footer, in the zone that days and hours are in.
    **values
        What the template asks for.
    """
    known = {
        "version": __version__,
        "emotions": EMOTIONS,
        "labels": LABELS,
        "live": False,
        "agent_emotion": False,
        "health": None,
    }
    zone = getattr(made_at.tzinfo, "key", made_at.tzname())
    made = made_at.strftime("%Y-%m-%d %H:%M")
    return _environment.get_template(template).render({**known, "made_at": made, "zone": zone, **values})


def script(function: str, value: Any) -> str:
    r"""A script that hands a value to one of the page's functions. Pages opened from a disk cannot fetch JSON.

    Parameters
    ----------
    function : str
        Such as ``callmood.load``.
    value : object
        JSON-able.

    Examples
    --------
    >>> script("f", "</script>")
    'f("\\u003c/script>");\n'
    """
    return f"{function}({json.dumps(value, separators=(',', ':'), allow_nan=False)});\n".replace("<", "\\u003c")


@cache
def assets() -> dict[str, bytes]:
    """Every file that goes into ``assets/``, by name: our own, and Vega as its own project's package bundles it."""
    static = files("callmood.report") / "static"
    own = {file.name: file.read_bytes() for file in static.iterdir() if file.name.endswith((".js", ".css"))}
    notice = "/* Vega, Vega-Lite and Vega-Embed, https://vega.github.io, BSD-3-Clause. */\n"
    return {**own, "vega.js": (notice + vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")).encode()}
