"""The gates: each that is broken is named, and nothing passes for want of a look."""

import json
import sys

import pytest

from model.export import gates
from model.export.gates import GatesError

EVALUATION = {
    "kind": "evaluation",
    "model": "abc",
    "corpora": ["cremad"],
    "channel": "clean",
    "crop": "whole",
    "baseline": "neutral:30",
    "accuracy": 80.0,
    "intervals": {"accuracy": [75.0, 85.0]},
    "groups": {"sex": {"gaps": {"uar": {"points": 13.0}}}},
}


def outcomes(*reports):
    findings = gates.check(gates.read(gates.DEFAULT), reports)
    return {finding.gate.name: finding.outcome for finding in findings}


def test_names_what_is_broken_and_what_was_not_measured():
    found = outcomes(EVALUATION)
    assert found["accuracy on CREMA-D"] == "passed"
    assert found["accuracy on CREMA-D, lower bound"] == "passed"
    assert found["gap between the sexes in UAR"] == "broken"
    assert found["loss through the telephone"] == "not measured"
    assert outcomes()["accuracy on every corpus it was evaluated on"] == "broken"  # it is required
    assert outcomes(EVALUATION | {"corpora": ["emodb"], "accuracy": 59.9})["accuracy on EMO-DB"] == "broken"


@pytest.mark.parametrize(("accuracy", "outcome"), [(78.0, "passed"), (77.9, "broken")])
def test_a_difference_of_two_reports(accuracy, outcome):
    telephone = EVALUATION | {"channel": "telephone", "accuracy": accuracy}
    assert outcomes(EVALUATION, telephone)["loss through the telephone"] == outcome


def test_of_several_reports_the_worst_counts():
    assert outcomes(EVALUATION, EVALUATION | {"accuracy": 10})["accuracy on CREMA-D"] == "broken"


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["gates", *map(str, arguments)])
    gates.main()


def test_the_command_exits_with_1_and_says_why(tmp_path, monkeypatch, capsys):
    report, facts = tmp_path / "evaluation.json", tmp_path / "emotion.json"
    report.write_text(json.dumps(EVALUATION))
    facts.write_text(json.dumps({"version": "other"}))
    with pytest.raises(SystemExit, match=r"1 of \d+ gates are broken"):
        run(monkeypatch, report, facts)
    assert "broken: gap between the sexes in UAR is 13, must be at most 12\n" in capsys.readouterr().out
    report.write_text(json.dumps(EVALUATION | {"groups": {}}))
    run(monkeypatch, report)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("gates.toml", "gate = 1", "gates.toml: gate: Input should be a valid list"),
        ("gates.toml", "gate", "gates.toml is no TOML file"),
        ("gates.toml", "[[gate]]\nname = 'a'\nof = {}\nfigure = 'x'", "a: give at_least or at_most"),
        ("gates.toml", "[[gate]]\nname = 'a'\nof = {}\nfigur = 'x'", "figur: Extra inputs"),
        ("report.json", "{", "report.json is no JSON file"),
        ("report.json", json.dumps(EVALUATION | {"model": "xyz"}), "the reports are on 2 models"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path, name, content, said):
    (tmp_path / "first.json").write_text(json.dumps(EVALUATION))
    (tmp_path / name).write_text(content)
    with pytest.raises(GatesError, match=said):
        gates.read(tmp_path / name) if name == "gates.toml" else gates.read_reports(sorted(tmp_path.glob("*.json")))
    with pytest.raises(GatesError, match=r"is not there|cannot be read"):
        gates.read(tmp_path / "no") if name == "gates.toml" else gates.read_reports([tmp_path / "no"])
