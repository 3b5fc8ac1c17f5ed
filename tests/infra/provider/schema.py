"""Extract the schema of a Terraform provider from its CDK Terrain package, as a GetProviderSchema response.

The generated JavaScript of such a package contains the Terraform name of every attribute, and a comment that states
whether it is computed, optional, or required. (Nine large resources, which this project does not use, have their blocks
in other files, and are read without them.) Run ``python schema.py PACKAGE.whl OUT.binpb TYPE…``.
"""

from __future__ import annotations

import io
import json
import re
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tf.gen import tfplugin_pb2 as pb

CLASS = re.compile(r"^class (\w+) extends cdktn\.(\w+) \{(.*?)^\}", re.M | re.S)
FIELD = re.compile(
    r"^    // (?P<name>\w+) - computed: (?P<computed>\w+), optional: (?P<optional>\w+), required: (?P<required>\w+)\n"
    r"(?P<body>.*?)\n    \}$",
    re.M | re.S,
)
NESTED = re.compile(r"= new (\w+?)(List|OutputReference)\(this, \"\w+\"(?:, (true|false))?\)")
PROVIDER_FIELD = re.compile(r"^ +(\w+): cdktn\.(\w+)\(", re.M)
RESOURCE_NAME = re.compile(r'static tfResourceType = "(\w+)"')

# The generated getter of each attribute type. Longer names come first, because some have the same suffix.
GETTERS: dict[str, Any] = {
    "Fn.tolist(this.getListAttribute": ["set", "string"],
    "Fn.tolist(this.getNumberListAttribute": ["set", "number"],
    "getNumberListAttribute": ["list", "number"],
    "getListAttribute": ["list", "string"],
    "getStringMapAttribute": ["map", "string"],
    "getStringAttribute": "string",
    "getNumberAttribute": "number",
    "getBooleanAttribute": "bool",
    "new cdktn.StringMapList": ["list", ["map", "string"]],
    "new cdktn.StringMap": ["map", "string"],
    "interpolationForAttribute": "dynamic",
}
LIST, SET, SINGLE = (pb.Schema.NestedBlock.NestingMode.Value(mode) for mode in ("LIST", "SET", "SINGLE"))


def modules(package: Path) -> Iterator[str]:
    """Yield the JavaScript of every resource and data source in a package, without its source map."""
    with zipfile.ZipFile(package) as wheel:
        bundle = next(name for name in wheel.namelist() if name.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=io.BytesIO(wheel.read(bundle)), mode="r:gz") as files:
            for member in files:
                if member.name.endswith("/index.js") and (file := files.extractfile(member)):
                    yield file.read().partition(b"\n//# sourceMappingURL")[0].decode()


def read_block(classes: dict[str, str], name: str, inside: tuple[str, ...] = ()) -> pb.Schema.Block:
    """Return the schema block of a class: its attributes and its nested blocks, without recursion."""
    block = pb.Schema.Block()
    for field in FIELD.finditer(classes[name]):
        computed, optional, required = (field[key] == "true" for key in ("computed", "optional", "required"))
        nested = NESTED.search(field["body"])
        if nested is None:
            kind = next((kind for getter, kind in GETTERS.items() if getter in field["body"]), "dynamic")
        else:
            if nested[1] in inside:
                continue
            inner = read_block(classes, nested[1] + "OutputReference", (*inside, nested[1]))
            if optional or required:
                block.block_types.append(nested_block(field["name"], inner, nested, required))
                continue
            kind = ["set" if nested[3] == "true" else "list", object_type(inner)]
        block.attributes.append(
            pb.Schema.Attribute(
                name=field["name"],
                type=json.dumps(kind).encode(),
                computed=computed,
                optional=optional,
                required=required,
            )
        )
    return block


def nested_block(name: str, inner: pb.Schema.Block, nested: re.Match[str], required: bool) -> pb.Schema.NestedBlock:
    """Return a nested block: an object (`timeouts`), a list of at most one item (a reference), or a list or set."""
    if name == "timeouts":
        return pb.Schema.NestedBlock(type_name=name, nesting=SINGLE, block=inner)
    return pb.Schema.NestedBlock(
        type_name=name,
        nesting=SET if nested[3] == "true" else LIST,
        min_items=int(required),
        max_items=int(nested[2] == "OutputReference"),
        block=inner,
    )


def object_type(block: pb.Schema.Block) -> list[Any]:
    """Return the object type of a block. A computed block is an attribute of this type."""
    return ["object", {attribute.name: json.loads(attribute.type) for attribute in block.attributes}]


def read_provider(source: str) -> pb.Schema.Block:
    """Return the schema of the provider configuration. All its settings are optional."""
    kinds = {"stringToTerraform": "string", "booleanToTerraform": "bool", "hashMapper": ["map", "string"]}
    return pb.Schema.Block(
        attributes=[
            pb.Schema.Attribute(name=name, type=json.dumps(kinds.get(kind, "dynamic")).encode(), optional=True)
            for name, kind in PROVIDER_FIELD.findall(source.partition("synthesizeAttributes() {")[2])
            if name != "alias"
        ]
    )


def read_package(package: Path, used: set[str]) -> pb.GetProviderSchema.Response:
    """Return the GetProviderSchema response for a package, with the used types of resources and data sources."""
    response = pb.GetProviderSchema.Response()
    for source in modules(package):
        found = list(CLASS.finditer(source))
        classes = {name: body for name, _, body in (match.groups() for match in found)}
        for name, base, body in (match.groups() for match in found):
            if base == "TerraformProvider":
                response.provider.block.CopyFrom(read_provider(body))
            elif base in ("TerraformResource", "TerraformDataSource"):
                group = response.resource_schemas if base == "TerraformResource" else response.data_source_schemas
                if (type_name := RESOURCE_NAME.search(body)) and type_name[1] in used:
                    group[type_name[1]].block.CopyFrom(read_block(classes, name))
    return response


if __name__ == "__main__":
    Path(sys.argv[2]).write_bytes(read_package(Path(sys.argv[1]), set(sys.argv[3:])).SerializeToString())
