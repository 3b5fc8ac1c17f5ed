"""Apply the rules of the google provider (`rules.json`, from `extract_rules.py`) to the resources of a plan."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Rule = dict[str, Any]

RULES: dict[str, dict[str, Rule]] = json.loads((Path(__file__).parent / "rules.json").read_text())["resources"]


def values_at(resource: Any, path: str) -> list[Any]:
    """Return the values at a path in all blocks. A value that is not set is None; an unknown one is not a string."""
    found = [resource]
    for name in path.split("."):
        inside = [item for one in found for item in (one if isinstance(one, list) else [one])]
        found = [item.get(name) for item in inside if isinstance(item, dict)]
    return found


def _is_set(value: Any) -> bool:
    """Return whether a value is set. The provider treats an empty value like a missing one."""
    return value is not None and value not in ("", [], {})


def _set_values(resource: Any, path: str) -> list[Any]:
    return [value for value in values_at(resource, path) if _is_set(value)]


def _known_values(resource: Any, path: str) -> list[Any]:
    """Return the values at a path that are set and known. MessagePack represents an unknown value by a tuple."""
    return [value for value in _set_values(resource, path) if not isinstance(value, tuple)]


def problems(type_name: str, config: dict[str, Any]) -> Iterator[str]:
    """Yield the reasons why the provider would reject a configuration.

    Parameters
    ----------
    type_name : str
        Resource type, such as ``google_pubsub_topic``.
    config : dict
        Configuration of the resource. Values that are not known yet are accepted.
    """
    for path, rule in RULES.get(type_name, {}).items():
        found = _known_values(config, path)
        for value in (item for one in found for item in (one if isinstance(one, list) else [one])):
            if "values" in rule and isinstance(value, str) and value not in rule["values"]:
                yield f"{type_name}: expected {path} to be one of {rule['values']}, got {value}"
        for other in rule.get("conflicts", ()):
            if found and _known_values(config, other):
                yield f"{type_name}: {path} conflicts with {other}"
        group = rule.get("exactly_one_of", ())
        if path == min(group, default=None) and values_at(config, path):
            count = sum(bool(_set_values(config, other)) for other in group)
            if count != 1:
                yield f"{type_name}: exactly one of {', '.join(group)} must be set, not {count}"


def replacing(type_name: str, prior: dict[str, Any], planned: dict[str, Any]) -> set[str]:
    """Return the attributes whose change replaces a resource.

    Parameters
    ----------
    type_name : str
        Resource type.
    prior, planned : dict
        The resource before and after the change. An unknown value is a change.

    Returns
    -------
    set of str
        Names of top-level attributes.
    """
    found = set()
    for path, rule in RULES.get(type_name, {}).items():
        changed = _set_values(prior, path) != _set_values(planned, path)
        if changed and (
            rule.get("force_new") or (rule.get("replaced_if") and CONDITIONS[type_name, path](prior, planned))
        ):
            found.add(path.partition(".")[0])
    return found


def _columns(resource: dict[str, Any]) -> dict[str, Any]:
    return {field["name"]: field for field in json.loads(resource.get("schema") or "[]")}


def _replaces_table(prior: dict[str, Any], planned: dict[str, Any]) -> bool:
    """Return whether new columns of a table or view cannot be applied in place: resource_bigquery_table.go."""
    if not isinstance(planned.get("schema"), str):
        return False
    before, after = _columns(prior), _columns(planned)
    dropped, added = before.keys() - after.keys(), after.keys() - before.keys()
    changed = any(before[name]["type"] != after[name]["type"] for name in before.keys() & after.keys())
    return changed or bool(dropped and added) or any(after[name].get("mode") == "REQUIRED" for name in added)


# Changes that replace a resource under a condition that the source of the provider states in code.
CONDITIONS = {
    ("google_bigquery_data_transfer_config", "params"): lambda _prior, planned: (
        planned["data_source_id"] != "scheduled_query"
    ),
    ("google_bigquery_table", "schema"): _replaces_table,
    ("google_composer_environment", "config.node_config.network"): lambda _prior, _planned: False,  # Composer 3
    ("google_composer_environment", "config.node_config.subnetwork"): lambda _prior, _planned: False,
    ("google_storage_bucket", "retention_policy.is_locked"): lambda prior, _planned: (
        True in values_at(prior, "retention_policy.is_locked")
    ),
}
