"""Python environments that tests install once and keep in `.cache`."""

import fcntl
import hashlib
import shutil
import subprocess
import sys
import venv
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


def deployed_python():
    """Return a Python interpreter with the packages of requirements.txt only."""
    requirements = ROOT / "requirements.txt"
    with environment("deployed", requirements.read_bytes()) as (home, is_new):
        if is_new:
            pip_install(home, "--requirement", requirements)
    return home / "bin/python"


@contextmanager
def environment(name, wanted):
    """Yield the folder of an environment, and whether its packages must be installed. Other processes wait.

    Parameters
    ----------
    name : str
        Start of the name of the folder.
    wanted : bytes
        What the packages depend on.
    """
    home = ROOT / ".cache" / f"{name}-{hashlib.sha256(wanted + sys.version.encode()).hexdigest()[:12]}"
    home.parent.mkdir(exist_ok=True)
    with home.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        is_new = not (home / "complete").exists()
        if is_new:
            shutil.rmtree(home, ignore_errors=True)
            venv.create(home, with_pip=True)
        yield home, is_new
        (home / "complete").touch()


def pip_install(home, *arguments):
    """Install packages in an environment."""
    subprocess.run([home / "bin/pip", "install", "--quiet", "--disable-pip-version-check", *arguments], check=True)
