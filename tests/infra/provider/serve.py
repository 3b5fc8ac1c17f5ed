"""A stand-in Terraform provider: it has the schema of the real provider, and its resources exist in the state only.

Terraform starts it as ``python serve.py SCHEMA.binpb`` with ``TF_DISABLE_PLUGIN_TLS=1``, reads the address from the
first line of its output, and uses the plugin protocol, version 6. With several schemas, it serves them to many runs of
Terraform (`install.reattach`): it reads folders, and prints the addresses for runs in each folder. A plan is equal to
that of the real provider: the rules of the provider decide what is valid, and which change replaces a resource
(`rules.py`). An apply generates the values that Google would return. Tests therefore need neither the registry nor
Google Cloud. With CALLMOOD_STAND_IN_LOG, each applied change is appended to that file as JSON, in the order of the
changes.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import msgpack
import rules
from archive import archive_file
from tf.gen import grpc_controller_pb2, grpc_controller_pb2_grpc, grpc_stdio_pb2_grpc, tfplugin_pb2_grpc
from tf.gen import tfplugin_pb2 as pb

UNKNOWN = msgpack.ExtType(0, b"\0")
PROJECT = "project-of-the-stand-in"
NUMBER = "123456789012"
COLLECTIONS = {
    "google_project_iam_custom_role": "/roles",
    "google_pubsub_topic": "/topics",
}  # the configuration parses these IDs
AGENTS = {  # service agents of Google, by data source
    "google_storage_project_service_account": f"service-{NUMBER}@gs-project-accounts.iam.gserviceaccount.com",
    "google_bigquery_default_service_account": f"bq-{NUMBER}@bigquery-encryption.iam.gserviceaccount.com",
}


def decode(value: pb.DynamicValue) -> Any:
    """Decode a value of the protocol. Unknown values are `UNKNOWN`."""
    return msgpack.unpackb(value.msgpack, strict_map_key=False) if value.msgpack else json.loads(value.json or b"null")


def encode(value: Any) -> pb.DynamicValue:
    """Encode a value for the protocol."""
    return pb.DynamicValue(msgpack=msgpack.packb(value))


def map_attributes(block: pb.Schema.Block, value: Any, attribute: Callable[[pb.Schema.Attribute, Any], Any]) -> Any:
    """Apply a function to every attribute of a resource and of its nested blocks."""
    if not isinstance(value, dict):
        return value
    attributes = {a.name: attribute(a, value.get(a.name)) for a in block.attributes}
    blocks = {
        n.type_name: [map_attributes(n.block, item, attribute) for item in value[n.type_name]]
        for n in block.block_types
        if isinstance(value.get(n.type_name), list)
    }
    return value | attributes | blocks


def with_unknowns(block: pb.Schema.Block, resource: Any) -> Any:
    """Mark computed attributes without a configured value as unknown."""
    return map_attributes(
        block, resource, lambda attribute, value: UNKNOWN if attribute.computed and value is None else value
    )


def with_generated_values(type_name: str, block: pb.Schema.Block, resource: Any) -> Any:
    """Replace every unknown value by a generated one."""

    def generate_if_unknown(attribute: pb.Schema.Attribute, value: Any) -> Any:
        return generate(type_name, attribute.name, json.loads(attribute.type), resource) if value == UNKNOWN else value

    return map_attributes(block, resource, generate_if_unknown)


def generate(type_name: str, attribute: str, kind: Any, resource: dict[str, Any]) -> Any:
    """Return a value of the type of a computed attribute. IDs and email addresses have the format of Google."""
    if kind != "string":
        return {"number": 0, "bool": False}.get(kind) if isinstance(kind, str) else ({} if kind[0] == "map" else [])
    project = known(resource, "project") or PROJECT
    account = f"{known(resource, 'account_id')}@{project}.iam.gserviceaccount.com"
    names = (
        "name",
        "account_id",
        "dataset_id",
        "table_id",
        "role_id",
        "repository_id",
        "display_name",
        "key_ring",
        "project",
    )
    name = next((found for key in names if (found := known(resource, key))), "none")
    path = f"projects/{project}{COLLECTIONS.get(type_name, '')}/{name}"
    special = {"project": project, "email": account, "member": f"serviceAccount:{account}", "number": NUMBER}
    special |= {"id": path, "name": path, "uri": f"https://{name}.example"}
    return special.get(attribute, f"{attribute}-of-{name}")


def known(resource: dict[str, Any], key: str) -> Any:
    """Return an attribute of a resource, or None if it is missing or unknown."""
    return None if resource.get(key) == UNKNOWN else resource.get(key)


def error(summary: str) -> pb.Diagnostic:
    """Return an error for Terraform to print."""
    return pb.Diagnostic(severity=pb.Diagnostic.ERROR, summary=summary)


def record(type_name: str, action: str, resource: dict[str, Any]) -> None:
    """Append an applied change to the log, if there is one."""
    if path := os.environ.get("CALLMOOD_STAND_IN_LOG"):
        name = next(
            (found for key in ("table_id", "name", "account_id", "member") if (found := known(resource, key))), ""
        )
        with Path(path).open("a") as log:
            log.write(json.dumps({"type": type_name, "action": action, "name": name}) + "\n")


def missing_metric(policy: dict[str, Any]) -> str | None:
    """Return the metric of a new threshold that Cloud Monitoring does not find: one that the same apply creates."""
    kinds = ("condition_threshold", "condition_absent")
    filters = [inner["filter"] for one in policy["conditions"] for kind in kinds for inner in one.get(kind) or []]
    own = re.compile(r'metric\.type = "((?:custom|logging)\.googleapis\.com/[^"]+)"')
    return next((found[1] for text in filters if (found := own.search(text))), None)


class Provider(tfplugin_pb2_grpc.ProviderServicer):
    """The provider service, based on a schema, for runs of Terraform in a folder."""

    def __init__(self, schema: pb.GetProviderSchema.Response, folder: Path) -> None:
        self.schema, self.folder = schema, folder

    def block(self, type_name: str) -> pb.Schema.Block:
        """Return the schema block of a resource type."""
        return self.schema.resource_schemas[type_name].block

    def GetProviderSchema(self, request, context):
        return self.schema

    def ValidateProviderConfig(self, request, context):
        return pb.ValidateProviderConfig.Response()

    def ValidateResourceConfig(self, request, context):
        problems = rules.problems(request.type_name, decode(request.config))
        return pb.ValidateResourceConfig.Response(diagnostics=[error(problem) for problem in problems])

    def ValidateDataResourceConfig(self, request, context):
        return pb.ValidateDataResourceConfig.Response()

    def ConfigureProvider(self, request, context):
        return pb.ConfigureProvider.Response()

    def UpgradeResourceState(self, request, context):
        return pb.UpgradeResourceState.Response(upgraded_state=encode(json.loads(request.raw_state.json)))

    def ReadResource(self, request, context):
        return pb.ReadResource.Response(new_state=request.current_state)

    def PlanResourceChange(self, request, context):
        prior, planned = decode(request.prior_state), decode(request.proposed_new_state)
        replaced = [] if prior is None or planned is None else rules.replacing(request.type_name, prior, planned)
        if prior is None:
            planned = with_unknowns(self.block(request.type_name), planned)
        return pb.PlanResourceChange.Response(
            planned_state=encode(planned),
            requires_replace=[
                pb.AttributePath(steps=[pb.AttributePath.Step(attribute_name=name)]) for name in sorted(replaced)
            ],
        )

    def ApplyResourceChange(self, request, context):
        prior, planned = decode(request.prior_state), decode(request.planned_state)
        if planned is None and prior.get("deletion_protection") is True:
            refused = error(f"cannot destroy {request.type_name} without setting deletion_protection=false")
            return pb.ApplyResourceChange.Response(new_state=request.prior_state, diagnostics=[refused])
        record(
            request.type_name,
            "delete" if planned is None else "create" if prior is None else "update",
            planned or prior,
        )
        if planned is None:
            return pb.ApplyResourceChange.Response(new_state=encode(None))
        if request.type_name == "google_monitoring_alert_policy" and (metric := missing_metric(planned)):
            refused = error(f"Error 404: Cannot find metric that matches type = {metric}. It may take up to 10 minutes")
            return pb.ApplyResourceChange.Response(new_state=request.prior_state, diagnostics=[refused])
        return pb.ApplyResourceChange.Response(
            new_state=encode(with_generated_values(request.type_name, self.block(request.type_name), planned))
        )

    def ReadDataSource(self, request, context):
        config = decode(request.config)
        if request.type_name == "archive_file":
            try:
                return pb.ReadDataSource.Response(state=encode(archive_file(config, self.folder)))
            except (OSError, ValueError) as failure:
                return pb.ReadDataSource.Response(diagnostics=[error(f"error creating archive: {failure}")])
        block = self.schema.data_source_schemas[request.type_name].block
        state = with_generated_values(request.type_name, block, with_unknowns(block, config))
        if email := AGENTS.get(request.type_name):
            state["member"] = f"serviceAccount:{email}"
        return pb.ReadDataSource.Response(state=encode(state))

    def StopProvider(self, request, context):
        return pb.StopProvider.Response()


class Controller(grpc_controller_pb2_grpc.GRPCControllerServicer):
    """The controller service, which Terraform uses to stop the process."""

    def __init__(self, ended: threading.Event) -> None:
        self.ended = ended

    def Shutdown(self, request, context):
        self.ended.set()
        return grpc_controller_pb2.Empty()


class Stdio(grpc_stdio_pb2_grpc.GRPCStdioServicer):
    """The stdio service, without output. Terraform logs an error if the service is missing."""

    def StreamStdio(self, request, context):
        return iter(())


def start(schema: Path, folder: Path, address: str, ended: threading.Event) -> grpc.Server:
    """Start to serve a schema at a Unix socket. Terraform sets `ended`."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    provider = Provider(pb.GetProviderSchema.Response.FromString(schema.read_bytes()), folder)
    tfplugin_pb2_grpc.add_ProviderServicer_to_server(provider, server)
    grpc_controller_pb2_grpc.add_GRPCControllerServicer_to_server(Controller(ended), server)
    grpc_stdio_pb2_grpc.add_GRPCStdioServicer_to_server(Stdio(), server)
    server.add_insecure_port(f"unix://{address}")
    server.start()
    return server


def serve(schema: Path) -> None:
    """Serve a schema until Terraform stops the process."""
    ended = threading.Event()
    with tempfile.TemporaryDirectory() as sockets:
        address = f"{sockets}/plugin.sock"
        server = start(schema, Path(), address, ended)
        print(f"1|6|unix|{address}|grpc", flush=True)  # handshake of go-plugin
        ended.wait()
        server.stop(grace=0.2).wait()


def serve_folders(schemas: list[Path]) -> None:
    """Serve schemas for each folder in a line of the input, until the input ends."""
    servers = []
    with tempfile.TemporaryDirectory() as sockets:
        for line in sys.stdin:
            addresses = [f"{sockets}/{len(servers)}-{schema.stem}.sock" for schema in schemas]
            for schema, address in zip(schemas, addresses, strict=True):
                servers.append(start(schema, Path(line.strip()), address, threading.Event()))
            print(json.dumps(addresses), flush=True)
        for server in servers:
            server.stop(grace=None)


if __name__ == "__main__":
    schemas = [Path(schema) for schema in sys.argv[1:]]
    serve_folders(schemas) if len(schemas) > 1 else serve(*schemas)
