"""Command line: `python -m infra.operations images|upgrade|rollback|smoke`."""

from __future__ import annotations

import argparse
import sys

from infra.operations import images, smoke, upgrade
from infra.operations.tools import CommandFailed, Terraform


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Options that it does not know go to `terraform plan`, such as ``-var-file=FILE``."""
    parser = argparse.ArgumentParser(prog="./run", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("images", help="build both images, and pin them in images.auto.tfvars.json")
    for name, text in (
        ("upgrade", "deploy this version: tables, then views, then functions; refuse to delete data"),
        ("rollback", "build the functions from an earlier archive"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("--no-doctor", action="store_true", help="do not check the deployment afterwards")
        if name == "rollback":
            command.add_argument("archive", nargs="?", help="default: the newest archive that is not in use")
    smoke.add_options(commands.add_parser("smoke", help="try a deployment in a project, and remove it"))
    given, others = parser.parse_known_args(arguments)
    terraform = Terraform(options=others)
    try:
        if given.command == "images":
            for image in images.build(terraform).values():
                print(image)
        elif given.command == "upgrade":
            print(upgrade.upgrade(terraform, doctor=not given.no_doctor))
        elif given.command == "rollback":
            print(upgrade.rollback(terraform, given.archive, doctor=not given.no_doctor))
        else:
            return smoke.main(given)
    except (CommandFailed, upgrade.UnsafeUpgrade) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
