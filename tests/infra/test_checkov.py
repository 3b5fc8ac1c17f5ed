"""checkov finds no insecure setting in the Terraform modules."""

import re
import shutil
import subprocess
import venv

import pytest
from workspaces import ROOT

CHECKOV = "checkov==3.3.30"


@pytest.fixture(scope="session")
def checkov():
    """Install checkov once in its own environment, because it pins many dependencies."""
    home = ROOT / ".cache" / CHECKOV.replace("==", "-")
    if not (home / "complete").exists():
        shutil.rmtree(home, ignore_errors=True)
        venv.create(home, with_pip=True)
        subprocess.run([home / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", CHECKOV], check=True)
        (home / "complete").touch()
    return home / "bin" / "checkov"


def test_security_checks_pass(checkov):
    scanned = subprocess.run(
        [checkov, "--directory", ROOT / "infra", "--framework", "terraform", "--compact", "--quiet", "--skip-download"],
        capture_output=True,
        text=True,
        check=False,
    )
    passed, failed = map(int, re.search(r"Passed checks: (\d+), Failed checks: (\d+)", scanned.stdout).groups())
    assert failed == 0, scanned.stdout
    assert passed > 40
