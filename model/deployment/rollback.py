"""Take a canary away, or go back to the version that served before: `python -m model rollback`."""

from __future__ import annotations

import argparse
import sys

from callmood.errors import RegistryError
from callmood.models.registry import Registry, Release
from model.deployment import vertex
from model.deployment.promote import add_alias, show, told
from model.deployment.register import FAULTS


def rollback(registry: Registry, alias: str, canary: str | None = None) -> Release:
    """Go one step back.

    Parameters
    ----------
    registry : Registry
        The registry.
    alias : str
        The alias.
    canary : str, optional
        Only take this canary away; where it is none, nothing changes, however often this is asked.

    Returns
    -------
    Release
        What the alias means now.

    Raises
    ------
    RegistryError
        Nothing served before.
    """

    def changed(present: Release | None) -> Release:
        if present is None:
            raise RegistryError(f"{registry.uri} has no alias {alias!r}: there is nothing to go back from")
        return present if canary not in (None, present.canary) else present.rolled_back()

    return registry.change(alias, "rollback", changed)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="example: python -m model rollback --registry gs://acme-models/callmood",
    )
    parser.add_argument("--registry", required=True, help="gs://BUCKET/PREFIX, or a folder")
    parser.add_argument("--canary", metavar="VERSION", help="only take this canary away, if it is one")
    add_alias(parser)
    args = parser.parse_args()
    try:
        registry = Registry(args.registry)
        release = rollback(registry, args.alias, args.canary)
        show(release.version, args.store, args.dataset)
        vertex.follow(registry)
    except FAULTS as error:
        sys.exit(f"error: {error}")
    print(told(args.alias, release))


if __name__ == "__main__":
    main()
