"""Fixtures of model versions in a registry."""

import pytest
from model_files import command, model_file, version_of

from callmood.models.registry import Registry


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Three model files with different versions."""
    return [model_file(tmp_path_factory.mktemp("models"), number) for number in (1, 2, 3)]


@pytest.fixture
def registry(tmp_path, models):
    """A registry with the three models, without a production version."""
    for path in models:
        assert command("register", "--model", path, "--registry", tmp_path / "registry") == 0
    return Registry(str(tmp_path / "registry"))


@pytest.fixture
def one(models):
    return version_of(models[0])


@pytest.fixture
def two(models):
    return version_of(models[1])


@pytest.fixture
def three(models):
    return version_of(models[2])
