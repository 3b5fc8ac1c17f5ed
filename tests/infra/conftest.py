"""Terraform as a deployer runs it.

On stand-ins for the providers (tests/infra/provider), unless CALLMOOD_TERRAFORM_REGISTRY=1 asks for the real ones.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.append(str(HERE / "provider"))

CHECKOV = "checkov==3.3.30"
PROJECT = {"project_id": "acme-calls-1"}
PARTS = ("main.tf", "variables.tf", "outputs.tf", "versions.tf", "infra", "schemas")
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


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Workspace]:
    """Make a workspace: a new folder that sees the named parts of the project under their names."""
    binary = shutil.which(os.environ.get("CALLMOOD_TERRAFORM", "terraform"))
    if binary is None:
        pytest.skip("terraform is not installed: https://developer.hashicorp.com/terraform/install")
    environment = {}
    if os.environ.get("CALLMOOD_TERRAFORM_REGISTRY") != "1":
        from install import install

        environment = install()

    def make(*names: str) -> Workspace:
        folder = tmp_path_factory.mktemp("terraform")
        for name in names:
            (folder / name).symlink_to(ROOT / name)
        return Workspace(binary, folder, environment)

    return make


@pytest.fixture(scope="session")
def deployment(workspace: Callable[..., Workspace]) -> Workspace:
    """The project's own root module, ready to plan."""
    return workspace(*PARTS, "tests").init()


@pytest.fixture(scope="session", params=["defaults", "hardened"])
def applied(request: pytest.FixtureRequest, workspace: Callable[..., Workspace]) -> list[Resource]:
    """Every resource of a deployment, with values as Google might give them: by default, and hardened."""
    options = [f"-var-file={HARDENED}"] if request.param == "hardened" else []
    return workspace(*PARTS).init().apply(*options, **PROJECT)


@pytest.fixture(scope="session")
def checkov() -> Path:
    """Install checkov, once, in an environment of its own: it pins much of what it needs."""
    home = ROOT / ".cache" / CHECKOV.replace("==", "-")
    if not (home / "complete").exists():
        shutil.rmtree(home, ignore_errors=True)
        venv.create(home, with_pip=True)
        subprocess.run([home / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", CHECKOV], check=True)
        (home / "complete").touch()
    return home / "bin" / "checkov"
