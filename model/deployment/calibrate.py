"""Calibrate the production model to the callers of a bucket: a new version of the same network."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from google.cloud.storage import Client

from callmood.config import AnalysisConfig
from callmood.emotion.associated_files import POPULATION, pack_files, read_files
from callmood.emotion.model import read_model
from callmood.emotion.population import Population
from callmood.models.registry import PRODUCTION, Registry
from callmood.services.calibrate import calibrate, embed_objects
from model.files import atomic_write, write_json

_REFERENCE = "emotion.reference.json"


def calibrate_production(
    registry: Registry, recordings: Sequence[str], calls: int, config: AnalysisConfig, out: Path
) -> tuple[str, Population]:
    """Calibrate the production model on a sample of recordings, and write it as a new version.

    The population is packed into the model file, so the registry, the canary, and the reports treat the result like
    any other model.

    Parameters
    ----------
    registry : Registry
    recordings : sequence of str
        ``gs://bucket/prefix``.
    calls : int
        Maximum number of recordings.
    config : AnalysisConfig
        Roles and limits of the analysis.
    out : Path
        The model file to write. Its metadata and the reference for monitoring are written beside it.

    Returns
    -------
    tuple of (str, Population)
        The new version, and its population.

    Raises
    ------
    ModelError
        Too few recordings contain speech of a caller.
    RegistryError
        The registry has no production model.
    """
    production = registry.release(PRODUCTION).version
    registered = json.loads(registry.read(production, "emotion.json"))
    content, metadata = without_population(registry.read(production, "emotion.tflite"), registered)
    model = read_model(content, json.dumps(metadata).encode(), f"{registry.uri}@{production}")
    population = calibrate(model, embed_objects(Client(), recordings, calls, model, config))
    content, metadata = with_population(content, metadata, population)
    with atomic_write(out) as temporary:
        temporary.write_bytes(content)
    write_json(out.with_suffix(".json"), metadata)
    if _REFERENCE in registry.version(production).files:
        reference = json.loads(registry.read(production, _REFERENCE)) | {"model_version": metadata["version"]}
        write_json(out.with_suffix(".reference.json"), reference)
    return str(metadata["version"]), population


def with_population(content: bytes, metadata: dict[str, Any], population: Population) -> tuple[bytes, dict[str, Any]]:
    """Return a model file and its metadata with a packed population."""
    packed = pack_files(content, read_files(content) | {POPULATION: population.to_json()})
    names = {"calibrated_from": population.model_version, "population_version": population.version}
    return packed, {**metadata, "version": hashlib.sha256(packed).hexdigest()[:12], **names}


def without_population(content: bytes, metadata: dict[str, Any]) -> tuple[bytes, dict[str, Any]]:
    """Return a model file and its metadata as they were before calibration."""
    files = read_files(content)
    if POPULATION not in files:
        return content, metadata
    del files[POPULATION]
    packed = pack_files(content, files)
    kept = {name: value for name, value in metadata.items() if name not in ("calibrated_from", "population_version")}
    return packed, {**kept, "version": hashlib.sha256(packed).hexdigest()[:12]}
