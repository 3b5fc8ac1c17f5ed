"""Fixtures for Terraform.

Terraform uses stand-in providers (tests/infra/provider). CALLMOOD_TERRAFORM_REGISTRY=1 selects the real providers.
"""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import nullcontext

import pytest
from emulation import Emulated, emulated
from infra.provider.install import install, reattach
from stack.services import ServiceMissing, do_without
from workspaces import HARDENED, IMAGES, PARTS, PROJECT, ROOT, Existing, Resource, Workspace


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Workspace]]:
    """Yield a function that creates a workspace: a folder with links to the named parts of the project."""
    binary = shutil.which(os.environ.get("CALLMOOD_TERRAFORM", "terraform"))
    if binary is None:
        do_without("terraform is not installed: https://developer.hashicorp.com/terraform/install")
    is_real = os.environ.get("CALLMOOD_TERRAFORM_REGISTRY") == "1"
    environment = {} if is_real else install()
    with nullcontext(lambda _folder: {}) if is_real else reattach(environment) as attach:

        def make(*names: str) -> Workspace:
            folder = tmp_path_factory.mktemp("terraform")
            for name in names:
                (folder / name).symlink_to(ROOT / name)
            return Workspace(binary, folder, environment, attach(folder))

        yield make


@pytest.fixture(scope="session")
def deployment(workspace: Callable[..., Workspace]) -> Workspace:
    """Return an initialized workspace of the root module."""
    return workspace(*PARTS, "tests").init()


@pytest.fixture(scope="session")
def deployments(workspace: Callable[..., Workspace]) -> Callable[[str], Existing]:
    """Return a function that applies a deployment once: `defaults`, or `hardened`."""
    options: dict[str, tuple[list[str], dict[str, object]]] = {
        "defaults": ([], {**PROJECT}),
        "hardened": ([f"-var-file={HARDENED}"], {**PROJECT, "images": IMAGES}),
    }

    @functools.cache
    def existing(name: str) -> Existing:
        return Existing.apply(workspace(*PARTS).init(), *options[name])

    return existing


@pytest.fixture(scope="session", params=["defaults", "hardened"])
def existing(request: pytest.FixtureRequest, deployments: Callable[[str], Existing]) -> Existing:
    """Return the default deployment, and the hardened one."""
    return deployments(request.param)


@pytest.fixture(scope="session")
def applied(existing: Existing) -> list[Resource]:
    """Return the resources of the default deployment, and of the hardened one."""
    return existing.resources


@pytest.fixture(scope="session")
def deployed(workspace: Callable[..., Workspace]) -> tuple[Workspace, list[Resource]]:
    """Return the workspace and the resources of a deployment of a copy of the project."""
    copy = workspace()
    for name in (*PARTS, "functions", "model", "requirements.txt"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy.folder / name, symlinks=True)
        else:
            shutil.copy(ROOT / name, copy.folder / name)
    (copy.folder / "functions/callmood/__pycache__").mkdir(exist_ok=True)
    (copy.folder / "functions/callmood/__pycache__/cli.cpython-311.pyc").write_bytes(b"stale")
    (copy.folder / "functions/.env").write_text("SECRET=1")
    return copy, copy.init().apply(**PROJECT)


@pytest.fixture(scope="session")
def cloud(deployed: tuple[Workspace, list[Resource]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulated]:
    """Yield that deployment on emulators."""
    try:
        with emulated(deployed[1], tmp_path_factory.mktemp("logs")) as running:
            yield running
    except ServiceMissing as missing:
        do_without(missing)
