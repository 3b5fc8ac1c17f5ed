"""Airflow in a temporary folder, with the DAGs and files that Composer gets."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOME = Path(tempfile.mkdtemp(prefix="callmood-airflow-"))
DAGS = HOME / "dags"
RESULTS = HOME / "calls.duckdb"
CORPUS = HOME / "corpus"

# Like infra/composer/main.tf, with a corpus and results on this machine.
SETTINGS = {
    "project": "demo",
    "region": "europe-west1",
    "name": "callmood",
    "image": "europe-west1-docker.pkg.dev/demo/callmood-images/train:latest",
    "runs_bucket": "demo-callmood-runs",
    "registry": "gs://demo-callmood-models/registry",
    "cache": "gs://demo-callmood-runs/features",
    "corpora": f"csv={CORPUS}",
    "config": "model/configs/quick.toml",
    "canary_share": 0.1,
    "canary_hours": 24,
    "canary_limits": "",
    "results": str(RESULTS),
    "trainer": "callmood-trainer@demo.iam.gserviceaccount.com",
    "kms_key": None,
    "machine": {"machine_type": "n1-standard-8", "accelerator_type": "NVIDIA_TESLA_T4", "accelerator_count": 1},
    "subscription": "callmood-retrain-dag",
    "schedule": "0 3 1 * *",
    "time_zone": "Europe/Berlin",
    "emails": ["ops@example.com"],
}

# Airflow reads these variables at import time.
os.environ |= {
    "AIRFLOW_HOME": str(HOME),
    "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
    "AIRFLOW__CORE__UNIT_TEST_MODE": "false",
    "AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT": '{"conn_type": "google_cloud_platform", "extra": {"project": "demo"}}',
}


def pytest_configure() -> None:
    package = DAGS / "callmood_retraining"
    shutil.copytree(ROOT / "infra/composer/dags/callmood_retraining", package)
    for name in ("steps.py", "steps.json"):
        shutil.copy(ROOT / "model/pipeline" / name, package)
    (package / "settings.json").write_text(json.dumps(SETTINGS))


def pytest_unconfigure() -> None:
    shutil.rmtree(HOME)
