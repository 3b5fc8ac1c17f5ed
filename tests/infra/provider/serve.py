"""A stand-in for a Terraform provider: the real one's schema, and resources that exist in the state only.

Terraform starts it as ``python serve.py SCHEMA.binpb`` with ``TF_DISABLE_PLUGIN_TLS=1``, reads the address from its
first line and speaks the plugin protocol, version 6. A plan shows what the real provider's would, and an apply invents
what Google would answer, so configurations can be tested where neither the registry nor Google can be reached.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import msgpack
from archive import archive_file
from tf.gen import grpc_controller_pb2, grpc_controller_pb2_grpc, grpc_stdio_pb2_grpc, tfplugin_pb2_grpc
from tf.gen import tfplugin_pb2 as pb

UNKNOWN = msgpack.ExtType(0, b"\0")
PROJECT = "project-of-the-stand-in"
NUMBER = "123456789012"
COLLECTIONS = {"google_project_iam_custom_role": "/roles", "google_pubsub_topic": "/topics"}  # ids that are looked into
AGENTS = {  # accounts of Google's own, by the data source that finds them
    "google_storage_project_service_account": f"service-{NUMBER}@gs-project-accounts.iam.gserviceaccount.com",
    "google_bigquery_default_service_account": f"bq-{NUMBER}@bigquery-encryption.iam.gserviceaccount.com",
}


def decode(value: pb.DynamicValue) -> Any:
    """Read a value as it comes over the wire; unknown ones stay `UNKNOWN`."""
    return msgpack.unpackb(value.msgpack, strict_map_key=False) if value.msgpack else json.loads(value.json or b"null")


def encode(value: Any) -> pb.DynamicValue:
    """Write a value for the wire."""
    return pb.DynamicValue(msgpack=msgpack.packb(value))


def change(block: pb.Schema.Block, value: Any, attribute: Callable[[pb.Schema.Attribute, Any], Any]) -> Any:
    """Replace every attribute of a resource, in its nested blocks too, by what a function of it and its value gives."""
    if not isinstance(value, dict):
        return value
    attributes = {a.name: attribute(a, value.get(a.name)) for a in block.attributes}
    blocks = {
        n.type_name: [change(n.block, item, attribute) for item in value[n.type_name]]
        for n in block.block_types
        if isinstance(value.get(n.type_name), list)
    }
    return value | attributes | blocks


def with_unknowns(block: pb.Schema.Block, resource: Any) -> Any:
    """Mark what only the provider knows: computed attributes that the configuration leaves out."""
    return change(block, resource, lambda attribute, value: UNKNOWN if attribute.computed and value is None else value)


def with_inventions(type_name: str, block: pb.Schema.Block, resource: Any) -> Any:
    """Replace every unknown by what Google might answer."""

    def known(attribute: pb.Schema.Attribute, value: Any) -> Any:
        return invent(type_name, attribute.name, json.loads(attribute.type), resource) if value == UNKNOWN else value

    return change(block, resource, known)


def invent(type_name: str, attribute: str, kind: Any, resource: dict[str, Any]) -> Any:
    """Give a computed attribute a value of its type; ids and e-mail addresses look as Google's do."""
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
    """Return a resource's attribute where it has one that is known."""
    return None if resource.get(key) == UNKNOWN else resource.get(key)


class Provider(tfplugin_pb2_grpc.ProviderServicer):
    """Answers Terraform from a schema alone."""

    def __init__(self, schema: pb.GetProviderSchema.Response) -> None:
        self.schema = schema

    def block(self, type_name: str) -> pb.Schema.Block:
        """Return the schema block of a resource type."""
        return self.schema.resource_schemas[type_name].block

    def GetProviderSchema(self, request, context):
        return self.schema

    def ValidateProviderConfig(self, request, context):
        return pb.ValidateProviderConfig.Response()

    def ValidateResourceConfig(self, request, context):
        return pb.ValidateResourceConfig.Response()

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
        if prior is None:
            planned = with_unknowns(self.block(request.type_name), planned)
        return pb.PlanResourceChange.Response(planned_state=encode(planned))

    def ApplyResourceChange(self, request, context):
        planned = decode(request.planned_state)
        return pb.ApplyResourceChange.Response(
            new_state=encode(with_inventions(request.type_name, self.block(request.type_name), planned))
        )

    def ReadDataSource(self, request, context):
        config = decode(request.config)
        if request.type_name == "archive_file":
            try:
                return pb.ReadDataSource.Response(state=encode(archive_file(config)))
            except (OSError, ValueError) as error:
                return pb.ReadDataSource.Response(
                    diagnostics=[
                        pb.Diagnostic(severity=pb.Diagnostic.ERROR, summary=f"error creating archive: {error}")
                    ]
                )
        block = self.schema.data_source_schemas[request.type_name].block
        state = with_inventions(request.type_name, block, with_unknowns(block, config))
        if email := AGENTS.get(request.type_name):
            state["member"] = f"serviceAccount:{email}"
        return pb.ReadDataSource.Response(state=encode(state))

    def StopProvider(self, request, context):
        return pb.StopProvider.Response()


class Controller(grpc_controller_pb2_grpc.GRPCControllerServicer):
    """Lets Terraform end the process."""

    def __init__(self, ended: threading.Event) -> None:
        self.ended = ended

    def Shutdown(self, request, context):
        self.ended.set()
        return grpc_controller_pb2.Empty()


class Stdio(grpc_stdio_pb2_grpc.GRPCStdioServicer):
    """Has no output to forward, but Terraform complains where nobody says so."""

    def StreamStdio(self, request, context):
        return iter(())


def serve(schema: Path) -> None:
    """Serve one schema until Terraform ends it."""
    ended = threading.Event()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    provider = Provider(pb.GetProviderSchema.Response.FromString(schema.read_bytes()))
    tfplugin_pb2_grpc.add_ProviderServicer_to_server(provider, server)
    grpc_controller_pb2_grpc.add_GRPCControllerServicer_to_server(Controller(ended), server)
    grpc_stdio_pb2_grpc.add_GRPCStdioServicer_to_server(Stdio(), server)
    with tempfile.TemporaryDirectory() as folder:
        address = f"{folder}/plugin.sock"
        server.add_insecure_port(f"unix://{address}")
        server.start()
        print(f"1|6|unix|{address}|grpc", flush=True)  # go-plugin's handshake
        ended.wait()
        server.stop(grace=0.2).wait()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
