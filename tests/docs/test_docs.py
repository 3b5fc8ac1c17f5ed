"""Docs say what the code does: tables in docs/ are what the code says, docstrings' examples are run."""

import doctest
import importlib
import json
import pkgutil
import re
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner
from write_docs import PAGES, openapi, rewritten

import callmood
from callmood.cli.app import app
from callmood.config import AnalysisConfig

ROOT = Path(__file__).parents[2]
MODULES = [module.name for module in pkgutil.walk_packages(callmood.__path__, "callmood.")]


@pytest.mark.parametrize("page", PAGES)
def test_a_table_in_the_docs_is_what_the_code_says(page):
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert rewritten(page, text) == text, f"docs/{page} is out of date: run ./run docs"


def test_the_openapi_document_is_what_the_server_says():
    assert (ROOT / "docs" / "openapi.json").read_text(encoding="utf-8") == openapi(), "out of date: run ./run docs"


def test_every_command_is_documented_with_an_example_and_its_exit_codes():
    described = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    commands = get_command(app).commands
    assert commands
    for name in commands:
        assert f"`callmood {name}" in described, f"docs/commands.md does not tell of callmood {name}"
        shown = CliRunner().invoke(app, [name, "--help"]).output
        assert "Example:" in shown
        assert f"callmood {name}" in shown.split("Example:")[1]
    assert "Exit codes" in CliRunner().invoke(app, ["--help"]).output


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_are_true(name):
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.IGNORE_EXCEPTION_DETAIL)
    assert result.failed == 0


def test_the_demo_pattern_in_the_docs_reads_a_real_name():
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


@pytest.mark.parametrize(
    "page", sorted(str(path.relative_to(ROOT)) for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
)
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert ((ROOT / page).parent / target).exists(), f"{page} links to {target}, which is not there"
