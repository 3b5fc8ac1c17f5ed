"""List the versions, releases, and history of a registry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from callmood.models.registry import Registry
from model.deployment.promote import describe


def listing(registry: Registry) -> dict[str, Any]:
    """Return the versions with their lineage and files, the releases, and the history, for JSON output."""
    return {
        "versions": [{**each.lineage, "files": list(each.files)} for each in registry.versions()],
        "releases": {alias: vars(release) for alias, release in registry.releases().items()},
        "history": registry.history(),
    }


def lines(registry: Registry) -> Iterator[str]:
    """Yield the same as lines of text."""
    versions = registry.versions()
    if not versions:
        yield f"{registry.uri} has no versions"
    for version in versions:
        yield _version_line(version.lineage, version.files)
    for change in registry.history():
        yield f"{change['at']}  {change['action']} {change['version']} as {change['alias']}, {change['share']:.0%}"
    for alias, release in registry.releases().items():
        yield describe(alias, release)


def _version_line(lineage: Mapping[str, Any], files: tuple[str, ...]) -> str:
    corpora = ", ".join(f"{name} ({clips} clips)" for name, clips in lineage["corpora"].items())
    evaluations = sum(name.startswith("evaluation") for name in files)
    return f"{lineage['version']}  {lineage['registered_at']}  {evaluations} evaluations  {corpora}".rstrip()
