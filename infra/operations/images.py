"""Build the images of infra/images, and pin them by digest in images.auto.tfvars.json.

The first phase of a deployment with the real-time service or with retraining: Cloud Run refuses a missing image, so the
repository and its images must exist before the rest.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

from infra.operations.tools import Terraform, run

NAMES = ("serve", "train")
FILE = "images.auto.tfvars.json"
# Terraform validates all options, also those of modules that this phase does not deploy.
_PLACEHOLDER = {name: f"none/{name}@sha256:{'0' * 64}" for name in NAMES}


def build(terraform: Terraform, tag: str | None = None) -> dict[str, str]:
    """Create the repository, build both images, and write the option `images`.

    Parameters
    ----------
    terraform : Terraform
        The deployment.
    tag : str, optional
        Tag of the images; default: the current time.

    Returns
    -------
    dict of str to str
        Image by name, pinned by digest.
    """
    terraform.init()
    known = terraform.folder / FILE
    placeholder = [] if known.exists() else [f"-var=images={json.dumps(_PLACEHOLDER)}"]
    terraform.plan("-target=module.registry", *placeholder)
    terraform.apply()
    outputs = terraform.outputs()
    repository = outputs["images"]
    region, project = re.match(r"([a-z0-9-]+)-docker\.pkg\.dev/([^/]+)/", repository).groups()  # type: ignore[union-attr]
    tag = tag or datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    run(
        *("gcloud", "builds", "submit", f"--project={project}", f"--region={region}"),
        "--config=infra/images/cloudbuild.yaml",
        f"--service-account=projects/{project}/serviceAccounts/{outputs['image_builder']}",
        f"--gcs-source-staging-dir=gs://{outputs['runs_bucket']}/images",
        f"--substitutions=_REPOSITORY={repository},_TAG={tag}",
        folder=terraform.folder,
    )
    images = {name: f"{repository}/{name}@{_digest(f'{repository}/{name}:{tag}', project)}" for name in NAMES}
    known.write_text(json.dumps({"images": images}, indent=2) + "\n")
    return images


def _digest(image: str, project: str) -> str:
    shown = run(
        *("gcloud", "artifacts", "docker", "images", "describe", image),
        *(f"--project={project}", "--format=value(image_summary.digest)"),
    )
    return shown.stdout.strip()
