"""Every SQL statement of the project for BigQuery: in Python, in Terraform, and in the documentation."""

import ast
import importlib
import re
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

from callmood.warehouse.dialect import render
from callmood.warehouse.schema import Field, tables

ROOT = Path(__file__).parents[2]

# These modules contain DuckDB's SQL.
DUCKDB_MODULES = {
    *("callmood.warehouse.alerts", "callmood.warehouse.claims", "callmood.warehouse.duckdb"),
    *("callmood.warehouse.migration", "model.data.manifest"),
}

# Values for templates, which the modules fill with str.format.
TEMPLATE_FIELDS = {
    "column": ["call_id", "customer_id"],
    "columns": ["call_id, negativity"],
    "view": ["calls"],
    "source": ["insights"],
    "table": ["annotations", "reviews"],
    "condition": ["call_date BETWEEN @first AND @last", "call_date = @day AND recording_id = @recording_id"],
}

# Types of parameters; all others are STRING.
_TYPES = {
    **dict.fromkeys(("call_date", "day", "first", "last", "oldest", "until"), "DATE"),
    "days": "DATES",
    "digits": "INT64",
    "since": "TIMESTAMP",
    **dict.fromkeys(("analyses", "recording_ids", "call_ids", "uris", "contents", "objects"), "ARRAY"),
}
_TYPES_IN_MODULE = {
    "model.data.labeling": {"since": "DATE"},
    "model.evaluation.reference": {"since": "DATE"},
}

_STATEMENT = re.compile(r"\s*(?:SELECT|WITH|INSERT|DELETE|UPDATE|MERGE)\s")


@dataclass(frozen=True)
class Statement:
    """One statement, and the module or file that contains it."""

    source: str
    sql: str

    @property
    def name(self):
        return f"{self.source}: {' '.join(self.sql.split())[:50]}"

    @property
    def parameters(self):
        types = _TYPES | _TYPES_IN_MODULE.get(self.source, {})
        return [
            Field(name, "STRING", "REPEATED", "")
            if types.get(name) == "ARRAY"
            else Field(name, "DATE", "REPEATED", "")
            if types.get(name) == "DATES"
            else Field(name, types.get(name, "STRING"), "NULLABLE", "")
            for name in sorted(set(re.findall(r"@(\w+)", self.sql)))
        ]


@cache
def python_statements():
    """Return the statements of Python modules: string literals, and constants of a module."""
    found = []
    for folder, package in ((ROOT / "functions/callmood", "callmood"), (ROOT / "model", "model")):
        for path in sorted(folder.rglob("*.py")):
            module = ".".join((package, *path.relative_to(folder).with_suffix("").parts))
            if module not in DUCKDB_MODULES:
                found += [Statement(module, sql) for text in _strings(module, path) for sql in _filled(text)]
    return found


def _strings(module, path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = list(ast.walk(tree))
    formatted = {node for node in nodes if isinstance(node, ast.JoinedStr)}
    fragments = {fragment for node in formatted for fragment in node.values}
    for node in nodes:
        if isinstance(node, ast.Constant) and node not in fragments and _is_statement(node):
            yield node.value
    constants = [node for node in tree.body if isinstance(node, ast.Assign)]
    for constant in constants:
        own = {node for node in ast.walk(constant) if node in formatted}
        if any(_is_statement(node.values[0]) for node in own):
            yield getattr(importlib.import_module(module), constant.targets[0].id)
        formatted -= own
    for node in formatted:
        assert not _is_statement(node.values[0]), f"{path}:{node.lineno}: move this statement to a constant"


def _is_statement(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and _STATEMENT.match(node.value)


def _filled(template):
    fields = dict.fromkeys(re.findall(r"\{(\w+)\}", template))
    for values in product(*(TEMPLATE_FIELDS[field] for field in fields)):
        yield template.format(**dict(zip(fields, values, strict=True)))


def scheduled_statements():
    """Return the statements of Terraform's scheduled query, for each table with rows of recordings."""
    path = ROOT / "infra/warehouse/erase.sql"
    template = path.read_text(encoding="utf-8")
    for name, table in tables().items():
        columns = {field.name for field in table.fields}
        if "recording_id" in columns and name != "erasures":
            [written_at] = columns & {"analyzed_at", "failed_at", "annotated_at", "reviewed_at"}
            sql = template.replace("${table}", name).replace("${written_at}", written_at)
            yield Statement(f"infra/warehouse/erase.sql for {name}", render(sql, dataset="callmood"))

    details = (ROOT / "infra/warehouse/erase_details.sql").read_text(encoding="utf-8")
    yield Statement("infra/warehouse/erase_details.sql", render(details, dataset="callmood"))


def erasing_script(dataset="callmood"):
    """Return Terraform's script that deletes the rows of erased calls. Rows of recordings are deleted last."""
    statements = sorted(scheduled_statements(), key=lambda statement: statement.source.endswith(" recordings"))
    return "\n".join(statement.sql for statement in statements).replace("`callmood.", f"`{dataset}.")


def storing_script(dataset="callmood"):
    """Return Terraform's script that stores the metrics of calls, for views and tables in one dataset."""
    template = (ROOT / "infra/warehouse/store_metrics.sql").read_text(encoding="utf-8")
    for variable, table in (("columns", "stored_metrics"), ("related_columns", "related_analyses")):
        names = ", ".join(field.name for field in tables()[table].fields)
        template = template.replace(f"${{{variable}}}", names)
    return render(template.replace("${reports}", dataset), dataset=dataset)


def storing_statements(dataset="callmood"):
    """Return the statements of that script: the query of its variable, and the changes with it as a parameter."""
    [(days, changes)] = re.findall(
        r"DECLARE days ARRAY<DATE> DEFAULT \((.*?)\n\);\nBEGIN TRANSACTION;\n(.*);\nCOMMIT TRANSACTION;",
        storing_script(dataset),
        re.DOTALL,
    )
    statements = [days, *changes.replace("UNNEST(days)", "UNNEST(@days)").split(";\n")]
    return [Statement("infra/warehouse/store_metrics.sql", sql) for sql in statements]


def outcomes_script(dataset="callmood"):
    """Return Terraform's script that stores the outcomes of calls, for views and tables in one dataset."""
    template = (ROOT / "infra/warehouse/store_outcomes.sql").read_text(encoding="utf-8")
    names = ", ".join(field.name for field in tables()["stored_outcomes"].fields)
    return render(template.replace("${columns}", names).replace("${reports}", dataset), dataset=dataset)


def outcomes_statements(dataset="callmood"):
    """Return the statements of that script."""
    [changes] = re.findall(r"BEGIN TRANSACTION;\n(.*);\nCOMMIT TRANSACTION;", outcomes_script(dataset), re.DOTALL)
    return [Statement("infra/warehouse/store_outcomes.sql", sql) for sql in changes.split(";\n")]


def documented_statements():
    """Return the statements in SQL blocks and in commands of the documentation."""
    for path in sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")]):
        text = path.read_text(encoding="utf-8")
        blocks = re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
        commands = re.findall(r'\bquery(?: --\S+)*[ (]"((?:SELECT|WITH)\b[^"]*)"', text)
        for sql in [*blocks, *commands]:
            yield Statement(path.name, re.sub(r"\\`\$\([^)]*\)\.(\w+)\\`", r"\1", sql))
