"""Vega-Lite plots of a model card: confusion, calibration, groups of speakers, and learning curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import vl_convert

from callmood.types import EMOTIONS
from model.data.corpora import CORPORA
from model.files import atomic_write

Spec = dict[str, Any]
Report = Mapping[str, Any]

_AXIS = {"grid": False, "labelColor": "#444", "titleColor": "#444", "titleFontWeight": "normal", "labelFontSize": 11}
_CONFIG = {"axis": _AXIS, "view": {"stroke": None}, "font": "sans-serif", "background": "white", "padding": 12}
_BLUE, _GRAY, _ORANGE = "#2a6f97", "#b0b0b0", "#c8553d"
_PERCENT = {"domain": [0, 100], "nice": False}


def confusion(report: Report) -> Spec:
    """Plot the confusion matrix, with acted emotions in rows and predictions in columns, in percent of each row."""
    cells = [
        {"acted": acted, "predicted": predicted, "share": 100 * clips / sum(row)}
        for acted, row in zip(EMOTIONS, report["confusion"], strict=True)
        if sum(row)
        for predicted, clips in zip(EMOTIONS, row, strict=True)
    ]
    x = {
        "field": "predicted",
        "type": "nominal",
        "sort": list(EMOTIONS),
        "title": "predicted",
        "axis": {"labelAngle": 0},
    }
    y = {"field": "acted", "type": "nominal", "sort": list(EMOTIONS), "title": "acted"}
    text = {"condition": {"test": "datum.share > 50", "value": "white"}, "value": "#222"}
    return {
        "title": f"Predictions, in percent of the acted emotion: {_on(report)}",
        "width": 420,
        "height": 300,
        "data": {"values": cells},
        "encoding": {"x": x, "y": y},
        "layer": [
            {
                "mark": {"type": "rect", "stroke": "white"},
                "encoding": {
                    "color": {
                        "field": "share",
                        "type": "quantitative",
                        "scale": {"range": ["#f4f7f9", _BLUE], "domain": [0, 100]},
                        "legend": None,
                    }
                },
            },
            {
                "mark": {"type": "text", "fontSize": 12},
                "encoding": {"text": {"field": "share", "format": ".0f"}, "color": text},
            },
        ],
    }


def calibration(report: Report) -> Spec:
    """Plot accuracy against confidence; a calibrated model is on the diagonal."""
    axis = {"type": "quantitative", "scale": _PERCENT}
    return {
        "title": f"Calibration: {_on(report)}",
        "width": 320,
        "height": 320,
        "layer": [
            {
                "data": {"values": [{"at": 0}, {"at": 100}]},
                "mark": {"type": "line", "color": _GRAY, "strokeDash": [4, 4]},
                "encoding": {
                    "x": {**axis, "field": "at", "title": "confidence, %"},
                    "y": {**axis, "field": "at", "title": "accuracy, %"},
                },
            },
            {
                "data": {"values": list(report["calibration"])},
                "mark": {"type": "point", "filled": True, "color": _BLUE, "opacity": 0.9},
                "encoding": {
                    "x": {**axis, "field": "confidence"},
                    "y": {**axis, "field": "accuracy"},
                    "size": {"field": "clips", "type": "quantitative", "scale": {"range": [15, 400]}, "title": "clips"},
                },
            },
        ],
    }


def groups(report: Report, attributes: Sequence[str]) -> Spec:
    """Plot the UAR of each group of speakers with its interval; the line is the UAR of all speakers."""
    rows = []
    for attribute in attributes:
        for name, metrics in report["groups"].get(attribute, {"groups": {}})["groups"].items():
            low, high = metrics["intervals"].get("uar", (None, None))
            speakers = metrics["speakers"]
            label = f"{name} ({speakers} speaker{'s' if speakers > 1 else ''})"
            rows.append({"attribute": attribute, "group": label, "uar": metrics["uar"], "low": low, "high": high})
    y = {"field": "group", "type": "nominal", "title": None, "axis": {"labelLimit": 240}, "sort": None}
    x = {"type": "quantitative", "scale": {"zero": False, "padding": 10}}
    return {
        "title": f"UAR by group of speakers, %: {_on(report)}",
        "data": {"values": rows},
        "facet": {"row": {"field": "attribute", "title": None, "header": {"labelAngle": 0, "labelAlign": "left"}}},
        "resolve": {"scale": {"y": "independent"}},
        "spec": {
            "width": 380,
            "height": {"step": 22},
            "layer": [
                {
                    "mark": {"type": "rule", "color": _GRAY, "strokeDash": [4, 4]},
                    "encoding": {"x": {"datum": report["uar"], **x}},
                },
                {
                    "mark": {"type": "rule", "color": _BLUE, "strokeWidth": 2},
                    "encoding": {
                        "x": {**x, "field": "low", "title": "UAR, % (lines: 95 % intervals)"},
                        "x2": {"field": "high"},
                        "y": y,
                    },
                },
                {
                    "mark": {"type": "point", "filled": True, "size": 60, "color": _BLUE, "opacity": 1},
                    "encoding": {"x": {**x, "field": "uar"}, "y": y},
                },
            ],
        },
    }


def learning(history: Sequence[Mapping[str, float]]) -> Spec:
    """Plot the losses, and the accuracy on the held-out speakers, by epoch."""
    titles = {"loss": "training loss", "held_out_loss": "loss on held-out speakers"}
    losses = [
        {"epoch": epoch["epoch"], "series": title, "value": epoch[name]}
        for epoch in history
        for name, title in titles.items()
        if name in epoch
    ]
    accuracies = [
        {"epoch": epoch["epoch"], "value": 100 * epoch["held_out_accuracy"]}
        for epoch in history
        if "held_out_accuracy" in epoch
    ]
    x = {"field": "epoch", "type": "quantitative", "axis": {"tickMinStep": 1, "format": "d"}}
    y = {"field": "value", "type": "quantitative", "scale": {"zero": False}}
    series = list(dict.fromkeys(loss["series"] for loss in losses))  # there may be no held-out speakers
    color = {"domain": series, "range": [_GRAY, _BLUE][: len(series)]}
    plots: list[Spec] = [
        {
            "width": 300,
            "height": 220,
            "data": {"values": losses},
            "mark": {"type": "line", "point": True},
            "encoding": {
                "x": x,
                "y": {**y, "title": "loss"},
                "color": {
                    "field": "series",
                    "type": "nominal",
                    "scale": color,
                    "legend": {"title": None, "orient": "top"},
                },
            },
        }
    ]
    if accuracies:
        plots.append(
            {
                "width": 300,
                "height": 220,
                "data": {"values": accuracies},
                "mark": {"type": "line", "point": {"color": _ORANGE}, "color": _ORANGE},
                "encoding": {"x": x, "y": {**y, "title": "accuracy on held-out speakers, %"}},
            }
        )
    return {"title": "Learning curves", "hconcat": plots}


def write(spec: Spec, file: Path) -> None:
    """Write a plot as SVG; equal plots have equal bytes."""
    with atomic_write(file) as unfinished:
        unfinished.write_text(vl_convert.vegalite_to_svg({**spec, "config": _CONFIG}), encoding="utf-8")


def _on(report: Report) -> str:
    baseline = "no baseline" if report["baseline"] == "none" else f"baseline {report['baseline']}"
    corpora = ", ".join(CORPORA[name].title if name in CORPORA else name for name in report["corpora"])
    return f"{corpora}, {report['channel']}, {baseline}"
