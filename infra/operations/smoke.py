"""Try a complete deployment in a project, and remove it: about 15 minutes and one US dollar.

The program uses its own copy of the configuration and its own state, so it does not touch another deployment in the
project. It prints a report for an issue, and removes everything at the end, also after an error.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.operations.tools import ROOT, CommandFailed, Terraform, changes, run

NAME = "cm-smoke"
DATASET = "callmood_smoke"
PARTS = ("main.tf", "locals.tf", "variables.tf", "outputs.tf", "versions.tf", "infra")
EXAMPLES = sorted((ROOT / "tests" / "examples").glob("*.wav"))
PROBE = "smoke_probe"  # column that the view upgrade adds


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("--project", required=True, help="ID of a project with billing, best an empty one")
    parser.add_argument("--region", default="europe-west1", help="default: %(default)s")
    parser.add_argument("--wait-s", type=float, default=600, help="seconds to wait for rows (default: %(default)s)")


@dataclass
class Step:
    """A step of the test and its result."""

    name: str
    seconds: float = 0.0
    error: str | None = None


@dataclass
class Smoke:
    """A deployment on trial.

    Parameters
    ----------
    project, region : str
        Where the deployment is made.
    wait_s : float
        How long to wait for rows.
    terraform : Terraform
        The copy of the configuration.
    """

    project: str
    region: str
    wait_s: float
    terraform: Terraform
    steps: list[Step] = field(default_factory=list)

    def attempt(self, name: str, action: Callable[[], object]) -> bool:
        """Run one step, and record its time and its error."""
        step = Step(name)
        self.steps.append(step)
        print(f"== {name}", flush=True)
        started = time.monotonic()
        try:
            action()
        except (CommandFailed, AssertionError) as error:
            step.error = str(error)
            print(error, flush=True)
        step.seconds = time.monotonic() - started
        return step.error is None

    def deploy(self) -> None:
        """Create all resources."""
        run(
            "gcloud",
            "services",
            "enable",
            "cloudresourcemanager.googleapis.com",
            "serviceusage.googleapis.com",
            f"--project={self.project}",
        )
        self.terraform.init()
        self.terraform.plan()
        self.terraform.apply()

    def plan_again(self) -> None:
        """Check that a second plan has no changes."""
        left = changes(self.terraform.plan())
        assert not left, f"a second plan changes {[one['address'] for one in left]}"

    def upload_examples(self) -> None:
        """Upload the example calls, and wait for one row each."""
        run("gcloud", "storage", "cp", *EXAMPLES, f"gs://{self.bucket}/")
        self.wait_for("SELECT COUNT(*) AS n FROM recordings_current", len(EXAMPLES))

    def upload_poison(self) -> None:
        """Upload a file that is not audio, and wait for its row in failures."""
        poison = self.terraform.folder / "poison.wav"
        poison.write_text("This is not audio.")
        run("gcloud", "storage", "cp", poison, f"gs://{self.bucket}/")
        self.wait_for(
            "SELECT COUNT(*) AS n FROM failures_current WHERE ENDS_WITH(uri, '/poison.wav') AND code = 'not_audio'", 1
        )

    def publish_dead_letter(self) -> None:
        """Publish a dead letter, and wait for its row in failures."""
        attributes = {
            "eventType": "OBJECT_FINALIZE",
            "bucketId": self.bucket,
            "objectId": "lost.wav",
            "objectGeneration": "1",
            "CloudPubSubDeadLetterSourceDeliveryCount": "20",
        }
        listed = ",".join(f"{name}={value}" for name, value in attributes.items())
        run(
            "gcloud",
            "pubsub",
            "topics",
            "publish",
            f"{NAME}-dead-letters",
            f"--project={self.project}",
            f"--attribute={listed}",
            "--message={}",
        )
        self.wait_for(
            "SELECT COUNT(*) AS n FROM failures_current WHERE ENDS_WITH(uri, '/lost.wav') AND code = 'undeliverable'", 1
        )

    def erase_call(self) -> None:
        """Erase one call, and check that the reports do not contain it."""
        dataset = f"{self.project}.{DATASET}"
        environment = {"GOOGLE_CLOUD_PROJECT": self.project}
        run("callmood", "erase", "--call-id", "1001", "--dataset", dataset, environment=environment)
        self.wait_for("SELECT COUNT(*) AS n FROM recordings_current WHERE call_id = '1001'", 0)
        self.wait_for("SELECT COUNT(*) AS n FROM recordings_current", len(EXAMPLES) - 1)

    def upgrade_view(self) -> None:
        """Add a column to a view, as an upgrade does, and query it."""
        views = self.terraform.folder / "schemas" / "views"
        described = json.loads((views / "failures_current.json").read_text())
        described["fields"].append({"name": PROBE, "type": "INT64", "description": "Column of the smoke test."})
        (views / "failures_current.json").write_text(json.dumps(described))
        query = (views / "failures_current.sql").read_text()
        (views / "failures_current.sql").write_text(f"SELECT *, 1 AS {PROBE} FROM (\n{query}\n)\n")  # noqa: S608
        self.terraform.plan()
        self.terraform.apply()
        self.wait_for(f"SELECT MAX({PROBE}) AS n FROM failures_current", 1)  # noqa: S608

    def destroy(self) -> None:
        """Remove everything that the test created, except the enabled APIs."""
        with suppress(CommandFailed):  # the bucket may not exist, or be empty
            run("gcloud", "storage", "rm", "--recursive", f"gs://{self.bucket}/**")
        self.terraform("destroy", "-auto-approve", "-input=false", "-no-color", *self.terraform.options)
        assert not self.terraform("state", "list").strip(), "resources are left in the state"

    @property
    def bucket(self) -> str:
        """Return the bucket for recordings."""
        return f"{self.project}-{NAME}-recordings"

    def wait_for(self, sql: str, expected: int) -> None:
        """Wait until a query of the report dataset returns a number."""
        deadline = time.monotonic() + self.wait_s
        while (found := self.query(sql)) != expected:
            assert time.monotonic() < deadline, f"{sql} returned {found}, not {expected}, for {self.wait_s:.0f} s"
            time.sleep(min(5.0, self.wait_s / 20))

    def query(self, sql: str) -> int | None:
        """Return the number `n` of a query, 0 if it has no row, or None if it failed."""
        dataset = f"{self.project}:{DATASET}_reports"
        try:
            done = run(
                "bq",
                "query",
                f"--project_id={self.project}",
                f"--dataset_id={dataset}",
                "--use_legacy_sql=false",
                "--nouse_cache",
                "--format=json",
                sql,
            )
        except CommandFailed as error:
            print(error, flush=True)
            return None
        rows = json.loads(done.stdout or "[]")
        value = rows[0]["n"] if rows else 0
        return None if value is None else int(value)

    def report(self) -> str:
        """Return the result as Markdown."""
        rows = [f"| {step.name} | {'failed' if step.error else 'ok'} | {step.seconds:.0f} s |" for step in self.steps]
        errors = [f"### {step.name}\n\n```\n{step.error}\n```" for step in self.steps if step.error]
        return "\n".join(
            [
                "## Smoke test",
                "",
                f"Region {self.region}, {_versions()}, Python {platform.python_version()}.",
                "",
                "| step | result | time |",
                "|---|---|---|",
                *rows,
                "",
                *errors,
            ]
        )


def _versions() -> str:
    with suppress(CommandFailed):
        terraform = run("terraform", "version").stdout.splitlines()[0]
        gcloud = re.search(r"Google Cloud SDK ([\d.]+)", run("gcloud", "version").stdout)
        return f"{terraform}, gcloud {gcloud[1] if gcloud else 'unknown'}"
    return "unknown versions"


def make_workspace(folder: Path, project: str, region: str) -> Terraform:
    """Copy the configuration into a folder. The schemas are a real copy, because the view upgrade changes them."""
    for name in PARTS:
        (folder / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "schemas", folder / "schemas")
    values: dict[str, Any] = {
        "project_id": project,
        "region": region,
        "name": NAME,
        "dataset_id": DATASET,
        "deletion_protection": False,
        "soft_delete_days": 0,
    }
    (folder / "terraform.tfvars.json").write_text(json.dumps(values))
    return Terraform(folder)


def main(options: argparse.Namespace) -> int:
    """Run all steps, print the report, and return the exit code."""
    with tempfile.TemporaryDirectory(prefix="callmood-smoke-") as folder:
        smoke = Smoke(
            options.project,
            options.region,
            options.wait_s,
            make_workspace(Path(folder), options.project, options.region),
        )
        try:
            if smoke.attempt("apply", smoke.deploy):
                smoke.attempt("second plan without changes", smoke.plan_again)
                smoke.attempt("example calls have rows", smoke.upload_examples)
                smoke.attempt("poison file is a failure", smoke.upload_poison)
                smoke.attempt("dead letter is a failure", smoke.publish_dead_letter)
                smoke.attempt("erased call is hidden", smoke.erase_call)
                smoke.attempt("view gains a column", smoke.upgrade_view)
                smoke.attempt("plan after the upgrade without changes", smoke.plan_again)
        finally:
            smoke.attempt("destroy", smoke.destroy)
            print(smoke.report())
    return int(any(step.error for step in smoke.steps))
