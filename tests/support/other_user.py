"""Run code as a user who is not root, because root may read every file."""

import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

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


def command_as_other_user(*arguments, **environment):
    """Run `callmood` as such a user, and return the finished process."""
    identity = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.getuid() == 0 else {}
    functions = str(Path(__file__).parents[2] / "functions")
    return subprocess.run(
        [sys.executable, "-m", "callmood", *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": functions, "PYTHONDONTWRITEBYTECODE": "1"} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        **identity,
    )


@pytest.fixture
def shared_folder():
    """Return a folder that the other user may write to; `tmp_path` is below a private folder."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    yield folder
    subprocess.run(["chmod", "-R", "u+rwX", str(folder)], check=True)
    shutil.rmtree(folder)
