"""Links to Looker Studio: parameters as the Linking API documents them."""

import json
import re
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from looker_pictures import drawings
from typer.testing import CliRunner

from callmood.cli.app import app
from callmood.ops.looker import looker_studio_url, report_views
from callmood.warehouse.schema import views

ROOT = Path(__file__).parents[2]


def test_link_to_one_view_has_all_parameters():
    assert looker_studio_url("acme-calls-1", "callmood_reports", ["calls"]) == (
        "https://lookerstudio.google.com/reporting/create?c.mode=edit&r.reportName=callmood"
        "&ds.ds0.connector=bigQuery&ds.ds0.datasourceName=calls&ds.ds0.type=TABLE&ds.ds0.projectId=acme-calls-1"
        "&ds.ds0.datasetId=callmood_reports&ds.ds0.tableId=calls&ds.ds0.billingProjectId=acme-calls-1"
    )


def test_names_are_percent_encoded():
    url = looker_studio_url(
        "example.com:acme", "d", ["calls"], billing_project="pays", report_name="How are they? 50 % & +1"
    )
    assert "projectId=example.com%3Aacme&" in url
    assert "r.reportName=How%20are%20they%3F%2050%20%25%20%26%20%2B1&" in url
    given = dict(parse_qsl(urlsplit(url).query, strict_parsing=True))
    assert given["r.reportName"] == "How are they? 50 % & +1"
    assert (given["ds.ds0.projectId"], given["ds.ds0.billingProjectId"]) == ("example.com:acme", "pays")


def test_link_to_all_views_numbers_its_sources():
    url = looker_studio_url("acme", "reports")
    given = dict(parse_qsl(urlsplit(url).query, strict_parsing=True))
    assert [given[f"ds.ds{number}.tableId"] for number in range(len(report_views()))] == list(report_views())
    assert {name.split(".")[1] for name in given if name.startswith("ds.")} == {
        f"ds{n}" for n in range(len(report_views()))
    }
    assert len(url) < 8000  # limit of servers and browsers


def test_report_views_are_flat_and_have_a_date():
    assert set(views()) - set(report_views()) == {"recordings_current", "segments_current", "turns"}
    for name in report_views():
        fields = views()[name].fields
        assert all(field.mode == "NULLABLE" and not field.fields for field in fields)
        assert any(field.type == "DATE" for field in fields)


@pytest.mark.parametrize("options", [[], ["--billing-project", "pays"]])
def test_command_prints_a_link_for_all_views_and_for_each_view(options):
    command = ["looker-links", "--project", "acme", "--dataset", "reports", *options]
    links = {
        row["view"]: row["url"]
        for row in map(json.loads, CliRunner().invoke(app, [*command, "--json"]).stdout.splitlines())
    }
    billing = options[1] if options else None
    assert links.pop("all") == looker_studio_url("acme", "reports", billing_project=billing)
    assert links == {
        view: looker_studio_url("acme", "reports", [view], billing_project=billing) for view in report_views()
    }
    printed = CliRunner().invoke(app, command).stdout
    assert {line.strip() for line in printed.splitlines()} >= set(links.values())


PAGE = (ROOT / "docs/looker-studio.md").read_text(encoding="utf-8")
FUNCTIONS = {"SUM", "COUNT_DISTINCT", "IF", "CASE", "WHEN", "THEN", "ELSE", "END", "HYPERLINK", "REPLACE", "CONCAT"}
FUNCTIONS |= {"CAST", "FLOOR", "AS", "TEXT", "MAX"}


def test_formulas_in_docs_use_existing_columns():
    formulas = 0
    for view, table in re.findall(r"\nIn `(\w+)`:\n\n((?:\|.*\n)+)", PAGE):
        columns = {field.name for field in views()[view].fields}
        for formula in re.findall(r"^\| [\w ]+ \| `(.*)` \| \w+ \|$", table, re.M):
            formulas += 1
            assert set(re.findall(r"[A-Za-z_]\w*", re.sub(r'"[^"]*"', "", formula))) <= columns | FUNCTIONS, formula
    assert formulas == 11


def test_docs_name_existing_views_and_columns():
    names = {field.name for view in views().values() for field in view.fields} | set(views())
    elsewhere = {"report_readers", "looker_studio_urls", "trends_kept", "outcomes", "callmood"}
    for name in re.findall(r"`([a-z_]+)`", PAGE):
        assert name in names | elsewhere, name
    types = PAGE.split("## 2. Set the types")[1].split("## 3.")[0]
    view = None
    for source, fields in re.findall(r"^\| (?:`(\w+)`|) \| (`.*?`) \|", types, re.M):
        view = source or view
        assert set(re.findall(r"\w+", fields)) <= {field.name for field in views()[view].fields}


@pytest.mark.parametrize("name", drawings())
def test_pictures_in_docs_are_up_to_date(name):
    assert (ROOT / "docs/images" / name).read_text(encoding="utf-8") == drawings()[name], "outdated: run ./run docs"
    assert name in PAGE
