"""Model files with different versions, for tests of the registry."""

import hashlib
import json
import sys

from model_program import run_model

from callmood.resources import MODEL


def model_file(folder, number, **metadata):
    """Write a copy of the shipped model with another version: a trailing byte changes only the hash of the file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"model{number}.tflite"
    content = (MODEL / "emotion.tflite").read_bytes() + bytes([number])
    path.write_bytes(content)
    shipped = json.loads((MODEL / "emotion.json").read_text())
    version = hashlib.sha256(content).hexdigest()[:12]
    path.with_suffix(".json").write_text(json.dumps(shipped | metadata | {"version": version}))
    return path


def version_of(path):
    """Return the version in the metadata of a model file."""
    return json.loads(path.with_suffix(".json").read_text())["version"]


def command(name, *arguments):
    """Run a command of `python -m model` in this process, print its output, and return its exit code."""
    result = run_model(name, *arguments)
    print(result.stdout, end="")
    print(result.stderr, end="", file=sys.stderr)
    return result.exit_code
