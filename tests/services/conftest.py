"""Fixtures of local services: an empty store, which commands use, and an empty folder for recordings."""

import pytest


@pytest.fixture
def store(tmp_path, monkeypatch):
    path = tmp_path / "calls.duckdb"
    monkeypatch.setenv("CALLMOOD_STORE", str(path))
    return path


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "calls"
    folder.mkdir()
    return folder
