"""An option can be enabled in a live deployment: no resource is replaced, and no grant is removed."""

from __future__ import annotations

import itertools

import pytest
from workspaces import IMAGES, Existing

MEMBER = "group:team@example.com"
CORPORA = {"cremad": "gs://acme-corpora/cremad"}
NETWORK = {"network": "projects/p/global/networks/n", "subnetwork": "projects/p/regions/r/subnetworks/s"}

OPTIONS: dict[str, dict[str, object]] = {
    "alerts": {"alert_emails": ["ops@example.com"], "alert_thresholds": {"no_recordings_hours": 12}},
    "budget": {"budget": {"billing_account": "01A2B3-4C5D6E-7F8A9B", "monthly_amount": 100}},
    "capacity": {"analyze": {"memory": "4Gi", "cpu": "2", "max_instances": 50}, "max_delivery_attempts": 50},
    "composer": {"retraining": {"corpora": CORPORA, "composer": {}}, "images": IMAGES},
    "data access logs": {"data_access_logs": True},
    "key": {"kms_key": "create"},
    "network": {"network": NETWORK},
    "operators": {"operators": [MEMBER]},
    "perimeter": {"perimeter": {"access_policy": "123", "members": ["user:ada@example.com"], "dry_run": False}},
    "queue readers": {"queue_readers": {"billing": [MEMBER]}},
    "realtime": {"realtime": {"callers": [MEMBER], "session_key_secret": "key"}, "images": IMAGES},
    "report readers": {"report_readers": [MEMBER]},
    "retention": {"retention_days": 90, "locked_retention_days": 30, "results_retention_days": 730},
    "retraining": {"retraining": {"corpora": CORPORA}, "images": IMAGES},
    "settings": {
        "settings": {"time_zone": "Europe/Berlin", "model_uri": "gs://m/r@production", "erase_on_delete": True}
    },
    "source repository": {"source_repository": "projects/p/locations/l/connections/c/repositories/r"},
    "stored metrics": {"store_metrics": True},
    "webhook": {"alert_webhook": {"url_secret": "url", "signing_key_secret": "key"}},
}
PAIRS = [
    ("key", "composer"),
    ("key", "retraining"),
    ("perimeter", "realtime"),
    ("queue readers", "retraining"),
    ("queue readers", "stored metrics"),
    ("webhook", "key"),
]
EVERY = [(name,) for name in OPTIONS] + PAIRS


@pytest.mark.parametrize("names", EVERY, ids=" and ".join)
def test_option_is_enabled_without_an_outage(deployments, names):
    defaults: Existing = deployments("defaults")
    changes = defaults.changes(**dict(itertools.chain.from_iterable(OPTIONS[name].items() for name in names)))
    assert changes, "the option must change the deployment"
    assert not {address: action for address, action in changes.items() if action in ("delete", "replace")}
