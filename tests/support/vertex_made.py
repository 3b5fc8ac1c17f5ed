"""Vertex AI in small: models with versions and aliases, endpoints with deployed models and traffic, operations.

https://cloud.google.com/vertex-ai/docs/reference/rest: what a request lacks, or has too much, is refused as there.
"""

import re
from itertools import count
from urllib.parse import parse_qs, unquote, urlsplit

_ALIAS = re.compile(r"[a-z][a-zA-Z0-9-]{0,126}[a-z0-9]")
_TYPES = "type.googleapis.com/google.cloud.aiplatform.v1."


class Refused(Exception):
    def __init__(self, status, code, message):
        self.answer = (status, {"error": {"code": status, "status": code, "message": message}})


def invalid(message):
    return Refused(400, "INVALID_ARGUMENT", message)


class VertexMade:
    """State and rules; `answer` is what `scripted_http` asks."""

    def __init__(self):
        self.models = {}  # name -> [version, …]
        self.endpoints = {}  # name -> endpoint
        self.operations = {}
        self.history = []  # what was deployed and which split was in force, in order
        self._ids = count(1)

    def answer(self, request):
        url = urlsplit(request.path)
        # The client library requests operations below /ui, as the service's configuration states.
        path, query = re.sub("^/(v1|ui)/", "", unquote(url.path)), parse_qs(url.query)
        body = request.json if request.body else {}
        try:
            return 200, self._route(request.method, path, query, body)
        except Refused as refused:
            return refused.answer

    def _route(self, method, path, query, body):
        found = re.fullmatch(
            r"(projects/[^/]+/locations/[^/]+)/(models|endpoints|operations)(?:/([^:/]+))?(?::(\w+))?", path
        )
        if not found:
            raise Refused(404, "NOT_FOUND", path)
        parent, kind, which, verb = found.groups()
        name = f"{parent}/{kind}/{which}" if which else None
        ways = {
            ("POST", "models", False, "upload"): lambda: self._upload(parent, body),
            ("GET", "models", True, None): lambda: self._model(name),
            ("GET", "operations", True, None): lambda: self._operation(name),
            ("GET", "endpoints", False, None): lambda: self._list(query),
            ("POST", "endpoints", False, None): lambda: self._create(parent, body),
            ("GET", "endpoints", True, None): lambda: self._endpoint(name),
            ("PATCH", "endpoints", True, None): lambda: self._update(name, query, body),
            ("POST", "endpoints", True, "deployModel"): lambda: self._deploy(name, body),
            ("POST", "endpoints", True, "undeployModel"): lambda: self._undeploy(name, body),
        }
        way = ways.get((method, kind, which is not None, verb))
        if not way:
            raise Refused(404, "NOT_FOUND", f"{method} {path}")
        return way()

    def _started(self, parent, response, kind):
        """An operation that is complete on the first request."""
        name = f"{parent}/operations/{next(self._ids)}"
        self.operations[name] = {"name": name, "done": True, "response": {"@type": _TYPES + kind, **response}}
        return {"name": name, "done": False}

    def _operation(self, name):
        if name not in self.operations:
            raise Refused(404, "NOT_FOUND", name)
        return self.operations[name]

    # --- models ---

    def _upload(self, parent, body):
        known(body, {"model", "modelId", "parentModel"})
        model = body.get("model", {})
        known(model, {"displayName", "versionAliases", "versionDescription", "artifactUri", "containerSpec"})
        if not model.get("displayName"):
            raise invalid("display_name is required")
        if not model.get("artifactUri", "").startswith("gs://"):
            raise invalid("artifact_uri must be in Cloud Storage")
        if not model.get("containerSpec", {}).get("imageUri"):
            raise invalid("container_spec.image_uri is required")
        for alias in model.get("versionAliases", []):
            if not _ALIAS.fullmatch(alias):
                raise invalid(f"{alias} is not an alias")
        if "parentModel" in body:
            name = body["parentModel"]
            if name not in self.models:
                raise Refused(404, "NOT_FOUND", name)
        else:
            name = f"{parent}/models/{body.get('modelId') or next(self._ids)}"
            if name in self.models:
                raise Refused(409, "ALREADY_EXISTS", name)
        versions = self.models.setdefault(name, [])
        versions.append({**model, "name": name, "versionId": str(len(versions) + 1)})
        response = {"model": name, "modelVersionId": versions[-1]["versionId"]}
        return self._started(parent, response, "UploadModelResponse")

    def _model(self, name):
        base, _, wanted = name.partition("@")
        versions = self.models.get(base, [])
        for version in versions:
            if wanted in ("", version["versionId"], *version.get("versionAliases", [])):
                return version
        raise Refused(404, "NOT_FOUND", name)

    # --- endpoints ---

    def _list(self, query):
        wanted = re.fullmatch(r'display_name="(.+)"', query["filter"][0])[1]
        return {"endpoints": [each for each in self.endpoints.values() if each["displayName"] == wanted]}

    def _create(self, parent, body):
        known(body, {"displayName"})
        if not body.get("displayName"):
            raise invalid("display_name is required")
        name = f"{parent}/endpoints/{next(self._ids)}"
        self.endpoints[name] = {"name": name, **body, "deployedModels": [], "trafficSplit": {}}
        return self._started(parent, {"name": name}, "Endpoint")

    def _endpoint(self, name):
        if name not in self.endpoints:
            raise Refused(404, "NOT_FOUND", name)
        return self.endpoints[name]

    def _update(self, name, query, body):
        endpoint = self._endpoint(name)
        if query["updateMask"] != ["trafficSplit"]:
            raise invalid(f"update_mask {query['updateMask']}")
        self._split(endpoint, body["trafficSplit"])
        return endpoint

    def _deploy(self, name, body):
        endpoint = self._endpoint(name)
        known(body, {"deployedModel", "trafficSplit"})
        model = body["deployedModel"]
        if not model.get("dedicatedResources", {}).get("machineSpec", {}).get("machineType"):
            raise invalid("dedicated_resources.machine_spec.machine_type is required")
        self._model(model["model"])
        deployed = str(next(self._ids))
        split = {deployed if key == "0" else key: percent for key, percent in body["trafficSplit"].items()}
        endpoint["deployedModels"].append({**model, "id": deployed})
        self._split(endpoint, split)
        return self._started(name.rpartition("/endpoints/")[0], {"deployedModel": model}, "DeployModelResponse")

    def _undeploy(self, name, body):
        endpoint = self._endpoint(name)
        if endpoint["trafficSplit"].get(body["deployedModelId"]):
            raise invalid("it still gets traffic")
        kept = [each for each in endpoint["deployedModels"] if each["id"] != body["deployedModelId"]]
        if len(kept) == len(endpoint["deployedModels"]):
            raise Refused(404, "NOT_FOUND", body["deployedModelId"])
        endpoint["deployedModels"] = kept
        self._split(endpoint, {key: each for key, each in endpoint["trafficSplit"].items() if each})
        return self._started(name.rpartition("/endpoints/")[0], {}, "UndeployModelResponse")

    def _split(self, endpoint, split):
        versions = {each["id"]: each["displayName"] for each in endpoint["deployedModels"]}
        if not set(split) <= set(versions) or sum(split.values()) != 100:
            raise invalid(f"traffic_split {split} is none of {versions}, or not 100 in all")
        endpoint["trafficSplit"] = split
        self.history.append({versions[key]: percent for key, percent in split.items() if percent})


def known(body, names):
    if unknown := set(body) - names:
        raise invalid(f"unknown fields: {unknown}")
