"""Run the command-line tools of a deployment: terraform (or tofu), gcloud, bq, and callmood."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


class CommandFailed(Exception):
    """A command returned an error. The message contains the command and the end of its output."""


def run(
    *command: str | Path,
    folder: Path = ROOT,
    environment: Mapping[str, str] | None = None,
    accepted: Iterable[int] = (0,),
) -> subprocess.CompletedProcess[str]:
    """Run a command and return its result.

    Parameters
    ----------
    *command : str or Path
        Program and arguments.
    folder : Path
        Working directory.
    environment : mapping of str to str, optional
        Additional environment variables.
    accepted : iterable of int
        Exit codes that are not errors.

    Raises
    ------
    CommandFailed
        The program is not installed, or returned another exit code.
    """
    words = [str(word) for word in command]
    print("$", " ".join(words), file=sys.stderr, flush=True)
    if shutil.which(words[0]) is None:
        raise CommandFailed(f"{words[0]} is not installed (docs/deploy.md)")
    done = subprocess.run(  # noqa: S603
        words, cwd=folder, env={**os.environ, **(environment or {})}, capture_output=True, text=True, check=False
    )
    if done.returncode not in accepted:
        raise CommandFailed(f"{' '.join(words)}: exit code {done.returncode}\n{(done.stdout + done.stderr)[-2000:]}")
    return done


@dataclass
class Terraform:
    """Terraform in one folder, always with the same options.

    Parameters
    ----------
    folder : Path
        Folder of the root module.
    options : list of str
        Options of every plan, such as ``-var-file=FILE``.
    """

    folder: Path = ROOT
    options: list[str] = field(default_factory=list)

    def __call__(self, *arguments: str, accepted: Iterable[int] = (0,)) -> str:
        """Run a command and return its output."""
        program = os.environ.get("CALLMOOD_TERRAFORM", "terraform")
        return run(
            program, *arguments, folder=self.folder, environment={"TF_IN_AUTOMATION": "1"}, accepted=accepted
        ).stdout

    def init(self) -> None:
        """Install providers and modules."""
        self("init", "-input=false", "-no-color")

    def plan(self, *options: str) -> dict[str, Any]:
        """Write the plan `callmood.tfplan`, and return it."""
        self("plan", "-input=false", "-no-color", "-out=callmood.tfplan", *self.options, *options)
        return dict(json.loads(self("show", "-json", "callmood.tfplan")))

    def apply(self) -> None:
        """Apply the plan."""
        self("apply", "-input=false", "-no-color", "callmood.tfplan")

    def outputs(self) -> dict[str, Any]:
        """Return the output values."""
        return {name: found["value"] for name, found in json.loads(self("output", "-json")).items()}


def changes(plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the resource changes of a plan, without those that change nothing."""
    return [one for one in plan["resource_changes"] if one["change"]["actions"] not in (["no-op"], ["read"])]
