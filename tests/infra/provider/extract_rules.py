"""Extract rules from the source of the google provider: what forces a replacement, enumerations, and conflicts.

``git clone --depth 1 https://github.com/hashicorp/terraform-provider-google`` and then
``python tests/infra/provider/extract_rules.py FOLDER > tests/infra/provider/rules.json`` renew the rules of all
resource types in ``infra``. The stand-in provider (`serve.py`) applies them. Only facts are extracted: paths of
attributes, permitted values, and the paths that exclude each other.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

INFRA = Path(__file__).parents[3] / "infra"
BETA = {"google_project_service_identity"}  # resources of the provider google-beta

ENTRY_KEY = re.compile(r'^\s*(?:"(?P<name>\w+)"|(?P<ident>[\w.]+))\s*:\s*(?P<value>.*)$', re.S)
ENUM = re.compile(r"(?:ValidateEnum|StringInSlice|OneOf)\(\s*(?:\[\]string\{)?(?P<values>[^{})]*)")
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
CALL = re.compile(r"^&?(\w+)\(\)$")
# A provider forces a replacement in code for some changes: `customdiff.ForceNewIf("a.0.b", …)`, `d.ForceNew("a")`.
CONDITIONAL = re.compile(r'\.ForceNew(?:If|IfChange)?\("([\w.]+)"')

Rules = dict[str, dict[str, object]]


def strip_comments(source: str) -> str:
    """Return Go source without comments. Strings stay as they are."""
    token = re.compile(r'"(?:[^"\\\n]|\\.)*"|`[^`]*`|//[^\n]*|/\*.*?\*/', re.S)
    return token.sub(lambda found: "" if found[0].startswith(("//", "/*")) else found[0], source)


def balanced(source: str, start: int) -> str:
    """Return the text inside the brace at a position, without the braces."""
    depth = 0
    for token in re.finditer(r'"(?:[^"\\\n]|\\.)*"|`[^`]*`|[{}]', source[start:]):
        if token[0] in "{}":
            depth += 1 if token[0] == "{" else -1
            if depth == 0:
                return source[start + 1 : start + token.start()]
    raise ValueError("unbalanced braces")


def split_entries(body: str) -> Iterator[str]:
    """Yield the comma-separated entries of a composite literal."""
    depth, begin = 0, 0
    for token in re.finditer(r'"(?:[^"\\\n]|\\.)*"|`[^`]*`|[{}()\[\],]', body):
        if token[0] in ("{", "(", "["):
            depth += 1
        elif token[0] in ("}", ")", "]"):
            depth -= 1
        elif token[0] == "," and depth == 0:
            yield body[begin : token.start()]
            begin = token.end()
    yield body[begin:]


def literal(body: str) -> dict[str, str]:
    """Return the entries of a composite literal by key."""
    found = (ENTRY_KEY.match(entry) for entry in split_entries(body))
    return {(match["name"] or match["ident"]): match["value"].strip() for match in found if match}


@dataclass
class Package:
    """The Go files of one service of the provider."""

    folder: Path
    shared: str = ""
    rules: Rules = field(default_factory=dict)

    @cached_property
    def source(self) -> str:
        """Return the source of all files without their tests."""
        files = sorted(path for path in self.folder.glob("*.go") if not path.name.endswith("_test.go"))
        return "\n".join(strip_comments(path.read_text()) for path in files)

    def function(self, name: str) -> str:
        """Return the body of a function."""
        found = re.search(rf"^func (?:\([^)]*\) )?{name}\([^)]*\)[^\n]*?\{{\n", self.source, re.M)
        if found is None:
            raise ValueError(f"{self.folder.name}: no function {name}")
        return balanced(self.source, found.end() - 2)

    def variable(self, name: str) -> str:
        """Return the map literal of a package variable."""
        for source in (self.source, self.shared):
            if found := re.search(
                rf"^\s*(?:var )?{name}\s*(?::?=)\s*map\[string\]\*schema\.Schema\s*\{{", source, re.M
            ):
                return balanced(source, found.end() - 1)
        raise ValueError(f"{self.folder.name}: no variable {name}")

    def resource(self, type_name: str) -> Rules:
        """Return the rules of a resource type, by path of the attribute."""
        self.rules = {}
        registered = re.search(
            rf'Name:\s*"{type_name}",.*?(?:Schema|Func):\s*(.*?),?\s*\n\s*\}}\.Register',
            self._registrations(type_name),
            re.S,
        )
        if registered is None:
            raise ValueError(f"{type_name} is not registered in {self.folder.name}")
        made = registered[1]
        if call := re.fullmatch(r"(\w+)(?:\(\))?", made):
            made = self.function(call[1])
        if iam := re.search(r"ResourceIam(Member|AuditConfig)\(\s*(\w+)", made):
            self.read_map(self.variable(iam[2]))
            self.read_map(self.variable(f"Iam{iam[1]}BaseSchema" if iam[1] == "Member" else "iamAuditConfigSchema"))
        elif start := re.search(r"Schema:\s*map\[string\]\*schema\.Schema\s*\{", made):
            self.read_map(balanced(made, start.end() - 1))
            customized = re.findall(r"\b(\w+[cC]ustomizeDiff(?:Func)?)\b", made)
            texts = [made, *(self._text_of(name) for name in customized)]
            for path in {found for text in texts for found in CONDITIONAL.findall(text)}:
                self.rule(re.sub(r"\.0\b", "", path))["replaced_if"] = True
        else:
            self.read_framework(re.search(r"return &(\w+)\{", made))
        return {path: rule for path, rule in sorted(self.rules.items()) if rule}

    def _registrations(self, type_name: str) -> str:
        """Return the registration of a managed resource, not that of a data source or a list."""
        kinds = r"SchemaTypeResource|SchemaTypeIAMResource"
        for found in re.finditer(r"registry\.(Schema|FrameworkResource)\{.*?\}\.Register\(\)", self.source, re.S):
            if f'"{type_name}"' in found[0] and (found[1] == "FrameworkResource" or re.search(kinds, found[0])):
                return found[0]
        return ""

    def _text_of(self, name: str) -> str:
        """Return the body of a function and of the functions that it calls with the suffix `Func`."""
        try:
            body = self.function(name)
        except ValueError:
            return ""
        called = re.findall(r"\b(\w*CustomizeDiffFunc)\(", body)
        return body + "".join(self._text_of(other) for other in called if other != name)

    def rule(self, path: str) -> dict[str, object]:
        """Return the rules of one attribute."""
        return self.rules.setdefault(path, {})

    def read_map(self, body: str, prefix: str = "", inside: tuple[str, ...] = ()) -> None:
        """Read a map of schemas."""
        for name, value in literal(body).items():
            if value.startswith("{"):
                self.read_attribute(literal(balanced(value, 0)), prefix + name, inside)
            elif call := re.match(r"(?:\w+\.)?(\w+)\(\)$", value):
                try:
                    self.read_attribute(literal(self._returned(call[1])), prefix + name, inside)
                except ValueError:
                    continue  # a helper of another package, for labels or timeouts

    def _returned(self, function: str) -> str:
        body = self.function(function)
        found = re.search(r"return &schema\.(?:Schema|Resource)\s*\{", body)
        if found is None:
            raise ValueError(f"{function} does not return a schema")
        return balanced(body, found.end() - 1)

    def read_attribute(self, fields: dict[str, str], path: str, inside: tuple[str, ...]) -> None:
        """Read one attribute, and its nested block."""
        rule = self.rule(path)
        if fields.get("ForceNew") == "true":
            rule["force_new"] = True
        for text in (
            fields.get("ValidateFunc", ""),
            fields.get("Elem", "") if "schema.Resource" not in fields.get("Elem", "") else "",
        ):
            if (enum := ENUM.search(text)) and (values := STRING.findall(enum["values"])):
                rule["values"] = sorted(set(values) - {""})
        for name, key in (
            ("ConflictsWith", "conflicts"),
            ("ExactlyOneOf", "exactly_one_of"),
            ("RequiredWith", "required_with"),
        ):
            if listed := STRING.findall(fields.get(name, "")):
                rule[key] = sorted(
                    {re.sub(r"\.0\b", "", other) for other in listed} - ({path} if key == "conflicts" else set())
                )
        element = fields.get("Elem", "")
        if start := re.search(r"Schema:\s*map\[string\]\*schema\.Schema\s*\{", element):
            self.read_map(balanced(element, start.end() - 1), f"{path}.", inside)
        elif (call := CALL.match(element)) and call[1] not in inside:
            returned = self._returned(call[1])
            if start := re.search(r"Schema:\s*map\[string\]\*schema\.Schema\s*\{", returned):
                self.read_map(balanced(returned, start.end() - 1), f"{path}.", (*inside, call[1]))

    def read_framework(self, created: re.Match[str] | None) -> None:
        """Read a resource of the plugin framework, which declares attributes in another way."""
        if created is None:
            raise ValueError("no schema")
        body = self.source.partition(f"func (r *{created[1]}) Schema(")[2]
        for found in re.finditer(r'^\t+"(\w+)": schema\.\w+Attribute\{', body.partition("\nfunc ")[0], re.M):
            text = balanced(body, found.end() - 1)
            rule = self.rule(found[1])
            if "RequiresReplace()" in text:
                rule["force_new"] = True
            if (enum := ENUM.search(text)) and "ElementType" not in text:
                rule["values"] = sorted(STRING.findall(enum["values"]))


def used_types() -> list[str]:
    """Return the resource types that the configuration uses."""
    texts = [path.read_text() for path in INFRA.rglob("*.tf")]
    return sorted({name for text in texts for name in re.findall(r'^resource "(google_\w+)"', text, re.M)} - BETA)


def extract(root: Path, types: list[str]) -> dict[str, Rules]:
    """Return the rules of resource types, by type and path."""
    shared = "\n".join(strip_comments(path.read_text()) for path in (root / "google/tpgiamresource").glob("*.go"))
    packages = [Package(folder, shared) for folder in sorted((root / "google/services").iterdir()) if folder.is_dir()]
    found: dict[str, Rules] = {}
    for type_name in types:
        quoted = f'"{type_name}"'
        owner = next((one for one in packages if quoted in one.source and one._registrations(type_name)), None)
        if owner is None:
            raise ValueError(f"the source has no resource {type_name}")
        found[type_name] = owner.resource(type_name)
    return found


def main(folder: str) -> None:
    """Print the rules as JSON, with the revision that they come from."""
    root = Path(folder)
    revision = ["git", "log", "-1", "--format=%H %cs"]
    described = subprocess.run(revision, cwd=root, capture_output=True, text=True, check=True)
    commit, date = described.stdout.split()
    header = {"source": "github.com/hashicorp/terraform-provider-google", "commit": commit, "date": date}
    print(json.dumps({"provider": header, "resources": extract(root, used_types())}, indent=1, sort_keys=True))


if __name__ == "__main__":
    main(sys.argv[1])
