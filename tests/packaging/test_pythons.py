"""requirements.txt installs on each supported Python: the pins for 3.11, and those for newer versions if available."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ONE_CALL = """
import json, sys
from datetime import UTC, datetime
from pathlib import Path
from callmood.analysis.analyzer import analyze
from callmood.emotion.model import load_model
from callmood.sources.folder import read_file
from callmood.analysis.rows import analysis_rows
from callmood.config import AnalysisConfig
model, settings = load_model(), AnalysisConfig()
analysis = analyze(read_file(Path(sys.argv[1]), settings), model, settings)
segments, _ = analysis_rows(analysis, settings, datetime.now(UTC), 0.0)
print(json.dumps([model.runtime, segments]))
"""


def find_python(version):
    """Return a Python of this version that starts, on the path or in pyenv."""
    for candidate in [f"python{version}", *sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))]:
        try:
            subprocess.run([candidate, "-c", ""], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return str(candidate)
    pytest.skip(f"Python {version} is not installed")


def analyze_with(python):
    call = next((ROOT / "tests" / "examples").glob("*.wav"))
    command = [python, "-c", ONE_CALL, str(call)]
    process = subprocess.run(
        command, check=True, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT / "functions")}
    )
    return json.loads(process.stdout)


def test_python_3_13_installs_its_own_pins_and_returns_the_same_rows(tmp_path):
    python = find_python("3.13")
    subprocess.run([python, "-m", "venv", tmp_path / "venv"], check=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(ROOT / "requirements.txt")]
    subprocess.run([python, *install], check=True)
    subprocess.run([python, "-m", "pip", "check"], check=True)
    runtime, segments = analyze_with(python)
    assert runtime == "ai-edge-litert"
    _, expected = analyze_with(sys.executable)
    assert len(segments) == len(expected)
    for one, other in zip(segments, expected, strict=True):
        assert (one["start_s"], one["end_s"], one["role"]) == (other["start_s"], other["end_s"], other["role"])
        if one["p_anger"] is not None:
            assert one["p_anger"] == pytest.approx(other["p_anger"], abs=0.02)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="tflite-runtime supports Python up to 3.11")
def test_both_runtimes_are_installed_on_the_deployed_python():
    from importlib.metadata import version

    pins = dict(
        line.split(";")[0].strip().split("==")
        for line in (ROOT / "requirements.txt").read_text().splitlines()
        if "==" in line
    )
    assert version("tflite-runtime") == pins["tflite-runtime"]
    assert version("ai-edge-litert") == pins["ai-edge-litert"]
