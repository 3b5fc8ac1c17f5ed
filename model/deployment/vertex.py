"""Mirror a registry to Vertex AI: its versions, and an endpoint with the same canary.

The file `vertex.json` in the registry names the project and the endpoint. With this file, the commands `register`,
`promote`, and `rollback` update Vertex AI too. The endpoint runs the real-time service
(`python -m callmood.realtime`), which has a price while the endpoint exists.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from google.api_core.exceptions import GoogleAPIError
from google.auth.exceptions import GoogleAuthError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from callmood.errors import CloudError, RegistryError
from callmood.models.object_store import open_object_store
from callmood.models.registry import PRODUCTION, Registry, Release

if TYPE_CHECKING:
    from google.cloud.aiplatform_v1.types import Endpoint

_CONFIG = "vertex.json"
_TIMEOUT_S = 3600.0  # a deployment takes about 15 minutes
_PORT = 8080


class Vertex(BaseModel):
    """The mirror of a registry in Vertex AI."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    project: str = Field(description="ID of the project")
    location: str = Field(pattern=r"^[a-z]+-[a-z]+[0-9]+$", description="region, such as europe-west1")
    image: str = Field(description="serving image: infra/images/serve.Containerfile in Artifact Registry")
    name: str = Field("callmood", pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$", description="name of the model in Vertex AI")
    endpoint: str | None = Field(None, description="display name of the endpoint; default: mirror versions only")
    machine_type: str = Field("n1-standard-2", description="machine of the endpoint")
    api_endpoint: str | None = Field(None, description="address of the service; default: the endpoint of the region")

    @property
    def parent(self) -> str:
        """Resource name of the location."""
        return f"projects/{self.project}/locations/{self.location}"


def read_config(registry: Registry) -> Vertex | None:
    """Read `vertex.json`; return None if the registry has no mirror.

    Raises
    ------
    RegistryError
        `vertex.json` is invalid.
    """
    try:
        return Vertex.model_validate_json(open_object_store(registry.uri).read(_CONFIG))
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise RegistryError(f"{registry.uri}/{_CONFIG} is invalid: {error}; run python -m model vertex again") from None


def mirror(registry: Registry, vertex: Vertex) -> Iterator[str]:
    """Update Vertex AI to the state of the registry. A repetition changes nothing.

    Parameters
    ----------
    registry : Registry
        A registry in Cloud Storage.
    vertex : Vertex

    Yields
    ------
    str
        A description of each change.

    Raises
    ------
    RegistryError
        The registry is a folder, which Vertex AI cannot read, or the client library is not installed.
    google.api_core.exceptions.GoogleAPIError
        Vertex AI rejects a request, or does not respond.
    """
    if not registry.uri.startswith("gs://"):
        raise RegistryError(f"Vertex AI reads models only from Cloud Storage, not from {registry.uri}")
    try:
        from google.cloud import aiplatform_v1
    except ImportError:
        raise RegistryError(
            "the client library of Vertex AI is not installed; pip install 'callmood[vertex]', or remove "
            f"{registry.uri}/{_CONFIG} to stop the mirroring"
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


def traffic_split(release: Release) -> dict[str, int]:
    """Return the percentage of requests for each version; a canary gets between 1 and 99.

    Examples
    --------
    >>> traffic_split(Release("a").with_canary("b", 0.1))
    {'a': 90, 'b': 10}
    """
    if release.canary is None:
        return {release.version: 100}
    canary = min(max(round(100 * release.share), 1), 99)
    return {release.version: 100 - canary, release.canary: canary}


class _Models:
    """The versions of one model in the registry of Vertex AI."""

    def __init__(self, client: Any, registry: Registry, vertex: Vertex) -> None:
        self._client, self._registry, self._vertex = client, registry, vertex
        self._name = f"{vertex.parent}/models/{vertex.name}"

    def find(self, version: str) -> str | None:
        """Return the name of a version, as ``…/models/NAME@3``; None if it does not exist."""
        from google.api_core.exceptions import NotFound

        try:
            found = self._client.get_model(name=f"{self._name}@{_alias(version)}")
        except NotFound:
            return None
        return f"{self._name}@{found.version_id}"

    def upload(self, version: str) -> str:
        """Upload a version, and return its name."""
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
        uploaded = self._client.upload_model(request=request).result(timeout=_TIMEOUT_S)
        return f"{uploaded.model}@{uploaded.model_version_id}"


def _alias(version: str) -> str:
    """Return a valid alias of Vertex AI, which must start with a letter."""
    return f"v{version}"


class _Endpoint:
    """One endpoint. The display name of a deployed model is its version."""

    def __init__(self, client: Any, vertex: Vertex) -> None:
        self._client, self._vertex = client, vertex

    def serve(self, release: Release, models: _Models) -> Iterator[str]:
        """Deploy missing versions, move the traffic, and undeploy unused versions, in this order to keep serving."""
        name = self._find()
        if name is None:
            name = self._create()
            yield f"created the endpoint {name}"
        wanted = traffic_split(release)
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
                self._client.undeploy_model(endpoint=name, deployed_model_id=deployed_id).result(timeout=_TIMEOUT_S)
                yield f"undeployed {version}"

    def _find(self) -> str | None:
        request = {"parent": self._vertex.parent, "filter": f'display_name="{self._vertex.endpoint}"'}
        return next((str(endpoint.name) for endpoint in self._client.list_endpoints(request=request)), None)

    def _create(self) -> str:
        endpoint = {"display_name": self._vertex.endpoint}
        created = self._client.create_endpoint(parent=self._vertex.parent, endpoint=endpoint).result(timeout=_TIMEOUT_S)
        return str(created.name)

    def _get(self, name: str) -> Endpoint:
        endpoint: Endpoint = self._client.get_endpoint(name=name)
        return endpoint

    def _deployed(self, name: str) -> dict[str, str]:
        return {each.display_name: each.id for each in self._get(name).deployed_models}

    def _traffic(self, name: str) -> dict[str, int]:
        return {key: percent for key, percent in self._get(name).traffic_split.items() if percent}

    def _deploy(self, name: str, version: str, model: str) -> None:
        """Deploy a version without traffic, except the first one. Vertex AI uses the ID "0" for the new deployment."""
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
        ).result(timeout=_TIMEOUT_S)


def configure(registry: Registry, values: Mapping[str, str]) -> None:
    """Write `vertex.json`, or update some of its values; without values, check that it exists.

    Raises
    ------
    RegistryError
        A value is missing or invalid.
    """
    current = read_config(registry)
    if not values:
        if current is None:
            raise RegistryError(f"{registry.uri} has no mirror yet; give --project, --location, and --image")
        return
    try:
        vertex = Vertex.model_validate((current.model_dump() if current else {}) | dict(values))
    except ValidationError as error:
        raise RegistryError("; ".join(f"--{each['loc'][0]}: {each['msg']}" for each in error.errors())) from None
    open_object_store(registry.uri).write(_CONFIG, (vertex.model_dump_json(indent=2) + "\n").encode())


def synchronize(registry: Registry) -> Iterator[str]:
    """Update the mirror of a registry, if it has one.

    Yields
    ------
    str
        A description of each change.

    Raises
    ------
    CloudError
        The update failed: Vertex AI is behind the registry.
    """
    vertex = read_config(registry)
    if vertex is None:
        return
    try:
        yield from mirror(registry, vertex)
    except (GoogleAPIError, GoogleAuthError) as error:
        raise CloudError(
            f"the registry is updated, but Vertex AI is not: {error}. Fix the cause, and run "
            f"python -m model vertex --registry {registry.uri}"
        ) from error
