"""Install the stand-in providers once: an environment, the schemas, and a mirror under `.cache/terraform`.

The program prints the environment variables that make `terraform` and `tofu` use them:
``export $(python tests/infra/provider/install.py)``.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import platform
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
CACHE = HERE.parents[2] / ".cache" / "terraform"
PLUGIN_FRAMEWORK = "tf==1.2.0"
PROVIDERS = {  # provider: (version, package with the schema)
    "google": ("8.7.0", "cdktn-provider-google==21.1.0"),
    "google-beta": ("8.7.0", "cdktn-provider-google-beta==21.1.0"),
    "archive": ("2.8.1", "cdktn-provider-archive==14.0.1"),
}
REGISTRIES = ("registry.terraform.io", "registry.opentofu.org")


def install() -> dict[str, str]:
    """Install missing parts, and return the environment variables that make Terraform use them."""
    CACHE.mkdir(parents=True, exist_ok=True)
    made_by = (HERE / "install.py").read_bytes() + (HERE / "schema.py").read_bytes() + str((CACHE, used())).encode()
    digest = hashlib.sha256(made_by).hexdigest()[:16]
    home = CACHE / digest
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "complete").exists():
            shutil.rmtree(home, ignore_errors=True)
            _make(home)
            (home / "complete").touch()
    return {"TF_CLI_CONFIG_FILE": str(home / "terraformrc"), "TF_DISABLE_PLUGIN_TLS": "1"}


@contextmanager
def reattach(environment: dict[str, str]) -> Iterator[Callable[[Path], dict[str, str]]]:
    """Run the stand-ins in one process. Yield a function that returns the variable with which Terraform uses it.

    Terraform otherwise starts each provider three times for a plan, which takes half of the time of a plan.
    """
    home = Path(environment["TF_CLI_CONFIG_FILE"]).parent
    command = [home / "venv" / "bin" / "python", HERE / "serve.py", *(home / f"{name}.binpb" for name in PROVIDERS)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as server:

        def attach(folder: Path) -> dict[str, str]:
            server.stdin.write(f"{folder}\n")
            addresses = zip(PROVIDERS, json.loads(server.stdout.readline()), strict=True)
            plugin = {"Protocol": "grpc", "ProtocolVersion": 6, "Pid": server.pid, "Test": True}
            plugins = {
                f"{registry}/hashicorp/{name}": {**plugin, "Addr": {"Network": "unix", "String": address}}
                for name, address in addresses
                for registry in REGISTRIES
            }
            return {"TF_REATTACH_PROVIDERS": json.dumps(plugins)}

        yield attach


def used() -> list[str]:
    """Return the types of resources and data sources in the configuration. Terraform reads a smaller schema faster."""
    texts = [path.read_text() for path in (HERE.parents[2] / "infra").rglob("*.tf")]
    return sorted({name for text in texts for name in re.findall(r'^(?:resource|data) "(\w+)"', text, re.M)})


def _make(home: Path) -> None:
    python = home / "venv" / "bin" / "python"
    venv.create(home / "venv", with_pip=True)
    pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", PLUGIN_FRAMEWORK], check=True)
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    for name, (version, package) in PROVIDERS.items():
        download, schema = home / "download" / name, home / f"{name}.binpb"
        subprocess.run([*pip, "download", "--no-deps", "--dest", download, package], check=True)
        subprocess.run([python, HERE / "schema.py", next(download.glob("*.whl")), schema, *used()], check=True)
        for registry in REGISTRIES:
            folder = home / "mirror" / registry / "hashicorp" / name / version / f"{sys.platform}_{machine}"
            folder.mkdir(parents=True)
            binary = folder / f"terraform-provider-{name}_v{version}"
            binary.write_text(f'#!/bin/sh\nexec "{python}" "{HERE / "serve.py"}" "{schema}"\n')
            binary.chmod(0o755)
    shutil.rmtree(home / "download")
    mirror = f'filesystem_mirror {{\n    path = "{home / "mirror"}"\n  }}'
    (home / "terraformrc").write_text(f"provider_installation {{\n  {mirror}\n}}\n")


if __name__ == "__main__":
    print("\n".join(f"{name}={value}" for name, value in install().items()))
