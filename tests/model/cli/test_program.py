"""The program `python -m model`: its help, its lazy imports, and its exit codes."""

import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from model_program import run_model
from typer.main import get_command

from model.cli.app import app
from model.data.corpora import CORPORA
from model.types import CorpusName

ROOT = Path(__file__).parents[3]
HEAVY = ("tensorflow", "keras", "scipy", "librosa", "duckdb", "optuna", "google.cloud.storage")
COMMANDS = sorted(get_command(app).commands)
ENVIRONMENT = os.environ | {"PYTHONPATH": f"{ROOT / 'functions'}:{ROOT}"}


def test_help_imports_no_heavy_package():
    code = f"""
import sys
from typer.testing import CliRunner
from model.cli.app import app
for command in {COMMANDS}:
    assert CliRunner().invoke(app, [command, "--help"]).exit_code == 0, command
print([name for name in {HEAVY} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_a_summary(command):
    summary = run_model(command, "--help").stdout.split("\n\n")[1].strip()
    assert summary
    assert summary[0].isupper()


def test_main_module_runs_the_program():
    done = subprocess.run([sys.executable, "-m", "model"], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "python -m model" in done.stdout + done.stderr


def test_unknown_command_is_reported():
    result = run_model("ingets")
    assert result.exit_code == 2
    assert "Did you mean 'ingest'?" in result.stderr


def test_error_is_one_line(tmp_path):
    result = run_model("ingest", "--corpus", "tess", "--root", tmp_path / "none", "--out", tmp_path / "m.parquet")
    assert result.exit_code == 1
    assert result.stderr == f"error: {tmp_path / 'none'} does not exist\n"


def test_option_accepts_every_corpus():
    assert set(get_args(CorpusName)) == CORPORA.keys()
