"""The pictures of a model's card, by Vega-Lite: confusion, calibration, groups of speakers, learning curves."""

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
    """What was acted in rows, what was heard in columns; percent of each row."""
    cells = [
        {"acted": acted, "heard": heard, "share": 100 * clips / sum(row), "right": acted == heard}
        for acted, row in zip(EMOTIONS, report["confusion"], strict=True)
        if sum(row)
        for heard, clips in zip(EMOTIONS, row, strict=True)
    ]
    x = {"field": "heard", "type": "nominal", "sort": list(EMOTIONS), "title": "heard", "axis": {"labelAngle": 0}}
    y = {"field": "acted", "type": "nominal", "sort": list(EMOTIONS), "title": "acted"}
    text = {"condition": {"test": "datum.share > 50", "value": "white"}, "value": "#222"}
    return {
        "title": f"What was heard, in percent of what was acted: {_on(report)}",
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
    """How often it was right, by how sure it was; on the line they agree."""
    axis = {"type": "quantitative", "scale": _PERCENT}
    return {
        "title": f"As often right as it is sure? {_on(report)}",
        "width": 320,
        "height": 320,
        "layer": [
            {
                "data": {"values": [{"at": 0}, {"at": 100}]},
                "mark": {"type": "line", "color": _GRAY, "strokeDash": [4, 4]},
                "encoding": {
                    "x": {**axis, "field": "at", "title": "confidence, %"},
                    "y": {**axis, "field": "at", "title": "right, %"},
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
    """UAR of each group of speakers, with its interval; the line is that of all."""
    rows = []
    for attribute in attributes:
        for name, figures in report["groups"].get(attribute, {"groups": {}})["groups"].items():
            low, high = figures["intervals"].get("uar", (None, None))
            many = figures["speakers"]
            label = f"{name} ({many} speaker{'s' if many > 1 else ''})"
            rows.append({"attribute": attribute, "group": label, "uar": figures["uar"], "low": low, "high": high})
    y = {"field": "group", "type": "nominal", "title": None, "axis": {"labelLimit": 240}, "sort": None}
    x = {"type": "quantitative", "scale": {"zero": False, "padding": 10}}
    return {
        "title": f"UAR of groups of speakers, %: {_on(report)}",
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
                        "x": {**x, "field": "low", "title": "UAR, %; lines: intervals of 95 %"},
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
    """Losses, and accuracy on the speakers set aside, by epoch."""
    names = {"loss": "loss in training", "watch_loss": "loss on speakers set aside"}
    losses = [
        {"epoch": epoch["epoch"], "what": words, "value": epoch[name]}
        for epoch in history
        for name, words in names.items()
        if name in epoch
    ]
    accuracies = [
        {"epoch": epoch["epoch"], "value": 100 * epoch["watch_accuracy"]}
        for epoch in history
        if "watch_accuracy" in epoch
    ]
    x = {"field": "epoch", "type": "quantitative", "axis": {"tickMinStep": 1, "format": "d"}}
    y = {"field": "value", "type": "quantitative", "scale": {"zero": False}}
    there = list(dict.fromkeys(loss["what"] for loss in losses))  # nobody may be set aside
    color = {"domain": there, "range": [_GRAY, _BLUE][: len(there)]}
    pictures: list[Spec] = [
        {
            "width": 300,
            "height": 220,
            "data": {"values": losses},
            "mark": {"type": "line", "point": True},
            "encoding": {
                "x": x,
                "y": {**y, "title": "loss"},
                "color": {
                    "field": "what",
                    "type": "nominal",
                    "scale": color,
                    "legend": {"title": None, "orient": "top"},
                },
            },
        }
    ]
    if accuracies:
        pictures.append(
            {
                "width": 300,
                "height": 220,
                "data": {"values": accuracies},
                "mark": {"type": "line", "point": {"color": _ORANGE}, "color": _ORANGE},
                "encoding": {"x": x, "y": {**y, "title": "right on speakers set aside, %"}},
            }
        )
    return {"title": "Learning curves", "hconcat": pictures}


def write(spec: Spec, file: Path) -> None:
    """Draw a picture as SVG; the same picture has the same bytes."""
    with atomic_write(file) as unfinished:
        unfinished.write_text(vl_convert.vegalite_to_svg({**spec, "config": _CONFIG}), encoding="utf-8")


def _on(report: Report) -> str:
    baseline = "no baseline" if report["baseline"] == "none" else f"baseline {report['baseline']}"
    corpora = ", ".join(CORPORA[name].title if name in CORPORA else name for name in report["corpora"])
    return f"{corpora}, {report['channel']}, {baseline}"
