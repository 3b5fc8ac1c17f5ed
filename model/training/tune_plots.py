"""Vega-Lite plots of a tuning study."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import vl_convert

from model.files import atomic_write

Spec = dict[str, Any]

_METRIC_TITLES = {"uar": "UAR", "loss": "log loss"}
_AXIS = {"grid": False, "labelColor": "#444", "titleColor": "#444", "titleFontWeight": "normal"}
_CONFIG = {"axis": _AXIS, "view": {"stroke": None}, "font": "sans-serif", "background": "white"}
_BLUE, _GRAY = "#2a6f97", "#b0b0b0"
_TRIAL_COLOR = {
    "condition": {"test": "datum.pruned", "value": _GRAY},
    "value": _BLUE,
}


def history(study: Spec) -> Spec:
    """Plot the value of each trial and the best value so far; pruned trials are gray."""
    better = max if study["metric"] == "uar" else min
    points: list[Spec] = []
    best = None
    for trial in study["trials"]:
        if not trial["pruned"]:
            best = trial["value"] if best is None else better(best, trial["value"])
        points.append({"number": trial["number"], "value": trial["value"], "pruned": trial["pruned"], "best": best})
    x = {"field": "number", "type": "quantitative", "title": "trial", "axis": {"tickMinStep": 1, "format": "d"}}
    y = {"type": "quantitative", "title": _METRIC_TITLES[study["metric"]], "scale": {"zero": False}}
    return {
        "title": "Trials and the best value so far (gray: pruned)",
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
                "encoding": {"x": x, "y": {**y, "field": "value"}, "color": _TRIAL_COLOR},
            },
        ],
    }


def slices(study: Spec) -> Spec:
    """Plot the value of the trials against each parameter, one plot per parameter."""
    y = {"field": "value", "type": "quantitative", "title": _METRIC_TITLES[study["metric"]], "scale": {"zero": False}}
    plots = []
    for name in sorted({name for trial in study["trials"] for name in trial["parameters"]}):
        points = [
            {"at": trial["parameters"][name], "value": trial["value"], "pruned": trial["pruned"]}
            for trial in study["trials"]
            if name in trial["parameters"]
        ]
        plots.append(
            {
                "width": 200,
                "height": 160,
                "data": {"values": points},
                "mark": {"type": "point", "filled": True, "size": 35, "opacity": 0.8},
                "encoding": {"x": {"field": "at", "title": name, **_scale(points)}, "y": y, "color": _TRIAL_COLOR},
            }
        )
    return {"title": "Value of the trials by parameter (gray: pruned)", "columns": 3, "concat": plots}


def _scale(points: list[Spec]) -> Spec:
    """Use a quantitative scale for numbers (logarithmic above a factor of ten), and an ordinal scale otherwise."""
    values = [point["at"] for point in points]
    if any(isinstance(value, bool | str) for value in values) or len(set(values)) <= 4:
        return {"type": "ordinal", "axis": {"labelAngle": 0}}
    wide = min(values) > 0 and max(values) > 10 * min(values)
    axis = {"tickCount": 4, "format": "~g", "labelOverlap": "greedy"}
    return {"type": "quantitative", "scale": {"zero": False, "type": "log" if wide else "linear"}, "axis": axis}


def importance(study: Spec) -> Spec:
    """Plot the importance of each parameter as bars."""
    return {
        "title": "Parameter importance near the best trials (PED-ANOVA)",
        "width": 400,
        "data": {"values": [{"parameter": name, "share": share} for name, share in study["importance"].items()]},
        "mark": {"type": "bar", "color": _BLUE},
        "encoding": {
            "x": {"field": "share", "type": "quantitative", "title": "share", "axis": {"format": "%"}},
            "y": {"field": "parameter", "type": "nominal", "sort": "-x", "title": None, "axis": {"labelLimit": 300}},
        },
    }


def write(study: Spec, file: Path) -> list[str]:
    """Write the plots of a study report as SVG files beside `file`, and return their names."""
    plots: list[tuple[str, Callable[[Spec], Spec]]] = [("history", history), ("slices", slices)]
    if study["importance"]:
        plots.append(("importance", importance))
    names = []
    for name, plot in plots:
        path = file.with_name(f"{file.stem}.{name}.svg")
        with atomic_write(path) as temporary:
            temporary.write_text(vl_convert.vegalite_to_svg({**plot(study), "config": _CONFIG}))
        names.append(path.name)
    return names
