"""Write the tables in docs/ that the code knows best, between their markers: `./run docs`."""

import json
import sys
from pathlib import Path
from urllib.parse import urlsplit

from audio_files import formats_table
from command_docs import commands_reference
from looker_pictures import drawings
from typer.main import get_command

from callmood.analysis.analyzer import WARNINGS
from callmood.errors import FAILURE_CODES
from callmood.names.formats import NAME_FORMATS
from callmood.realtime import scoring
from callmood.realtime.openapi import document
from callmood.realtime.problem_details import PROBLEMS
from callmood.services.publish import ATTRIBUTES, result_schema
from callmood.settings import APPLICATIONS
from callmood.warehouse.schema import tables, views

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
BEGIN, END = "<!-- written by ./run docs -->\n", "<!-- end -->\n"


def settings_table():
    """A line for each variable, with the applications that read it."""
    fields, readers = {}, {}
    for application, kind in APPLICATIONS.items():
        for name, field in kind.model_fields.items():
            fields[name] = field
            readers.setdefault(name, []).append(application)
    lines = ["| variable | default | description | read by |", "|---|---|---|---|"]
    for name, field in fields.items():
        default = ",".join(field.default) if isinstance(field.default, tuple) else field.default
        shown = f"`{str(default).lower() if isinstance(default, bool) else default}`"
        shown = "" if default is None or name == "filename_pattern" else shown
        lines.append(f"| `{name.upper()}` | {shown} | {field.description} | {', '.join(readers[name])} |")
    return "\n".join(lines)


def codes_table(codes):
    return "\n".join(["| code | meaning |", "|---|---|", *(f"| `{code}` | {text} |" for code, text in codes.items())])


def failures_table():
    return codes_table(FAILURE_CODES)


def warnings_table():
    return codes_table({**WARNINGS, **scoring.WARNINGS})


def problems_table():
    lines = ["| status | code | meaning |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {status} | `{code}` | {title} |" for code, (status, title) in PROBLEMS.items())])


def columns_tables():
    return "\n\n".join(described(table, table.fields) for table in tables().values())


def views_tables():
    known = {**tables(), **views()}
    return "\n\n".join(
        described(view, view.fields[len(known[view.fields_of].fields) :], f"All columns of `{view.fields_of}`, and:")
        if view.fields_of
        else described(view, view.fields)
        for view in views().values()
    )


def described(source, fields, *before):
    """A heading, what the table or view is, and a line for each of the fields."""
    lines = [f"## `{source.name}`", "", " ".join([source.description, *before])]
    if fields:
        lines += ["", "| column | type | description |", "|---|---|---|"]
    for field in fields:
        kind = field.type + {"REQUIRED": ", required", "REPEATED": ", repeated"}.get(field.mode, "")
        lines.append(f"| `{field.name}` | {kind} | {field.description} |")
        lines += [f"| `{field.name}.{sub.name}` | {sub.type} | {sub.description} |" for sub in field.fields]
    return "\n".join(lines)


def model_commands_table():
    sys.path.append(str(ROOT))
    from model.cli.app import app

    lines = ["| command | description |", "|---|---|"]
    for name, command in sorted(get_command(app).commands.items()):
        lines.append(f"| `python -m model {name}` | {(command.help or '').partition(chr(10))[0]} |")
    return "\n".join(lines)


def results_table():
    lines = ["| field | type | description | attribute |", "|---|---|---|---|"]
    for field in result_schema()["fields"]:
        also = "yes" if field["name"] in ATTRIBUTES else ""
        lines.append(f"| `{field['name']}` | {field['type']} | {field['doc']} | {also} |")
    return "\n".join(lines)


def name_formats_table():
    lines = ["| `NAME_FORMAT` | system | example | confirmed by | notes |", "|---|---|---|---|---|"]
    for name, known in NAME_FORMATS.items():
        links = ", ".join(f"[{urlsplit(source).hostname}]({source})" for source in known.sources)
        confirmed = links or "**no public document**"
        lines.append(f"| `{name}` | {known.title} | `{known.example}` | {confirmed} | {known.note} |")
    return "\n".join(lines)


PAGES = {
    "alerts.md": results_table,
    "commands.md": commands_reference,
    "formats.md": formats_table,
    "names.md": name_formats_table,
    "model-commands.md": model_commands_table,
    "realtime.md": problems_table,
    "settings.md": settings_table,
    "failures.md": failures_table,
    "warnings.md": warnings_table,
    "tables.md": columns_tables,
    "views.md": views_tables,
}


def rewritten(page, text):
    """The page with its table as the code has it now."""
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}{PAGES[page]()}\n{END}{after}"


def openapi():
    """docs/openapi.json."""
    return json.dumps(document(), indent=2) + "\n"


if __name__ == "__main__":
    (DOCS / "openapi.json").write_text(openapi(), encoding="utf-8")
    for name in PAGES:
        path = DOCS / name
        path.write_text(rewritten(name, path.read_text(encoding="utf-8")), encoding="utf-8")
    for name, svg in drawings().items():
        (DOCS / "images" / name).write_text(svg, encoding="utf-8")
