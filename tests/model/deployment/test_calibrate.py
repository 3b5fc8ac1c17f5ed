"""Calibrated versions of a model file."""

import json

import numpy as np

from callmood.emotion.model import read_model
from callmood.emotion.population import Population
from callmood.resources import MODEL
from model.deployment.calibrate import with_population, without_population

CONTENT = (MODEL / "emotion.tflite").read_bytes()
METADATA = json.loads((MODEL / "emotion.json").read_text())


def population(mean):
    return Population(METADATA["version"], 50, np.full(3072, mean, np.float32), np.ones(3072, np.float32))


def test_calibrated_file_is_another_version_with_its_population():
    content, metadata = with_population(CONTENT, METADATA, population(0.25))
    model = read_model(content, json.dumps(metadata).encode(), "calibrated")
    assert model.version == metadata["version"] != METADATA["version"]
    assert model.base_version == METADATA["version"]
    assert model.population_version == population(0.25).version == metadata["population_version"]


def test_calibration_starts_from_the_file_without_a_population():
    first = with_population(CONTENT, METADATA, population(0.25))
    assert without_population(*first) == (CONTENT, METADATA)
    assert without_population(CONTENT, METADATA) == (CONTENT, METADATA)
    again = with_population(*without_population(*first), population(0.5))
    assert again == with_population(CONTENT, METADATA, population(0.5))
