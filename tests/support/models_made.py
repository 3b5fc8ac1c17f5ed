"""Models for tests of the registry: the shipped one, made into others that say the same or not."""

import hashlib
import json
import sys

from model_program import run_model

from callmood.resources import MODEL


def model_file(folder, number, **facts):
    """A model of a version of its own: bytes after a TFLite file's end change its hash, and nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"model{number}.tflite"
    content = (MODEL / "emotion.tflite").read_bytes() + bytes([number])
    path.write_bytes(content)
    known = json.loads((MODEL / "emotion.json").read_text())
    version = hashlib.sha256(content).hexdigest()[:12]
    path.with_suffix(".json").write_text(json.dumps(known | facts | {"version": version}))
    return path


def version_of(path):
    return json.loads(path.with_suffix(".json").read_text())["version"]


def command(name, *arguments):
    """Run a command of `python -m model` in this process, print its output, and return its exit code."""
    result = run_model(name, *arguments)
    print(result.stdout, end="")
    print(result.stderr, end="", file=sys.stderr)
    return result.exit_code
