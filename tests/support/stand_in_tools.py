"""Stand-ins for gcloud, bq, and terraform on the local services, for commands that a deployer runs.

`write_tools` puts them into a folder for PATH. Each call is recorded. `gcloud` and `bq` do with the emulators what the
used commands do with Google Cloud; other commands of gcloud, and git, only succeed. `terraform` is the real one, with
the stand-in providers; after an apply it creates the resources of the state in the emulators. `callmood` is the real
command. Without emulators, all of them only record their calls, and Terraform runs.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from workspaces import PROJECT, ROOT

TOOLS = ("gcloud", "bq", "terraform", "git", "callmood")
SUPPORT = Path(__file__).parent


EARLIER_ARCHIVE = f"functions-{'e' * 64}.zip"


def write_tools(folder: Path, log: Path, environment: dict[str, str]) -> dict[str, str]:
    """Write the programs, and return the environment in which a test runs commands.

    Parameters
    ----------
    folder : Path
        Receives the programs.
    log : Path
        Receives one line of JSON for each call.
    environment : dict of str to str
        Variables of the emulators and of the stand-in providers; ENDPOINTS contains the URL of each function as JSON.
    """
    path = f"{ROOT / 'functions'}:{SUPPORT}:{SUPPORT.parent}"
    for name in TOOLS:
        (folder / name).write_text(
            f'#!/bin/sh\nPYTHONPATH="{path}" exec "{sys.executable}" "{__file__}" "{name}" "$@"\n'
        )
        (folder / name).chmod(0o755)
    return {
        **os.environ,
        **environment,
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "REAL_TERRAFORM": shutil.which(os.environ.get("CALLMOOD_TERRAFORM", "terraform")) or "terraform",
        "TOOL_LOG": str(log),
    }


def calls(log: Path) -> list[list[str]]:
    """Return the recorded calls."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def gcloud(*arguments: str) -> int:
    """Do what a command of gcloud does, on the emulators."""
    words = [word for word in arguments if not word.startswith("--")]
    options = dict(word.removeprefix("--").split("=", 1) for word in arguments if word.startswith("--") and "=" in word)
    if words[:1] == ["version"]:
        print("Google Cloud SDK 999.0.0")
    elif words[:4] == ["artifacts", "docker", "images", "describe"]:
        print(f"sha256:{hashlib.sha256(words[4].encode()).hexdigest()}")
    elif words[:2] == ["storage", "cp"]:
        _upload(words[2:-1], words[-1])
    elif words[:2] == ["storage", "ls"]:
        print(json.dumps([{"metadata": {"name": EARLIER_ARCHIVE, "timeCreated": "2026-01-02T03:04:05Z"}}]))
    elif words[:2] == ["storage", "rm"]:
        _remove(words[2])
    elif words[:3] == ["pubsub", "topics", "publish"]:
        from google.cloud.pubsub_v1 import PublisherClient

        attributes = dict(pair.split("=", 1) for pair in options["attribute"].split(","))
        publisher = PublisherClient()
        topic = publisher.topic_path(options["project"], words[3])
        publisher.publish(topic, options["message"].encode(), **attributes).result(timeout=30)
    return 0


def _bucket(uri: str):
    from google.cloud.storage import Client

    bucket, _, name = uri.removeprefix("gs://").partition("/")
    return Client(project=PROJECT["project_id"]).bucket(bucket), name


def _upload(files: list[str], target: str) -> None:
    if "STORAGE_EMULATOR_HOST" in os.environ:
        bucket, prefix = _bucket(target)
        for file in files:
            bucket.blob(prefix + Path(file).name).upload_from_filename(file)


def _remove(pattern: str) -> None:
    if "STORAGE_EMULATOR_HOST" in os.environ:
        bucket, _ = _bucket(pattern)
        for blob in bucket.client.list_blobs(bucket):
            blob.delete()


def bq(*arguments: str) -> int:
    """Run a query on the emulator, and print its rows."""
    if "BIGQUERY_EMULATOR_HOST" not in os.environ:
        return 0
    from google.cloud.bigquery import QueryJobConfig

    from callmood.warehouse.bigquery import connect

    options = dict(word.removeprefix("--").split("=", 1) for word in arguments if word.startswith("--") and "=" in word)
    default = options["dataset_id"].replace(":", ".") if "dataset_id" in options else None
    # A job, because the emulator's short form of a query ignores the default dataset, and returns no rows for an error.
    config = QueryJobConfig(default_dataset=default, use_query_cache="--nouse_cache" not in arguments)
    rows = connect(options.get("project_id")).query(arguments[-1], job_config=config).result()
    print(json.dumps([dict(row.items()) for row in rows], default=str))
    return 0


def terraform(*arguments: str) -> int:
    """Run Terraform, and create what it applied in the emulators."""
    done = subprocess.run([os.environ["REAL_TERRAFORM"], *arguments], check=False)
    if done.returncode == 0 and arguments[:1] == ("apply",) and "STORAGE_EMULATOR_HOST" in os.environ:
        from emulation import Emulated, create
        from google.cloud import storage
        from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
        from workspaces import resources

        from callmood.warehouse.bigquery import connect

        shown = subprocess.run([os.environ["REAL_TERRAFORM"], "show", "-json"], capture_output=True, check=True)
        applied = resources(json.loads(shown.stdout)["values"]["root_module"])
        storage_client = storage.Client(project=PROJECT["project_id"])
        cloud = Emulated({}, storage_client, PublisherClient(), SubscriberClient(), connect(), Path.cwd())
        create(cloud, applied, json.loads(os.environ["ENDPOINTS"]))
    return done.returncode


def callmood(*arguments: str) -> int:
    """Run the real command on the emulators."""
    if "STORAGE_EMULATOR_HOST" not in os.environ:
        return 0
    return subprocess.run([sys.executable, "-m", "callmood", *arguments], check=False).returncode


def main(name: str, *arguments: str) -> int:
    """Record a call, and run it."""
    with Path(os.environ["TOOL_LOG"]).open("a") as log:
        log.write(json.dumps([name, *arguments]) + "\n")
    return {"gcloud": gcloud, "bq": bq, "terraform": terraform, "callmood": callmood}.get(name, lambda *_: 0)(
        *arguments
    )


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
