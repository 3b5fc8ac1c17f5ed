"""Fixtures that more than one test module uses."""

import os
from contextlib import suppress
from pathlib import Path

import pytest

# After TensorFlow, which the tests of training load, tflite-runtime loads no model any more; before it, both work.
with suppress(ImportError):  # it has no wheel for this Python
    import tflite_runtime.interpreter  # noqa: F401


pytest_plugins = ["chromium"]

os.environ["COLUMNS"] = "80"  # tables are folded alike in every window


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The shared corpora and calls: CALLMOOD_DATA, else ../shared/data beside the project."""
    root = Path(os.environ.get("CALLMOOD_DATA") or Path(__file__).parents[2] / "shared/data")
    if not root.is_dir():
        pytest.skip(f"needs the data folder, and {root} is not there (set CALLMOOD_DATA)")
    return root


@pytest.fixture(scope="session")
def training_cache(tmp_path_factory) -> Path:
    """Where features are kept, and Whisper's encoder once it was converted, which takes a while."""
    return tmp_path_factory.mktemp("training-cache")
