"""The wheel in an environment of its own: it contains all data, and `callmood demo` works without a checkout."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from environments import deployed_python, environment, pip_install

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    [file] = out.glob("callmood-*.whl")
    return file


@pytest.fixture(scope="module")
def python(wheel):
    """Return a Python with the wheel and its dependencies. The dependencies are kept between runs.

    Those of requirements.txt are those of the wheel (`test_layers`), so they are taken from another environment.
    """
    with zipfile.ZipFile(wheel) as archive:
        [metadata] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        required = "".join(line for line in archive.read(metadata).decode().splitlines() if "Requires-Dist" in line)
    [deployed] = deployed_python().parents[1].glob("lib/python*/site-packages")
    with environment("wheel", required.encode()) as (home, is_new):
        if is_new:
            [packages] = home.glob("lib/python*/site-packages")
            (packages / "deployed.pth").write_text(f"{deployed}\n")
            pip_install(home, f"{wheel}[local]")
        pip_install(home, "--force-reinstall", "--no-deps", wheel)
    return home / "bin/python"


def run(python, folder, *arguments):
    """Run the installed command in an empty folder, without the checkout on any path."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [python.with_name("callmood"), *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_demo_of_the_installed_wheel_analyzes_the_examples_and_builds_the_report(python, tmp_path):
    done = run(python, tmp_path, "demo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1001" in done.stdout
    assert (tmp_path / "report" / "index.html").is_file()
    rows = run(python, tmp_path, "query", "SELECT COUNT(*) AS calls FROM calls", "--store", "demo.duckdb", "--json")
    assert json.loads(rows.stdout) == {"calls": len(list((ROOT / "tests" / "examples").glob("*.wav")))}


@pytest.mark.slow
def test_installed_package_is_typed_and_takes_its_version_from_git(python, tmp_path):
    version = run(python, tmp_path, "--version").stdout
    assert version.startswith("callmood ")
    assert "unknown" not in version
    code = "from importlib.resources import files; print((files('callmood') / 'py.typed').is_file())"
    done = subprocess.run([python, "-c", code], cwd=tmp_path, capture_output=True, text=True, env={}, check=True)
    assert done.stdout == "True\n"


def test_wheel_contains_every_schema_view_page_asset_and_example(wheel):
    packaged = set(zipfile.ZipFile(wheel).namelist())
    data = {"schemas": ROOT / "schemas", "examples": ROOT / "tests" / "examples"}
    expected = {f"callmood/_data/schemas/{p.relative_to(data['schemas'])}" for p in data["schemas"].rglob("*.*")}
    expected |= {f"callmood/_data/examples/{p.name}" for p in data["examples"].glob("*.wav")}
    expected |= {f"callmood/_data/model/{n}" for n in ("emotion.tflite", "emotion.json", "speech.npz", "speakers.npz")}
    tracked = subprocess.run(["git", "ls-files", "functions/callmood"], cwd=ROOT, capture_output=True, text=True)
    expected |= {name.removeprefix("functions/") for name in tracked.stdout.splitlines()}
    assert expected <= packaged
