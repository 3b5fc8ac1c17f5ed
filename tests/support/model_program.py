"""Runs `python -m model` in the test's process."""

from typer.testing import CliRunner, Result

from model.cli.app import app


def run_model(*arguments: object) -> Result:
    """Run a command; return its `exit_code`, `stdout`, and `stderr`."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


def model_output(*arguments: object) -> str:
    """Run a command that must succeed; return its standard output."""
    result = run_model(*arguments)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def model_error(*arguments: object) -> str:
    """Run a command that must fail; return its standard error."""
    result = run_model(*arguments)
    assert result.exit_code != 0
    return result.stderr
