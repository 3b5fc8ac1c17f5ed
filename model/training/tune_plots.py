"""Pictures of a tuning study, by Vega-Lite."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import vl_convert

from model.files import atomic_write

Spec = dict[str, Any]

_NAMES = {"uar": "UAR", "loss": "log loss"}
_AXIS = {"grid": False, "labelColor": "#444", "titleColor": "#444", "titleFontWeight": "normal"}
_CONFIG = {"axis": _AXIS, "view": {"stroke": None}, "font": "sans-serif", "background": "white"}
_BLUE, _GRAY = "#2a6f97", "#b0b0b0"
_STATE = {
    "condition": {"test": "datum.pruned", "value": _GRAY},
    "value": _BLUE,
}


def history(study: Spec) -> Spec:
    """Each trial in its turn, and the best so far; what was given up is gray."""
    better = max if study["measure"] == "uar" else min
    points: list[Spec] = []
    best = None
    for trial in study["trials"]:
        if not trial["pruned"]:
            best = trial["value"] if best is None else better(best, trial["value"])
        points.append({"number": trial["number"], "value": trial["value"], "pruned": trial["pruned"], "best": best})
    x = {"field": "number", "type": "quantitative", "title": "trial", "axis": {"tickMinStep": 1, "format": "d"}}
    y = {"type": "quantitative", "title": _NAMES[study["measure"]], "scale": {"zero": False}}
    return {
        "title": "Trials, and the best so far; gray: given up",
        "width": 560,
        "height": 260,
        "data": {"values": points},
        "layer": [
            {
                "mark": {"type": "line", "interpolate": "step-after", "color": _BLUE, "opacity": 0.5},
                "transform": [{"filter": "isValid(datum.best)"}],
                "encoding": {"x": x, "y": {**y, "field": "best"}},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 40, "opacity": 1},
                "encoding": {"x": x, "y": {**y, "field": "value"}, "color": _STATE},
            },
        ],
    }


def slices(study: Spec) -> Spec:
    """What each value brought, a picture a place."""
    y = {"field": "value", "type": "quantitative", "title": _NAMES[study["measure"]], "scale": {"zero": False}}
    pictures = []
    for place in sorted({name for trial in study["trials"] for name in trial["values"]}):
        points = [
            {"at": trial["values"][place], "value": trial["value"], "pruned": trial["pruned"]}
            for trial in study["trials"]
            if place in trial["values"]
        ]
        pictures.append(
            {
                "width": 200,
                "height": 160,
                "data": {"values": points},
                "mark": {"type": "point", "filled": True, "size": 35, "opacity": 0.8},
                "encoding": {"x": {"field": "at", "title": place, **_scale(points)}, "y": y, "color": _STATE},
            }
        )
    return {"title": "What each value brought; gray: given up", "columns": 3, "concat": pictures}


def _scale(points: list[Spec]) -> Spec:
    """Numbers on a line, by their logarithm where they span more than a factor of ten; anything else side by side."""
    values = [point["at"] for point in points]
    if any(isinstance(value, bool | str) for value in values) or len(set(values)) <= 4:
        return {"type": "ordinal", "axis": {"labelAngle": 0}}
    wide = min(values) > 0 and max(values) > 10 * min(values)
    axis = {"tickCount": 4, "format": "~g", "labelOverlap": "greedy"}
    return {"type": "quantitative", "scale": {"zero": False, "type": "log" if wide else "linear"}, "axis": axis}


def importance(study: Spec) -> Spec:
    """How much each place matters, as bars."""
    return {
        "title": "How much each value matters near the best (PED-ANOVA)",
        "width": 400,
        "data": {"values": [{"place": place, "share": share} for place, share in study["importance"].items()]},
        "mark": {"type": "bar", "color": _BLUE},
        "encoding": {
            "x": {"field": "share", "type": "quantitative", "title": "share", "axis": {"format": "%"}},
            "y": {"field": "place", "type": "nominal", "sort": "-x", "title": None, "axis": {"labelLimit": 300}},
        },
    }


def write(study: Spec, file: Path) -> list[str]:
    """Draw a study's report beside `file` as SVG; return the pictures' names."""
    pictures: list[tuple[str, Callable[[Spec], Spec]]] = [("history", history), ("slices", slices)]
    if study["importance"]:
        pictures.append(("importance", importance))
    names = []
    for name, picture in pictures:
        path = file.with_name(f"{file.stem}.{name}.svg")
        with atomic_write(path) as unfinished:
            unfinished.write_text(vl_convert.vegalite_to_svg({**picture(study), "config": _CONFIG}))
        names.append(path.name)
    return names
