"""Changes of a model registry: promote versions, and damage their files."""

import os
from pathlib import Path

import numpy as np

from model.deployment import promote


def promote_versions(registry, *versions, canary=None):
    """Promote versions in order, the last as a canary if a share is given."""
    for version in versions:
        promote.promote(registry, "production", version, canary if version == versions[-1] else None)


def truncate_model(registry, version):
    os.truncate(f"{registry.uri}/versions/{version}/emotion.tflite", 1000)


def change_self_test(registry, version):
    """Replace the expected probabilities of the self-test, so that the model fails it."""
    path = f"{registry.uri}/versions/{version}/selftest.npz"
    with np.load(path) as arrays:
        signals, probabilities = arrays["signals"], arrays["probabilities"]
    np.savez(path, signals=signals, probabilities=1 - probabilities)


def damage_self_test(registry, version):
    path = Path(f"{registry.uri}/versions/{version}/selftest.npz")
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(content[:middle] + bytes(100) + content[middle + 100 :])
