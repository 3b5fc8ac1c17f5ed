"""Run code as a user who is not root, because root may read every file."""

import os
import pickle
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from callmood.cli.app import app

NOBODY = 65534


def run_as_other_user(function):
    """Run a function in a child process of a user without privileges, and return its result."""
    if os.getuid() != 0:
        return function()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.write(write, pickle.dumps(function()))
            code = 0
        finally:
            os._exit(code)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        content = pipe.read()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    return pickle.loads(content)


def command_as_other_user(*arguments):
    """Run `callmood` as such a user, in a copy of this process, and return (exit code, output).

    The user may not be able to read this Python, so the command runs once before: everything is then imported.
    """
    CliRunner().invoke(app, [*map(str, arguments), "--help"])

    def command():
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        return result.exit_code, result.stdout, result.stderr

    return run_as_other_user(command)


@pytest.fixture
def shared_folder():
    """Return a folder that the other user may write to; `tmp_path` is below a private folder."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    yield folder
    subprocess.run(["chmod", "-R", "u+rwX", str(folder)], check=True)
    shutil.rmtree(folder)
