"""Names and metadata of recordings cannot control a terminal, imitate output, or become formulas."""

import contextlib
import csv
import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from audio_files import wav
from call_rows import call, classified
from hypothesis import given, settings
from hypothesis import strategies as st
from stack.services import ROOT
from typer.testing import CliRunner

from callmood.cli.app import app
from callmood.cli.output import SafeConsole, describe, print_json
from callmood.services.batch import FileResult
from callmood.warehouse.base import write_analysis
from callmood.warehouse.duckdb import DuckDBWarehouse
from callmood.warehouse.formulas import formula_as_text

HOSTILE = "a\x1b[2J\x1b]0;title\x07\x9b31m\u202egnp.wav\u2066b\x7f"
FORMULAS = ["=1+1", "+49 30 1234", "-cmd|' /C calc'!A0", "@SUM(1)", "\t=1", "\r=1"]


def is_harmless(text):
    return all(character == "\n" or character.isprintable() for character in text)


@settings(deadline=None)
@given(st.text())
def test_no_text_controls_the_terminal(text):
    console = SafeConsole(file=io.StringIO(), force_terminal=False)
    console.print(text, markup=False, highlight=False)
    assert is_harmless(console.file.getvalue().replace("\t", ""))


@settings(deadline=None)
@given(st.text())
def test_json_has_no_control_characters_and_the_same_value(text):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        print_json([{"name": text}])
    assert json.loads(printed.getvalue()) == {"name": text}
    assert is_harmless(printed.getvalue())


def test_name_cannot_look_like_another_line():
    row = {"code": "not_audio", "message": "The file is text."}
    text = describe(FileResult(Path("/calls/a\n3 analyzed.wav"), "failed", row=row), None)
    assert "\n" not in text


def test_failed_file_with_a_hostile_name_is_listed(tmp_path):
    folder = tmp_path / "calls"
    folder.mkdir()
    (folder / HOSTILE).write_bytes(b"text")
    (folder / f"good {HOSTILE}").write_bytes(wav())
    arguments = ["analyze", str(folder), "--store", str(tmp_path / "calls.duckdb")]
    for options in (["--workers", "1"], ["--json", "--force"]):
        done = CliRunner().invoke(app, [*arguments, *options])
        assert done.exit_code == 1
        assert is_harmless(done.output)
    done = CliRunner().invoke(app, ["failures", "--store", str(tmp_path / "calls.duckdb")])
    assert "not_audio" in done.output
    assert is_harmless(done.output)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = DuckDBWarehouse(tmp_path_factory.mktemp("hostile") / "calls.duckdb")
    for name in [*FORMULAS, HOSTILE, "-5.5", "calm"]:
        rows = call(name, customer=[classified(3, 30, anger=0.9)])
        write_analysis(store, rows["segments"], rows["recordings"][0])
    return store.path


def test_csv_on_a_terminal_has_no_control_characters(store):
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "callmood", "query", "SELECT call_id FROM calls", "--format", "csv"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "functions")}
    subprocess.run([*command, "--store", str(store)], stdout=follower, stderr=subprocess.DEVNULL, env=environment)
    shown = os.read(leader, 100_000).decode().replace("\r\n", "\n")
    os.close(leader)
    os.close(follower)
    assert "calm" in shown
    assert is_harmless(shown.replace("\t", ""))


@pytest.mark.parametrize("command", ["query", "export"])
def test_spreadsheet_shows_formulas_as_text(store, tmp_path, command):
    out = tmp_path / "calls.csv"
    if command == "export":
        done = CliRunner().invoke(app, ["export", "calls", str(out), "--spreadsheet", "--store", str(store)])
        text = out.read_bytes().decode()
    else:
        arguments = ["query", "SELECT * FROM calls", "--format", "csv", "--spreadsheet", "--store", str(store)]
        done = CliRunner().invoke(app, arguments)
        text = done.stdout
    assert done.exit_code == 0, done.output
    found = {row["call_id"] for row in csv.DictReader(io.StringIO(text, newline=""))}
    # Python 3.11 writes a carriage return into CSV without quotes, which ends the row there.
    formulas = FORMULAS if command == "export" else [formula for formula in FORMULAS if "\r" not in formula]
    assert {f"'{formula}" for formula in formulas} <= found
    assert {"-5.5", "calm"} <= found
    assert not found & set(FORMULAS)


def test_csv_for_programs_is_exact(store, tmp_path):
    out = tmp_path / "calls.csv"
    assert CliRunner().invoke(app, ["export", "calls", str(out), "--store", str(store)]).exit_code == 0
    with out.open(newline="", encoding="utf-8") as file:
        assert {*FORMULAS, HOSTILE} <= {row["call_id"] for row in csv.DictReader(file)}


@settings(deadline=None)
@given(st.text() | st.sampled_from(FORMULAS))
def test_protected_text_never_starts_a_formula(text):
    protected = formula_as_text(text)
    assert protected in (text, f"'{text}")
    if protected.startswith(("=", "+", "-", "@", "\t", "\r")):
        assert isinstance(pd.to_numeric(protected), float | int)
