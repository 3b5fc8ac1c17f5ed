"""The command line as a whole: help, version, errors, and start-up time."""

import os
import socket
import subprocess
import sys

import pytest
from stack.services import ROOT
from typer.main import get_command
from typer.testing import CliRunner

from callmood import __version__
from callmood.cli.app import app
from callmood.warehouse.duckdb import DuckDBWarehouse

PATH = os.environ["PATH"]
COMMANDS = get_command(app).commands


@pytest.mark.parametrize("name", COMMANDS)
def test_help_describes_every_parameter_and_has_an_example(name):
    command = COMMANDS[name]
    assert command.help
    assert command.epilog.startswith("Example:")
    assert f"callmood {name}" in command.epilog
    assert all(parameter.help for parameter in command.params)
    assert CliRunner().invoke(app, [name, "--help"]).exit_code == 0


@pytest.mark.parametrize("arguments", [["--version"], ["settings", "--help"]])
def test_package_runs_as_a_module(arguments):
    command = [sys.executable, "-m", "callmood", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT / "functions")})
    assert done.returncode == 0, done.stderr
    assert __version__ in done.stdout or "Usage: callmood settings" in done.stdout


def test_start_does_not_load_heavy_libraries():
    script = "import sys, callmood.cli.app; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env={"PYTHONPATH": str(ROOT / "functions")}
    )
    loaded = set(done.stdout.split())
    assert "typer" in loaded
    assert loaded.isdisjoint({"duckdb", "google.auth", "jinja2", "numpy", "pandas", "pydantic", "sqlglot", "starlette"})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["erase"], "set either --call-id or --customer-id"),
        (["capacity"], "set --burst NUMBER, --per-hour NUMBER, or both"),
        (["backfill", "recordings/"], "is not a Cloud Storage URI"),
        (["backfill", "gs://acme-calls"], "set --project or GOOGLE_CLOUD_PROJECT"),
        (["query", "SELECT 1", "--store", "missing.duckdb"], "create it with: callmood analyze FOLDER"),
    ],
)
def test_expected_error_is_one_line_with_exit_code_2(arguments, message, monkeypatch):
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert done.output.startswith("error: ")
    assert message in done.output
    assert len(done.output.splitlines()) == 1


def test_bug_is_not_hidden(monkeypatch):
    def broken(path):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("callmood.cli.query.open_store", broken)
    done = CliRunner().invoke(app, ["failures"])
    assert isinstance(done.exception, ZeroDivisionError)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report", "file/out"], "file/out: not a directory"),
        (["report", "/proc/out"], "/proc/out: no such file or directory"),
        (["export", "calls", "out.csv", "--store", "folder/calls.duckdb"], "store folder/calls.duckdb does not exist"),
    ],
)
def test_error_of_the_system_is_one_sentence(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CALLMOOD_STORE", str(tmp_path / "calls.duckdb"))
    DuckDBWarehouse(tmp_path / "calls.duckdb")
    (tmp_path / "file").write_text("")
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert message in done.output
    assert len(done.output.splitlines()) == 1


@pytest.mark.parametrize("command", ["serve", "realtime"])
def test_used_port_is_reported_before_an_address_is_printed(command, tmp_path, monkeypatch):
    monkeypatch.setenv("CALLMOOD_STORE", str(tmp_path / "calls.duckdb"))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        done = CliRunner().invoke(app, [command, "--port", str(port)])
    assert done.exit_code == 2
    assert done.output.startswith(f"error: cannot use port {port}: address already in use; choose another port")
    assert "http" not in done.output


def test_help_lists_commands_in_groups():
    text = CliRunner().invoke(app, ["--help"]).output
    panels = [text.index(f"─ {name} ─") for name in ("Start", "Results", "Quality", "Personal data", "Google Cloud")]
    assert all(position > 0 for position in panels)
    assert text.index("─ Results ─") < text.index(" report ")


def test_reader_of_a_pipe_may_stop(tmp_path):
    DuckDBWarehouse(tmp_path / "calls.duckdb")
    sql = "SELECT n FROM UNNEST(GENERATE_ARRAY(1, 200000)) AS n"
    command = f'"{sys.executable}" -m callmood query "{sql}" --json --store "{tmp_path}/calls.duckdb" | head -2'
    done = subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT / "functions"), "PATH": PATH},
    )
    assert (done.stdout, done.stderr) == ('{"n": 1}\n{"n": 2}\n', "")
