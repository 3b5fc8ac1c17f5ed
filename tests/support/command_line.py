"""Run `callmood` in the test process, and the example calls to run it on."""

import json

from stack.services import ROOT
from typer.testing import CliRunner

from callmood.cli.app import app

EXAMPLES = sorted((ROOT / "tests/examples").glob("*.wav"))


def run(*arguments, code=0):
    """Run a command, check its exit code, and return its output."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.output


def json_lines(output):
    """Parse the output of a command with `--json`."""
    return [json.loads(line) for line in output.splitlines()]
