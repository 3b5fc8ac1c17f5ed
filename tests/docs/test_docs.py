"""Documentation is complete and current: generated tables, commands, settings, packages, links, and examples."""

import argparse
import doctest
import importlib
import json
import pkgutil
import re
import subprocess
from pathlib import Path

import pytest
from command_docs import all_commands
from typer.main import get_command
from typer.testing import CliRunner
from write_docs import PAGES, openapi, rewritten

import callmood
from callmood.cli.app import app
from callmood.config import AnalysisConfig
from infra.operations import smoke
from model.cli.app import app as model_app

ROOT = Path(__file__).parents[2]
MODULES = [module.name for module in pkgutil.walk_packages(callmood.__path__, "callmood.")]
DOCUMENTS = subprocess.run(
    ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
).stdout.splitlines()
CURRENT = [name for name in DOCUMENTS if name != "CHANGELOG.md"]  # the changelog names removed commands too


def read(*names):
    return "\n".join((ROOT / name).read_text(encoding="utf-8") for name in names)


def code(names):
    """Code blocks and code spans of pages."""
    text = read(*names)
    blocks = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    return "\n".join([*blocks, *re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))])


@pytest.mark.parametrize("page", PAGES)
def test_generated_tables_are_current(page):
    text = read(f"docs/{page}")
    assert rewritten(page, text) == text, f"docs/{page} is out of date: run ./run docs"


def test_openapi_document_is_current():
    assert read("docs/openapi.json") == openapi(), "docs/openapi.json is out of date: run ./run docs"


def test_every_command_is_documented_with_an_example_and_its_exit_codes():
    described = read("docs/commands.md")
    commands = dict(all_commands())
    assert commands
    for name in commands:
        assert f"`callmood {name}" in described, f"docs/commands.md does not describe callmood {name}"
        shown = CliRunner().invoke(app, [*name.split(), "--help"]).output
        assert "Example:" in shown
        assert f"callmood {name}" in shown.split("Example:")[1]
    assert "Exit codes" in CliRunner().invoke(app, ["--help"]).output


def test_every_model_command_is_documented():
    described = read(*DOCUMENTS)
    undocumented = [
        name
        for name in sorted(get_command(model_app).commands)
        if not re.search(rf"python -m model {name}(?![\w-])", described)
    ]
    assert undocumented == []


@pytest.mark.parametrize(
    ("program", "application"),
    [(r"(?:\S*/)?callmood", app), (r"(?:\S+ )*python -m model", model_app)],
    ids=["callmood", "model"],
)
def test_documented_commands_and_options_exist(program, application):
    commands = dict(all_commands(get_command(application)))
    groups = {name.partition(" ")[0] for name in commands if " " in name}
    pages = code(CURRENT).replace("\\\n", " ")  # a command that continues on the next line
    used = re.findall(rf"^ *{program} ([a-z][a-z-]+)([^\n|;#]*)", pages, re.MULTILINE)
    assert used
    for word, rest in used:
        name, arguments = (f"{word} {rest.split()[0]}", rest) if word in groups and rest.split() else (word, rest)
        if name in groups:
            continue
        assert name in commands, f"{name} {arguments}"
        options = {option for parameter in commands[name].params for option in parameter.opts} | {"--help"}
        assert set(re.findall(r"(?<!\S)--[a-z-]+", arguments)) - options == set(), f"{name} {arguments}"


def test_run_commands_are_documented_and_exist():
    used = set(re.findall(r"^ *\./run ([a-z][a-z-]+)", code(CURRENT), re.MULTILINE))
    cases = re.findall(r"^  ([a-z][a-z |-]*)\)$", read("run"), re.MULTILINE)
    existing = {name for case in cases for name in case.split(" | ")}
    assert used == existing


def test_documented_smoke_test_has_valid_options():
    used = re.findall(r"^\./run smoke (.+)$", code(CURRENT), re.MULTILINE)
    assert used
    for arguments in used:
        parser = argparse.ArgumentParser()
        smoke.add_options(parser)
        parser.parse_args(arguments.split())


def test_every_setting_is_documented():
    described = read("docs/settings.md")
    settings = importlib.import_module("callmood.settings")
    kinds = [kind for kind in vars(settings).values() if isinstance(kind, type) and hasattr(kind, "model_fields")]
    names = {name.upper() for kind in kinds for name in kind.model_fields}
    assert names
    assert {name for name in names if f"`{name}`" not in described} == set()


@pytest.mark.parametrize("root", ["functions/callmood", "model"])
def test_every_package_is_listed_in_contributing(root):
    described = read("CONTRIBUTING.md")
    packages = [path.parent.name for path in (ROOT / root).glob("*/__init__.py")]
    assert packages
    assert [name for name in sorted(packages) if f"| `{name}` |" not in described] == []


def test_contributing_describes_the_path_of_a_recording_in_ten_lines():
    section = read("CONTRIBUTING.md").split("## The path of one recording\n")[1].split("\n## ")[0]
    assert len(section.strip().splitlines()) <= 10
    modules = re.findall(r"`([a-z_]+/[a-z_]+)`", section)
    assert len(modules) >= 10
    assert [name for name in modules if not (ROOT / "functions/callmood" / f"{name}.py").is_file()] == []


def test_readme_is_short_and_names_two_commands():
    text = read("README.md")
    assert len(text.splitlines()) <= 150
    assert "./run demo" in text
    assert "./run test" in text


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_are_correct(name):
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.IGNORE_EXCEPTION_DETAIL)
    assert result.failed == 0


def test_documented_filename_pattern_reads_a_real_name():
    """The environment example for a foreign recorder's names, as it stands in docs/settings.md."""
    from callmood.sources.metadata import call_metadata

    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    pattern = page.split("FILENAME_PATTERN='")[1].split("'")[0]
    name = "Auto0_GUID_000_AGENT_ChrisL_DT_2025-02-19T06-01-22_Mono.wav"
    call = call_metadata(name, {}, AnalysisConfig(filename_pattern=pattern))
    assert (
        json.dumps([call.call_id, call.agent_id, str(call.started_at)])
        == '["000", "ChrisL", "2025-02-19 06:01:22+00:00"]'
    )


@pytest.mark.parametrize("page", DOCUMENTS)
def test_links_lead_to_files(page):
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", read(page)):
        if "://" not in target:
            assert ((ROOT / page).parent / target).exists(), f"{page} links to {target}, which does not exist"
