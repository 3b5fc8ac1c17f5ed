"""Add a model to the registry, with its evaluations and its lineage."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from callmood import __version__
from callmood.emotion.model import load_model
from callmood.emotion.self_test import make_self_test
from callmood.errors import RegistryError
from callmood.models.registry import PRODUCTION, Registry
from model.data import manifest


def register(
    registry: Registry,
    model: Path,
    evaluations: Sequence[Path],
    card: Path | None,
    config: Path | None,
    manifest_path: Path | None,
    command: str,
) -> tuple[str, bool]:
    """Register a model.

    Parameters
    ----------
    registry : Registry
    model : Path
        The model file, with its metadata beside it.
    evaluations : sequence of Path
        Reports of the command `evaluate`.
    card, config : Path, optional
        The model card and the configuration; default: MODEL_CARD.md and config.toml beside the model, if they exist.
    manifest_path : Path, optional
        Manifest of the training clips.
    command : str
        The command line, for the lineage.

    Returns
    -------
    tuple of (str, bool)
        The version, and whether it is new in the registry.

    Raises
    ------
    ModelError
        The model cannot be loaded.
    RegistryError
        An evaluation is not JSON, two have the same name, or the registry has the version with other metadata.
    """
    files = model_files(model) | evaluation_files(evaluations)
    for name, given in {"MODEL_CARD.md": card, "config.toml": config}.items():
        path = given or model.with_name(name)
        if given or path.exists():
            files[name] = path.read_bytes()
    version = str(json.loads(files["emotion.json"])["version"])
    production = registry.releases().get(PRODUCTION)
    parent = production.version if production and production.version != version else None
    return version, registry.add(files, lineage(version, manifest_path, parent, command))


def model_files(path: Path) -> dict[str, bytes]:
    """Return a model's files by their names in the registry: model, metadata, self-test, and monitoring reference."""
    files = {
        "emotion.tflite": path.read_bytes(),
        "emotion.json": path.with_suffix(".json").read_bytes(),
        "selftest.npz": make_self_test(load_model(path)),
    }
    reference = path.with_suffix(".reference.json")
    return files | ({"emotion.reference.json": reference.read_bytes()} if reference.exists() else {})


def evaluation_files(paths: Sequence[Path]) -> dict[str, bytes]:
    """Return evaluations by their names in the registry; `evaluation-` is added to other names.

    Raises
    ------
    RegistryError
        A file is not JSON, or two files have the same name.
    """
    files: dict[str, bytes] = {}
    for path in paths:
        name = f"{path.stem}.json" if path.stem.startswith("evaluation") else f"evaluation-{path.stem}.json"
        if name in files:
            raise RegistryError(f"two evaluations have the name {path.name}; rename one of them")
        files[name] = path.read_bytes()
        try:
            json.loads(files[name])
        except ValueError as error:
            raise RegistryError(
                f"{path} is not a JSON file ({error}); create it again with python -m model evaluate"
            ) from None
    return files


def lineage(version: str, manifest_path: Path | None, parent: str | None, command: str) -> dict[str, Any]:
    """Describe the origin of a version.

    Parameters
    ----------
    version : str
    manifest_path : Path, optional
        Manifest of the training clips.
    parent : str, optional
        The production version at the time of registration.
    command : str
        The command line that registers the version.
    """
    content: dict[str, Any] = {
        "version": version,
        "registered_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "command": command,
        "software_version": __version__,
        "parent": parent,
        "manifest_sha256": None,
        "corpora": {},
    }
    if manifest_path:
        content["manifest_sha256"] = hashlib.sha256(manifest_path.read_bytes()).hexdigest()
        content["corpora"] = dict(Counter(row.corpus for row in manifest.read(manifest_path)))
    return content
