"""The stand-in provider applies the rules of the google provider, which a script extracts from its source."""

from __future__ import annotations

import json
import re
import sys

import pytest
from workspaces import ROOT

sys.path.insert(0, str(ROOT / "tests" / "infra" / "provider"))
import extract_rules
import rules

RESOURCE = """
package shelves

func init() {
	registry.Schema{
		Name:        "google_shelf",
		Type:        registry.SchemaTypeResource,
		Schema:      ResourceShelf(),
	}.Register()
}

func ResourceShelf() *schema.Resource {
	return &schema.Resource{
		CustomizeDiff: customdiff.All(
			customdiff.ForceNewIfChange("lock.0.closed", isClosed),
		),
		Schema: map[string]*schema.Schema{
			"name": {
				Type:     schema.TypeString,
				ForceNew: true, // { a brace in a comment
			},
			"size": {
				ValidateFunc: verify.ValidateEnum([]string{"SMALL", "LARGE", ""}),
				Description:  `One of "SMALL" or "LARGE" }`,
			},
			"lock": {
				Elem: shelfLock(),
			},
			"key": {
				ConflictsWith: []string{"lock.0.code"},
			},
		},
	}
}

func shelfLock() *schema.Resource {
	return &schema.Resource{
		Schema: map[string]*schema.Schema{
			"closed": {Type: schema.TypeBool},
			"code": {Type: schema.TypeString, ForceNew: true},
		},
	}
}
"""


def test_rules_are_extracted_from_source(tmp_path):
    folder = tmp_path / "google" / "services" / "shelves"
    folder.mkdir(parents=True)
    (tmp_path / "google" / "tpgiamresource").mkdir()
    (folder / "resource_shelf.go").write_text(RESOURCE)
    assert extract_rules.extract(tmp_path, ["google_shelf"]) == {
        "google_shelf": {
            "key": {"conflicts": ["lock.code"]},
            "lock.closed": {"replaced_if": True},
            "lock.code": {"force_new": True},
            "name": {"force_new": True},
            "size": {"values": ["LARGE", "SMALL"]},
        }
    }
    with pytest.raises(ValueError, match="google_box"):
        extract_rules.extract(tmp_path, ["google_box"])


def test_rules_cover_every_resource_in_use():
    recorded = json.loads((ROOT / "tests/infra/provider/rules.json").read_text())
    assert recorded["resources"].keys() == set(extract_rules.used_types())
    assert re.fullmatch(r"[0-9a-f]{40}", recorded["provider"]["commit"])
    conditional = {
        (kind, path)
        for kind, found in recorded["resources"].items()
        for path in found
        if found[path].get("replaced_if")
    }
    assert conditional == rules.CONDITIONS.keys(), "serve.py must know the condition"


def fields(*columns):
    return json.dumps([{"name": name, "type": kind} for name, kind in columns])


@pytest.mark.parametrize(
    ("kind", "prior", "planned", "expected"),
    [
        ("google_pubsub_topic", {"name": "a"}, {"name": "b"}, {"name"}),
        ("google_pubsub_topic", {"kms_key_name": None}, {"kms_key_name": "k"}, set()),
        (
            "google_bigquery_table",
            {"encryption_configuration": []},
            {"encryption_configuration": [{"kms_key_name": "k"}]},
            {"encryption_configuration"},
        ),
        (
            "google_bigquery_table",
            {"schema": fields(("a", "STRING"))},
            {"schema": fields(("a", "STRING"), ("b", "DATE"))},
            set(),
        ),
        ("google_bigquery_table", {"schema": fields(("a", "STRING"))}, {"schema": fields(("b", "STRING"))}, {"schema"}),
        ("google_bigquery_table", {"schema": fields(("a", "STRING"))}, {"schema": fields(("a", "DATE"))}, {"schema"}),
        (
            "google_storage_bucket",
            {"retention_policy": [{"is_locked": True}]},
            {"retention_policy": []},
            {"retention_policy"},
        ),
        ("google_storage_bucket", {"retention_policy": []}, {"retention_policy": [{"is_locked": True}]}, set()),
    ],
)
def test_change_replaces_a_resource_like_the_provider(kind, prior, planned, expected):
    assert rules.replacing(kind, prior, planned) == expected


def test_invalid_values_and_conflicts_are_rejected():
    service = {"ingress": "INTERNAL", "template": [{"vpc_access": [{"connector": "c", "network_interfaces": []}]}]}
    found = " ".join(rules.problems("google_cloud_run_v2_service", service))
    assert "expected ingress to be one of" in found
    assert "conflicts with" not in found, "an empty block is not set"
    service["template"][0]["vpc_access"][0]["network_interfaces"] = [{"subnetwork": "s"}]
    assert "conflicts with" in " ".join(rules.problems("google_cloud_run_v2_service", service))
