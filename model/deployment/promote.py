"""Let a registered version serve, all recordings or a share of them: `python -m model promote VERSION`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from google.api_core.exceptions import GoogleAPIError
from google.auth.exceptions import GoogleAuthError

from callmood.errors import CallmoodError, RegistryError, WarehouseError
from callmood.models.registry import PRODUCTION, Registry, Release
from callmood.services import reprocess
from model.deployment import vertex
from model.deployment.register import FAULTS


def promote(registry: Registry, alias: str, version: str, canary: float | None) -> Release:
    """Change what an alias means, after a self-test of the version.

    Parameters
    ----------
    registry : Registry
        The registry.
    alias : str
        The alias.
    version : str
        The version.
    canary : float or None
        Its share of the recordings; None for all. One that serves all of them already goes on to.

    Returns
    -------
    Release
        What the alias means now.

    Raises
    ------
    ModelError
        The version is not there, or fails its self-test.
    RegistryError
        There is nothing that it could be a canary beside.
    """
    registry.version(version)
    registry.load(version)

    def changed(present: Release | None) -> Release:
        if canary is None:
            return present.promoted(version) if present else Release(version)
        if present is None:
            raise RegistryError(f"{alias} means nothing yet: promote a first version without --canary")
        return present if version == present.version else present.with_canary(version, canary)

    return registry.change(alias, "promote" if canary is None else "canary", changed)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="examples: python -m model promote f305841e9432 --registry gs://acme-models/callmood --canary 0.1; "
        "later, the same without --canary",
    )
    parser.add_argument("version", help="12 hexadecimal digits: python -m model versions lists them")
    parser.add_argument("--registry", required=True, help="gs://BUCKET/PREFIX, or a folder")
    parser.add_argument("--canary", type=float, metavar="SHARE", help="only this share of recordings, such as 0.1")
    add_alias(parser)
    args = parser.parse_args()
    try:
        registry = Registry(args.registry)
        release = promote(registry, args.alias, args.version, args.canary)
        if args.canary is None:
            show(release.version, args.store, args.dataset)
        vertex.follow(registry)
    except FAULTS as error:
        sys.exit(f"error: {error}")
    print(told(args.alias, release))


def add_alias(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which alias changes, and whose reports change with it."""
    parser.add_argument("--alias", default=PRODUCTION, help="default: %(default)s")
    parser.add_argument("--dataset", help="PROJECT.DATASET of the rows: reports show calls scored by this version")
    parser.add_argument("--store", type=Path, help="the same for a local store")


def show(version: str, store: Path | None, dataset: str | None) -> None:
    """Have reports show the calls that a version scored, rather than the same calls by versions before it.

    Raises
    ------
    WarehouseError
        The warehouse did not take it; the alias has changed all the same.
    """
    try:
        if store:
            from callmood.warehouse.duckdb import DuckDBWarehouse

            reprocess.publish_version(DuckDBWarehouse(store), version)
        if dataset:
            from callmood.warehouse.bigquery import BigQueryWarehouse

            reprocess.publish_version(BigQueryWarehouse(dataset), version)
    except (CallmoodError, GoogleAPIError, GoogleAuthError) as error:
        raise WarehouseError(
            f"{version} serves, but reports do not show it yet: {error}. Once that is mended: "
            f"python -m model promote {version}, with the same options"
        ) from error


def told(alias: str, release: Release) -> str:
    """What an alias means, in a sentence."""
    canary = f", but {release.canary} for {release.share:.0%} of the recordings" if release.canary else ""
    return f"{alias} is {release.version}{canary}."


if __name__ == "__main__":
    main()
