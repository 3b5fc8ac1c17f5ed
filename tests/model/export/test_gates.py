"""The gates: each failed gate is named, and a required gate fails without a report."""

import json
import re

import pytest
from model_program import model_output, run_model

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
    results = gates.check(gates.read(gates.DEFAULT), reports)
    return {result.gate.name: result.outcome for result in results}


def test_failed_and_unmeasured_gates_are_named():
    found = outcomes(EVALUATION)
    assert found["accuracy on CREMA-D"] == "passed"
    assert found["accuracy on CREMA-D, lower bound"] == "passed"
    assert found["UAR gap between sexes"] == "failed"
    assert found["accuracy loss through the telephone"] == "not measured"
    assert outcomes()["accuracy on every evaluated corpus"] == "failed"  # it is required
    assert outcomes(EVALUATION | {"corpora": ["emodb"], "accuracy": 59.9})["accuracy on EMO-DB"] == "failed"


@pytest.mark.parametrize(("accuracy", "outcome"), [(78.0, "passed"), (77.9, "failed")])
def test_gate_on_the_difference_of_two_reports(accuracy, outcome):
    telephone = EVALUATION | {"channel": "telephone", "accuracy": accuracy}
    assert outcomes(EVALUATION, telephone)["accuracy loss through the telephone"] == outcome


def test_worst_of_several_reports_counts():
    assert outcomes(EVALUATION, EVALUATION | {"accuracy": 10})["accuracy on CREMA-D"] == "failed"


def test_command_exits_with_1_after_a_failed_gate(tmp_path):
    report, metadata = tmp_path / "evaluation.json", tmp_path / "emotion.json"
    report.write_text(json.dumps(EVALUATION))
    metadata.write_text(json.dumps({"version": "other"}))
    result = run_model("gates", report, metadata)
    assert result.exit_code == 1
    assert re.fullmatch(r"1 of \d+ gates failed\n", result.stderr)
    assert "failed: UAR gap between sexes is 13, must be at most 12\n" in result.stdout
    report.write_text(json.dumps(EVALUATION | {"groups": {}}))
    model_output("gates", report)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("gates.toml", "gate = 1", "gates.toml: gate: Input should be a valid list"),
        ("gates.toml", "gate", "gates.toml is not a TOML file"),
        ("gates.toml", "[[gate]]\nname = 'a'\nreport = {}\nmetric = 'x'", "a: give either at_least or at_most"),
        ("gates.toml", "[[gate]]\nname = 'a'\nreport = {}\nmetrik = 'x'", "metrik: Extra inputs"),
        ("report.json", "{", "report.json is not a JSON file"),
        ("report.json", json.dumps(EVALUATION | {"model": "xyz"}), "the reports are on 2 models"),
    ],
)
def test_invalid_file_is_named(tmp_path, name, content, message):
    (tmp_path / "first.json").write_text(json.dumps(EVALUATION))
    (tmp_path / name).write_text(content)
    with pytest.raises(GatesError, match=message):
        gates.read(tmp_path / name) if name == "gates.toml" else gates.read_reports(sorted(tmp_path.glob("*.json")))
    with pytest.raises(GatesError, match=r"does not exist|cannot read"):
        gates.read(tmp_path / "no") if name == "gates.toml" else gates.read_reports([tmp_path / "no"])
