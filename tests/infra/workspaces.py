"""A folder in which Terraform runs as a deployer runs it."""

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
        """Run one command; its output, or an AssertionError with it."""
        done = self.attempt(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def attempt(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run one command that may fail."""
        command = [self.binary, *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )

    def init(self) -> Workspace:
        """Install the providers and modules."""
        self.run("init", "-backend=false", "-input=false", "-no-color")
        return self

    def plan(self, *options: str | Path, **variables: object) -> dict[str, Any]:
        """Plan, and return the plan as Terraform tells it to programs."""
        self.run("plan", "-input=false", "-no-color", "-out=plan", *options, *self.options(**variables))
        return json.loads(self.run("show", "-json", "plan"))

    def apply(self, *options: str | Path, **variables: object) -> list[Resource]:
        """Apply, and return every resource of the new state."""
        self.run("apply", "-auto-approve", "-input=false", "-no-color", *options, *self.options(**variables))
        return resources(json.loads(self.run("show", "-json"))["values"]["root_module"])

    def output(self) -> dict[str, Any]:
        """Return the outputs of what was applied."""
        return {name: found["value"] for name, found in json.loads(self.run("output", "-json")).items()}

    @staticmethod
    def options(**variables: object) -> list[str]:
        """Command-line options that set variables."""
        return [f"-var={name}={to if isinstance(to, str) else json.dumps(to)}" for name, to in variables.items()]


def resources(module: dict[str, Any]) -> list[Resource]:
    """Every managed resource of a module and those within, data sources left out."""
    own = [found for found in module.get("resources", []) if found["mode"] == "managed"]
    return own + [found for child in module.get("child_modules", []) for found in resources(child)]


def of_type(applied: list[Resource], kind: str) -> list[Resource]:
    """Resources of one type."""
    return [found for found in applied if found["type"] == kind]
