"""Folders in which the tests run Terraform, like a deployer."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PROJECT = {"project_id": "acme-calls-1"}
PARTS = ("main.tf", "locals.tf", "variables.tf", "outputs.tf", "versions.tf", "infra", "schemas")
HARDENED = ROOT / "infra" / "examples" / "hardened.tfvars"
# The option that `./run images` writes.
REPOSITORY = "europe-west1-docker.pkg.dev/acme-calls-1/callmood-images"
IMAGES = {"serve": f"{REPOSITORY}/serve@sha256:{'5e' * 32}", "train": f"{REPOSITORY}/train@sha256:{'7a' * 32}"}

Resource = dict[str, Any]


class Workspace:
    """A folder in which Terraform (or OpenTofu: CALLMOOD_TERRAFORM=tofu) runs.

    Parameters
    ----------
    binary : str
        Terraform.
    folder : Path
        The folder.
    environment : dict
        Variables that make Terraform use the stand-in providers, for a deployer who runs Terraform.
    running : dict
        The variable that makes the methods use running providers, which is faster. Terraform then has no lock file.
    """

    def __init__(self, binary: str, folder: Path, environment: dict[str, str], running: dict[str, str]) -> None:
        self.binary, self.folder, self._running = binary, folder, running
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
            command,
            cwd=self.folder,
            env=self.environment | self._running | {"GOGC": "400"},  # less time for collecting garbage
            capture_output=True,
            text=True,
            check=False,
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


@dataclass
class Existing:
    """A deployment that was applied.

    Parameters
    ----------
    workspace : Workspace
        Its folder.
    options, variables : list, dict
        The options that it was applied with.
    resources : list of dict
        Its resources.
    graph : dict
        The addresses of the resources and data sources that each resource waits for, directly or not.
    """

    workspace: Workspace
    options: list[str]
    variables: dict[str, object]
    resources: list[Resource]
    graph: dict[str, set[str]]

    @classmethod
    def apply(cls, workspace: Workspace, options: list[str], variables: dict[str, object]) -> Existing:
        """Plan, read the order of the changes, and apply."""
        workspace.run("plan", "-input=false", "-no-color", "-out=plan", *options, *workspace.options(**variables))
        graph = dependencies(workspace.run("graph", "-type=apply", "-plan=plan"))
        workspace.run("apply", "-input=false", "-no-color", "plan")
        applied = resources(json.loads(workspace.run("show", "-json"))["values"]["root_module"])
        return cls(workspace, options, variables, applied, graph)

    def changes(self, **variables: object) -> dict[str, str]:
        """Return what a plan with other options would change: create, update, replace, or delete, by address."""
        options = [*self.options, *self.workspace.options(**{**self.variables, **variables})]
        events = self.workspace.run("plan", "-json", "-input=false", "-refresh=false", *options).splitlines()
        changes = [event["change"] for event in map(json.loads, events) if event["type"] == "planned_change"]
        return {change["resource"]["addr"]: change["action"] for change in changes if change["action"] != "read"}


def dependencies(dot: str) -> dict[str, set[str]]:
    """Return the transitive dependencies of each resource in a graph of Terraform (DOT)."""
    edges: dict[str, set[str]] = defaultdict(set)
    for start, end in re.findall(r'^\s*"((?:[^"\\]|\\.)*)" -> "((?:[^"\\]|\\.)*)"', dot, re.M):
        edges[_address(start)].add(_address(end))
    found: dict[str, set[str]] = {}

    def closure(node: str) -> set[str]:
        if node not in found:
            found[node] = set()
            for other in edges.get(node, ()):
                found[node] |= {other} | closure(other)
        return found[node]

    return {node: closure(node) for node in list(edges)}


def _address(node: str) -> str:
    return node.replace('\\"', '"').removeprefix("[root] ")


def resources(module: dict[str, Any]) -> list[Resource]:
    """Return every managed resource of a module and its child modules, without data sources."""
    own = [found for found in module.get("resources", []) if found["mode"] == "managed"]
    return own + [found for child in module.get("child_modules", []) for found in resources(child)]


def of_type(applied: list[Resource], kind: str) -> list[Resource]:
    """Return the resources of a type."""
    return [found for found in applied if found["type"] == kind]
