"""Fixtures that several test modules use, and the tiers of tests."""

import gc
import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path

import pytest

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as the applications do; must be set before numpy is loaded

# tflite-runtime must be loaded before TensorFlow, which the tests of training import; otherwise it loads no model.
with suppress(ImportError):  # not available for this Python
    import tflite_runtime.interpreter  # noqa: F401

pytest_plugins = ["chromium", "other_user"]

os.environ["COLUMNS"] = "80"  # tables wrap alike in every terminal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job of a shell ignores it
os.environ["PIP_NO_COMPILE"] = "0"  # pip reads this as --no-compile; compiling takes half of an installation

# Paths whose tests start a service, a browser, or another process, train a model, compile, or take many seconds.
_SLOW = (
    *("audio/test_fuzz", "audio/test_limits", "chaos/test_chaos", "services/test_local_identity"),
    *("cli/", "cloud_functions/", "composer/", "docs/test_site", "emotion/test_log_mel", "images/", "infra/", "model/"),
    *("models/", "monitoring/test_daily_check", "packaging/", "realtime/", "report/", "services/test_bad_files"),
    *("services/test_batch", "services/test_calibrate", "services/test_details", "services/test_digest"),
    *("services/test_erase", "services/test_legs", "ops/test_cost", "stack/", "views/"),
    *("warehouse/test_migration", "warehouse/test_zetasql", "test_threads"),
)


_ROOT = Path(__file__).parent


def _is_slow(path: Path) -> bool:
    return path.relative_to(_ROOT).as_posix().startswith(_SLOW)


def pytest_ignore_collect(collection_path, config):
    """Skip the modules of the slow tier for the unit tests, because they import TensorFlow and a browser."""
    if config.getoption("markexpr") == "not slow" and collection_path.is_file() and _is_slow(collection_path):
        return True
    return None


def pytest_collection_finish():
    """Exclude the imported modules from garbage collection, which would visit a million objects again and again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items):
    """Mark the slow tier, and keep tests that share a service, a deployment, or a trained model in one xdist worker."""
    for item in items:
        path = item.path.relative_to(_ROOT)
        if _is_slow(item.path) or "data_root" in item.fixturenames:
            item.add_marker(pytest.mark.slow)
        shared = "stack" if _uses_services(path) else "deployments" if _uses_deployments(item) else None
        item.add_marker(pytest.mark.xdist_group(shared or str(path)))


def _uses_services(path):
    return path.parts[0] == "stack" or (path.parts[0] == "views" and path.name != "test_comparisons.py")


def _uses_deployments(item):
    return not {"deployments", "existing", "applied"}.isdisjoint(item.fixturenames)


@pytest.fixture(scope="session", autouse=True)
def copied_stores(tmp_path_factory):
    """Create each local store of this process as a copy of the first one, because creating its views takes 0.4 s."""
    try:
        from callmood.warehouse import dialect
        from callmood.warehouse.duckdb import DuckDBWarehouse
    except ImportError:  # the environment of Airflow
        yield
        return
    folder = tmp_path_factory.mktemp("stores")
    create = DuckDBWarehouse.__init__
    first = {}

    def create_copy(self, path, time_zone="UTC", min_calls_per_group=5, **options):
        arguments = path, time_zone, min_calls_per_group
        # A test that runs as another user cannot read the folder.
        if path.parent.is_dir() and not path.exists() and path.name != ":memory:" and os.access(folder, os.R_OK):
            kind = time_zone, min_calls_per_group, dialect.render  # tests replace how views are rendered
            if kind in first:
                shutil.copyfile(first[kind], path)
            else:
                create(self, *arguments, **options)
                first[kind] = folder / f"{len(first)}.duckdb"
                shutil.copyfile(path, first[kind])
        create(self, *arguments, **options)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(DuckDBWarehouse, "__init__", create_copy)
        yield


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Return the folder of corpora and calls: CALLMOOD_DATA, or ../shared/data beside the project."""
    root = Path(os.environ.get("CALLMOOD_DATA") or Path(__file__).parents[2] / "shared/data")
    if not root.is_dir():
        pytest.skip(f"the data folder {root} does not exist (set CALLMOOD_DATA)")
    return root


@pytest.fixture(scope="session")
def training_cache(tmp_path_factory) -> Path:
    """Return the cache of features and of the converted Whisper encoder."""
    return tmp_path_factory.mktemp("training-cache")
