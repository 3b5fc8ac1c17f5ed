"""Have Vertex AI mirror a registry: its versions, and an endpoint with the same canary: `python -m model vertex`.

Once this was run for a registry, `vertex.json` in it says where; `register`, `promote` and `rollback` go on with it.
The endpoint serves what `python -m callmood.realtime` serves, and costs money as long as it is there.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from google.api_core.exceptions import GoogleAPIError
from google.auth.exceptions import GoogleAuthError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from callmood.errors import CallmoodError, CloudError, RegistryError
from callmood.models.object_store import open_object_store
from callmood.models.registry import PRODUCTION, Registry, Release

if TYPE_CHECKING:
    from google.cloud.aiplatform_v1.types import Endpoint

_CONFIG = "vertex.json"
# Vertex AI takes a quarter of an hour for a deployment.
_PATIENCE_S = 3600.0
_PORT = 8080


class Vertex(BaseModel):
    """Where Vertex AI mirrors a registry."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    project: str = Field(description="id of the project")
    location: str = Field(pattern=r"^[a-z]+-[a-z]+[0-9]+$", description="region, such as europe-west1")
    image: str = Field(description="serving image: infra/images/serve.Containerfile in Artifact Registry")
    name: str = Field("callmood", pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$", description="name of the model in Vertex AI")
    endpoint: str | None = Field(
        None, description="display name of the endpoint; none where only versions are mirrored"
    )
    machine_type: str = Field("n1-standard-2", description="machine of the endpoint")
    api_endpoint: str | None = Field(None, description="address of the service; default: the region's own")

    @property
    def parent(self) -> str:
        """The location as a resource's name."""
        return f"projects/{self.project}/locations/{self.location}"


def configured(registry: Registry) -> Vertex | None:
    """Where Vertex AI mirrors the registry, if it does.

    Raises
    ------
    RegistryError
        `vertex.json` is damaged.
    """
    try:
        return Vertex.model_validate_json(open_object_store(registry.uri).read(_CONFIG))
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise RegistryError(f"{registry.uri}/{_CONFIG} is damaged: {error}; run python -m model vertex again") from None


def mirror(registry: Registry, vertex: Vertex) -> Iterator[str]:
    """Bring Vertex AI to what the registry says. Doing it again changes nothing.

    Parameters
    ----------
    registry : Registry
        A registry in Cloud Storage.
    vertex : Vertex
        Where to.

    Yields
    ------
    str
        What was done, a sentence each.

    Raises
    ------
    RegistryError
        The registry is a folder, which Vertex AI cannot read, or its client library is not installed.
    google.api_core.exceptions.GoogleAPIError
        Vertex AI refuses, or does not answer.
    """
    if not registry.uri.startswith("gs://"):
        raise RegistryError(f"Vertex AI reads models from Cloud Storage only, not from {registry.uri}")
    try:
        from google.cloud import aiplatform_v1
    except ImportError:
        raise RegistryError(
            "Vertex AI's library is not installed; pip install 'callmood[vertex]', or remove "
            f"{registry.uri}/{_CONFIG} to leave Vertex AI alone"
        ) from None
    options: dict[str, Any] = {"transport": "rest", "client_options": {"api_endpoint": _address(vertex)}}
    models = _Models(aiplatform_v1.ModelServiceClient(**options), registry, vertex)
    for known in registry.versions():
        if models.find(known.version) is None:
            yield f"uploaded {known.version} as {models.upload(known.version)}"
    release = registry.releases().get(PRODUCTION)
    if vertex.endpoint and release:
        yield from _Endpoint(aiplatform_v1.EndpointServiceClient(**options), vertex).serve(release, models)


def _address(vertex: Vertex) -> str:
    return vertex.api_endpoint or f"{vertex.location}-aiplatform.googleapis.com"


def shares(release: Release) -> dict[str, int]:
    """Percentage of the requests that each version answers; a canary gets 1 at least, and leaves 1 at least.

    Examples
    --------
    >>> shares(Release("a").with_canary("b", 0.1))
    {'a': 90, 'b': 10}
    """
    if release.canary is None:
        return {release.version: 100}
    canary = min(max(round(100 * release.share), 1), 99)
    return {release.version: 100 - canary, release.canary: canary}


class _Models:
    """The versions of one model in Vertex AI's registry."""

    def __init__(self, client: Any, registry: Registry, vertex: Vertex) -> None:
        self._client, self._registry, self._vertex = client, registry, vertex
        self._name = f"{vertex.parent}/models/{vertex.name}"

    def find(self, version: str) -> str | None:
        """Name of a version, as ``…/models/NAME@3``; None where it is not there."""
        from google.api_core.exceptions import NotFound

        try:
            found = self._client.get_model(name=f"{self._name}@{_alias(version)}")
        except NotFound:
            return None
        return f"{self._name}@{found.version_id}"

    def upload(self, version: str) -> str:
        """Upload a version; its name."""
        from google.api_core.exceptions import NotFound
        from google.cloud.aiplatform_v1.types import Model, ModelContainerSpec, Port, UploadModelRequest

        model = Model(
            display_name=self._vertex.name,
            version_aliases=[_alias(version)],
            version_description=f"{self._registry.uri}@{version}",
            artifact_uri=f"{self._registry.uri}/versions/{version}",
            container_spec=ModelContainerSpec(
                image_uri=self._vertex.image,
                predict_route="/score",
                health_route="/health",
                ports=[Port(container_port=_PORT)],
            ),
        )
        request = UploadModelRequest(parent=self._vertex.parent, model=model)
        try:
            self._client.get_model(name=self._name)
            request.parent_model = self._name
        except NotFound:
            request.model_id = self._vertex.name
        uploaded = self._client.upload_model(request=request).result(timeout=_PATIENCE_S)
        return f"{uploaded.model}@{uploaded.model_version_id}"


def _alias(version: str) -> str:
    """What Vertex AI takes for a version's alias: it must begin with a letter."""
    return f"v{version}"


class _Endpoint:
    """One endpoint, on which a version's display name is the version."""

    def __init__(self, client: Any, vertex: Vertex) -> None:
        self._client, self._vertex = client, vertex

    def serve(self, release: Release, models: _Models) -> Iterator[str]:
        """Deploy what is missing, move the traffic, then undeploy what gets none: no request meets a gap."""
        name = self._find()
        if name is None:
            name = self._create()
            yield f"made the endpoint {name}"
        wanted = shares(release)
        for version in wanted:
            if version not in self._deployed(name):
                self._deploy(name, version, models.find(version) or models.upload(version))
                yield f"deployed {version} to {name}"
        deployed = self._deployed(name)
        split = {deployed[version]: percent for version, percent in wanted.items()}
        if self._traffic(name) != split:
            endpoint = {"name": name, "traffic_split": split}
            self._client.update_endpoint(endpoint=endpoint, update_mask={"paths": ["traffic_split"]})
            yield "traffic: " + ", ".join(f"{version} {percent} %" for version, percent in wanted.items())
        for version, deployed_id in deployed.items():
            if version not in wanted:
                self._client.undeploy_model(endpoint=name, deployed_model_id=deployed_id).result(timeout=_PATIENCE_S)
                yield f"undeployed {version}"

    def _find(self) -> str | None:
        request = {"parent": self._vertex.parent, "filter": f'display_name="{self._vertex.endpoint}"'}
        return next((str(found.name) for found in self._client.list_endpoints(request=request)), None)

    def _create(self) -> str:
        endpoint = {"display_name": self._vertex.endpoint}
        made = self._client.create_endpoint(parent=self._vertex.parent, endpoint=endpoint).result(timeout=_PATIENCE_S)
        return str(made.name)

    def _get(self, name: str) -> Endpoint:
        return self._client.get_endpoint(name=name)

    def _deployed(self, name: str) -> dict[str, str]:
        return {each.display_name: each.id for each in self._get(name).deployed_models}

    def _traffic(self, name: str) -> dict[str, int]:
        return {key: percent for key, percent in self._get(name).traffic_split.items() if percent}

    def _deploy(self, name: str, version: str, model: str) -> None:
        """Deploy a version, with no traffic yet unless it is the first; Vertex AI calls it "0" until it has an id."""
        traffic = self._traffic(name)
        self._client.deploy_model(
            endpoint=name,
            deployed_model={
                "model": model,
                "display_name": version,
                "dedicated_resources": {
                    "machine_spec": {"machine_type": self._vertex.machine_type},
                    "min_replica_count": 1,
                    "max_replica_count": 1,
                },
            },
            traffic_split=traffic | {"0": 0} if traffic else {"0": 100},
        ).result(timeout=_PATIENCE_S)


def follow(registry: Registry) -> None:
    """Bring Vertex AI to what the registry says, where it mirrors it, and print what was done.

    Raises
    ------
    CloudError
        It did not come to that: the registry is ahead of Vertex AI.
    """
    vertex = configured(registry)
    if vertex is None:
        return
    try:
        for done in mirror(registry, vertex):
            print(f"Vertex AI: {done}")
    except (GoogleAPIError, GoogleAuthError) as error:
        raise CloudError(
            f"the registry is as you told it, but Vertex AI is not: {error}. Once that is mended: "
            f"python -m model vertex --registry {registry.uri}"
        ) from error


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="example: python -m model vertex --registry gs://acme-models/callmood --project acme "
        "--location europe-west1 --image europe-west1-docker.pkg.dev/acme/callmood/serve:1 --endpoint callmood; "
        "later, --registry alone brings Vertex AI up to date",
    )
    parser.add_argument("--registry", required=True, help="gs://BUCKET/PREFIX")
    for name, field in Vertex.model_fields.items():
        parser.add_argument(f"--{name.replace('_', '-')}", help=field.description)
    args = parser.parse_args()
    given = {name: value for name in Vertex.model_fields if (value := getattr(args, name))}
    registry = Registry(args.registry)
    try:
        if given:
            known = configured(registry)
            vertex = Vertex.model_validate((known.model_dump() if known else {}) | given)
            open_object_store(registry.uri).write(_CONFIG, (vertex.model_dump_json(indent=2) + "\n").encode())
        elif configured(registry) is None:
            raise RegistryError("say where Vertex AI is to mirror it: --project, --location and --image")
        follow(registry)
    except ValidationError as error:
        sys.exit("error: " + "; ".join(f"--{each['loc'][0]}: {each['msg']}" for each in error.errors()))
    except (CallmoodError, GoogleAPIError, GoogleAuthError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
