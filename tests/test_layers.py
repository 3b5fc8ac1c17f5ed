"""The layers of both packages: imports point down only, and only applications read the environment."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
APPLICATIONS = ("cli", "cloud_functions", "realtime", "report", "ops")


def test_imports_point_down_only():
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("package", ["functions/callmood", "model"])
def test_top_level_of_a_package_has_at_most_eight_modules(package):
    modules = [path.name for path in (ROOT / package).glob("*.py") if path.name != "_version.py"]  # generated
    assert len(modules) <= 8


def test_no_module_below_the_applications_reads_the_environment():
    """Variables of libraries are exempt: numpy's number of threads, and the emulator of BigQuery's client.

    `audio/sandbox.py` passes the paths of libraries on to the decoder process.
    """
    package = ROOT / "functions/callmood"
    reads = re.compile(r"os\.environ(?![.\w(]+\"(?:OPENBLAS_NUM_THREADS|BIGQUERY_EMULATOR_HOST)\")|getenv|BaseSettings")
    modules = [path for path in package.rglob("*.py") if path.relative_to(package).parts[0] not in APPLICATIONS]
    found = {path.name for path in modules if reads.search(path.read_text(encoding="utf-8"))}
    assert found == {"settings.py", "sandbox.py"}


def test_deployed_packages_are_those_that_the_package_declares():
    import tomllib

    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    assert declared == [line for line in lines if line and not line.startswith("#")]
