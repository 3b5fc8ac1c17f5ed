"""Folders in which the tests run Terraform, like a deployer."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PROJECT = {"project_id": "acme-calls-1"}
PARTS = ("main.tf", "locals.tf", "variables.tf", "outputs.tf", "versions.tf", "infra", "schemas")
HARDENED = ROOT / "infra" / "examples" / "hardened.tfvars"

Resource = dict[str, Any]


class Workspace:
    """A folder in which Terraform (or OpenTofu: CALLMOOD_TERRAFORM=tofu) runs."""

    def __init__(self, binary: str, folder: Path, environment: dict[str, str]) -> None:
        self.binary, self.folder = binary, folder
        self.environment = {**os.environ, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1", **environment}

    def run(self, *arguments: str | Path) -> str:
        """Run a command and return its output. Raise an AssertionError with the output if it fails."""
        done = self.attempt(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def attempt(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a command that may fail."""
        command = [self.binary, *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )

    def init(self) -> Workspace:
        """Install the providers and modules."""
        self.run("init", "-backend=false", "-input=false", "-no-color")
        return self

    def plan(self, *options: str | Path, **variables: object) -> dict[str, Any]:
        """Plan, and return the plan as JSON."""
        self.run("plan", "-input=false", "-no-color", "-out=plan", *options, *self.options(**variables))
        return json.loads(self.run("show", "-json", "plan"))

    def apply(self, *options: str | Path, **variables: object) -> list[Resource]:
        """Apply, and return every resource of the new state."""
        self.run("apply", "-auto-approve", "-input=false", "-no-color", *options, *self.options(**variables))
        return resources(json.loads(self.run("show", "-json"))["values"]["root_module"])

    def output(self) -> dict[str, Any]:
        """Return the output values of the state."""
        return {name: found["value"] for name, found in json.loads(self.run("output", "-json")).items()}

    @staticmethod
    def options(**variables: object) -> list[str]:
        """Return the command-line options that set variables."""
        return [f"-var={name}={to if isinstance(to, str) else json.dumps(to)}" for name, to in variables.items()]


def resources(module: dict[str, Any]) -> list[Resource]:
    """Return every managed resource of a module and its child modules, without data sources."""
    own = [found for found in module.get("resources", []) if found["mode"] == "managed"]
    return own + [found for child in module.get("child_modules", []) for found in resources(child)]


def of_type(applied: list[Resource], kind: str) -> list[Resource]:
    """Return the resources of a type."""
    return [found for found in applied if found["type"] == kind]
