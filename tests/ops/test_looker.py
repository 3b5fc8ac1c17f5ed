"""Links to Looker Studio: parameters as the Linking API documents them."""

import re
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from command_line import json_lines, run
from looker_pictures import drawings

from callmood.ops.looker import PAGES, Template, looker_studio_url, report_views
from callmood.warehouse.schema import views

ROOT = Path(__file__).parents[2]


def test_link_to_one_view_has_all_parameters():
    assert looker_studio_url("acme-calls-1", "callmood_reports", ["calls"]) == (
        "https://lookerstudio.google.com/reporting/create?c.mode=edit&r.reportName=callmood"
        "&ds.calls.connector=bigQuery&ds.calls.datasourceName=calls&ds.calls.type=TABLE"
        "&ds.calls.projectId=acme-calls-1&ds.calls.datasetId=callmood_reports&ds.calls.tableId=calls"
        "&ds.calls.billingProjectId=acme-calls-1"
    )


def test_names_are_percent_encoded():
    url = looker_studio_url(
        "example.com:acme", "d", ["calls"], billing_project="pays", report_name="How are they? 50 % & +1"
    )
    assert "projectId=example.com%3Aacme&" in url
    assert "r.reportName=How%20are%20they%3F%2050%20%25%20%26%20%2B1&" in url
    given = dict(parse_qsl(urlsplit(url).query, strict_parsing=True))
    assert given["r.reportName"] == "How are they? 50 % & +1"
    assert (given["ds.calls.projectId"], given["ds.calls.billingProjectId"]) == ("example.com:acme", "pays")


def test_link_to_all_views_names_its_sources_after_them():
    url = looker_studio_url("acme", "reports")
    given = dict(parse_qsl(urlsplit(url).query, strict_parsing=True))
    assert [given[f"ds.{view}.tableId"] for view in report_views()] == list(report_views())
    assert {name.split(".")[1] for name in given if name.startswith("ds.")} == set(report_views())
    assert len(url) < 8000  # limit of servers and browsers


def test_pages_have_existing_views():
    assert {view for page in PAGES.values() for view in page} <= set(report_views())


def test_link_to_a_template_copies_the_report_and_opens_a_page():
    url = looker_studio_url("acme", "reports", template=Template("1a2b", "p_x"))
    given = dict(parse_qsl(urlsplit(url).query, strict_parsing=True))
    assert (given["c.reportId"], given["c.pageId"], given["c.mode"]) == ("1a2b", "p_x", "view")
    assert given["ds.calls.projectId"] == "acme"


def test_report_views_are_flat_and_have_a_date():
    internal = {
        *("erasures_current", "valid_analyses", "counted_analyses", "version_analyses"),
        *("analysis_segments", "analysis_turns", "call_metrics", "speech_sums", "unstored_metrics"),
        *("outcomes_by_day", "timed_recordings"),
    }
    assert set(views()) - set(report_views()) == {"recordings_current", "segments_current", "turns"} | internal
    for name in report_views():
        fields = views()[name].fields
        assert all(field.mode == "NULLABLE" and not field.fields for field in fields)
        assert any(field.type == "DATE" for field in fields)


def links(*options):
    command = ["looker-links", "--project", "acme", "--dataset", "reports", *options]
    return {row["name"]: row["url"] for row in json_lines(run(*command, "--json"))}


@pytest.mark.parametrize("options", [[], ["--billing-project", "pays"]])
def test_command_prints_a_link_for_the_dashboard_each_page_and_each_view(options):
    billing = options[1] if options else None
    assert links(*options) == {
        "dashboard": looker_studio_url("acme", "reports", billing_project=billing),
        **{
            f"page {page}": looker_studio_url("acme", "reports", sources, billing_project=billing)
            for page, sources in PAGES.items()
        },
        **{view: looker_studio_url("acme", "reports", [view], billing_project=billing) for view in report_views()},
    }
    printed = run("looker-links", "--project", "acme", "--dataset", "reports", *options)
    assert {line.strip() for line in printed.splitlines()} >= set(links(*options).values())


def test_command_prints_links_to_a_template():
    printed = links("--report-id", "1a2b", "--page-id", "agents=p_x")
    assert set(printed) == {"dashboard", *(f"page {page}" for page in PAGES)}
    assert printed["dashboard"] == looker_studio_url("acme", "reports", template=Template("1a2b"))
    assert printed["page agents"] == looker_studio_url("acme", "reports", template=Template("1a2b", "p_x"))
    assert "unknown page start" in run(
        "looker-links", "--project", "a", "--report-id", "1", "--page-id", "start=x", code=2
    )


PAGE = (ROOT / "docs/looker-studio.md").read_text(encoding="utf-8")
FUNCTIONS = {"SUM", "COUNT_DISTINCT", "IF", "CASE", "WHEN", "THEN", "ELSE", "END", "HYPERLINK", "REPLACE", "CONCAT"}
FUNCTIONS |= {"CAST", "FLOOR", "AS", "TEXT", "MAX", "SQRT"}


def test_formulas_in_docs_use_existing_columns():
    formulas = 0
    for view, table in re.findall(r"\nIn `(\w+)`:\n\n((?:\|.*\n)+)", PAGE):
        columns = {field.name for field in views()[view].fields}
        for formula in re.findall(r"^\| [\w ]+ \| `(.*)` \| \w+ \|$", table, re.M):
            formulas += 1
            assert set(re.findall(r"[A-Za-z_]\w*", re.sub(r'"[^"]*"', "", formula))) <= columns | FUNCTIONS, formula
    assert formulas == 12


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
