"""List what a registry holds, which version serves, and how that came about: `python -m model versions`."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from callmood.models.registry import Registry
from model.deployment.promote import told
from model.deployment.register import FAULTS


def listing(registry: Registry) -> dict[str, Any]:
    """All that is known, as JSON can carry it: versions with their lineage and files, releases, history."""
    return {
        "versions": [{**each.lineage, "files": list(each.files)} for each in registry.versions()],
        "releases": {alias: vars(release) for alias, release in registry.releases().items()},
        "history": registry.history(),
    }


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="example: python -m model versions --registry gs://acme-models/callmood",
    )
    parser.add_argument("--registry", required=True, help="gs://BUCKET/PREFIX, or a folder")
    parser.add_argument("--json", action="store_true", help="print all of it as one JSON object")
    args = parser.parse_args()
    registry = Registry(args.registry)
    try:
        found = listing(registry)
        releases = registry.releases()
    except FAULTS as error:
        sys.exit(f"error: {error}")
    if args.json:
        print(json.dumps(found, indent=2))
        return
    for version in found["versions"]:
        corpora = ", ".join(f"{name} ({clips} clips)" for name, clips in version["corpora"].items())
        evaluations = sum(name.startswith("evaluation") for name in version["files"])
        print(f"{version['version']}  {version['registered_at']}  {evaluations} evaluations  {corpora}".rstrip())
    for change in found["history"]:
        print(f"{change['at']}  {change['what']} {change['version']} as {change['alias']}, {change['share']:.0%}")
    for alias, release in releases.items():
        print(told(alias, release))


if __name__ == "__main__":
    main()
