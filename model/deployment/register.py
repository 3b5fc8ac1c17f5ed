"""Put a model into the registry, with what was measured of it and where it came from: `python -m model register`."""

from __future__ import annotations

import argparse
import hashlib
import json
import shlex
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from google.api_core.exceptions import GoogleAPIError
from google.auth.exceptions import GoogleAuthError

from callmood import __version__
from callmood.emotion.model import load_model
from callmood.emotion.self_test import make_self_test
from callmood.errors import CallmoodError, RegistryError
from callmood.models.registry import PRODUCTION, Registry
from model import remote_paths
from model.data import manifest
from model.deployment import vertex

FAULTS = (CallmoodError, GoogleAPIError, GoogleAuthError, OSError)
"""tuple of type: what goes wrong with a registry and is told in a sentence."""


def model_files(path: Path) -> dict[str, bytes]:
    """Files of a model as the registry names them: itself, its facts, its self-test, its reference for monitoring."""
    files = {
        "emotion.tflite": path.read_bytes(),
        "emotion.json": path.with_suffix(".json").read_bytes(),
        "selftest.npz": make_self_test(load_model(path)),
    }
    reference = path.with_suffix(".reference.json")
    return files | ({"emotion.reference.json": reference.read_bytes()} if reference.exists() else {})


def evaluation_files(paths: Sequence[Path]) -> dict[str, bytes]:
    """Evaluations by the name they get: `evaluation-STEM.json`, or their own where it begins with evaluation.

    Raises
    ------
    RegistryError
        One is no JSON, or two would have one name.
    """
    files: dict[str, bytes] = {}
    for path in paths:
        name = f"{path.stem}.json" if path.stem.startswith("evaluation") else f"evaluation-{path.stem}.json"
        if name in files:
            raise RegistryError(f"two evaluations are called {path.name}: rename one of them")
        files[name] = path.read_bytes()
        try:
            json.loads(files[name])
        except ValueError as error:
            raise RegistryError(f"{path} is no JSON ({error}): write it anew with python -m model evaluate") from None
    return files


def lineage(version: str, manifest_path: Path | None, parent: str | None, command: str) -> dict[str, Any]:
    """Where a version came from.

    Parameters
    ----------
    version : str
        The version.
    manifest_path : Path, optional
        The clips it was trained on.
    parent : str, optional
        The version that served when it was registered.
    command : str
        What registered it.
    """
    found: dict[str, Any] = {
        "version": version,
        "registered_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "command": command,
        "software_version": __version__,
        "parent": parent,
        "manifest_sha256": None,
        "corpora": {},
    }
    if manifest_path:
        found["manifest_sha256"] = hashlib.sha256(manifest_path.read_bytes()).hexdigest()
        found["corpora"] = dict(Counter(row.corpus for row in manifest.read(manifest_path)))
    return found


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="example: python -m model register --model runs/emotion/emotion.tflite "
        "--registry gs://acme-models/callmood --evaluation runs/emotion/cremad.json",
    )
    parser.add_argument(
        "--model", type=remote_paths.source, required=True, help="the .tflite file; its .json lies beside it"
    )
    parser.add_argument("--registry", required=True, help="gs://BUCKET/PREFIX, or a folder")
    parser.add_argument(
        "--evaluation", type=remote_paths.source, action="append", default=[], help="JSON of model.evaluate; repeat it"
    )
    parser.add_argument(
        "--card", type=remote_paths.source, help="MODEL_CARD.md; default: the one beside the model, if there is one"
    )
    parser.add_argument(
        "--config", type=remote_paths.source, help="its config; default: config.toml beside the model, if there is one"
    )
    parser.add_argument("--manifest", type=remote_paths.source, help="the clips it was trained on")
    args = parser.parse_args()
    try:
        files = model_files(args.model) | evaluation_files(args.evaluation)
        for name, given in {"MODEL_CARD.md": args.card, "config.toml": args.config}.items():
            path = given or args.model.with_name(name)
            if given or path.exists():
                files[name] = path.read_bytes()
        registry = Registry(args.registry)
        version = json.loads(files["emotion.json"])["version"]
        serving = registry.releases().get(PRODUCTION)
        parent = serving.version if serving and serving.version != version else None
        new = registry.add(files, lineage(version, args.manifest, parent, shlex.join(sys.argv)))
        vertex.follow(registry)
    except FAULTS as error:
        sys.exit(f"error: {error}")
    print(
        f"{version} {'is registered' if new else 'was registered before'}. Next: python -m model promote {version} "
        f"--registry {args.registry} --canary 0.1"
    )


if __name__ == "__main__":
    remote_paths.run(main)
