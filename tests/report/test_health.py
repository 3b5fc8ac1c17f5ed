"""The first page's words and chart of the model's health: what the view says, and nothing before there is a check."""

from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from built import address, report
from health_checks import LAST, write_health
from made import make_store

from callmood.report.model_quality import ASPECTS, health_of


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    store = make_store(tmp_path_factory.mktemp("watched") / "calls.duckdb", calls=30)
    write_health(store)
    return store


@pytest.fixture(scope="module")
def watched_report(watched, tmp_path_factory):
    return report(tmp_path_factory.mktemp("out"), watched)


def test_what_has_drifted_is_named_with_its_queue_and_the_accuracy_with_its_interval(open_page, watched_report):
    with open_page(address(watched_report)) as page:
        page.wait_for_selector("#health svg")
        said = page.inner_text("section[aria-labelledby=health-title]")
    assert "On 2026-11-20 calls have drifted: emotions (billing), noise." in said
    assert "right on 71% (60 to 80%) of 48 segments" in " ".join(said.split())


def test_the_chart_is_the_view_over_the_last_four_weeks(watched):
    chart = {(row["day"], row["aspect"]): row["share"] for row in health_of(watched).chart}
    assert len(chart) == 28 * len(ASPECTS)
    assert min(day for day, _ in chart) == (LAST - timedelta(days=27)).isoformat()
    for aspect, figures in ASPECTS.items():
        listed = ", ".join(f"'{figure}'" for figure in figures)
        [row] = watched.query(
            f"SELECT MAX(threshold_ratio) AS share FROM drift_checks_current WHERE queue IS NULL AND figure IN ({listed})"
            f" AND call_date = '{LAST}'"
        )
        assert chart[LAST.isoformat(), aspect] == pytest.approx(row["share"], abs=1e-3)


def test_a_calm_last_day_is_said_so(watched_report, open_page, tmp_path):
    store = make_store(tmp_path / "calls.duckdb", calls=30)
    write_health(store, days=1)
    rows = store.query("SELECT * FROM drift_checks WHERE figure = 'embedding_proj_1'")
    later = (LAST + timedelta(days=1)).isoformat()
    row = rows[0] | {"call_date": later, "check_id": "later", "checked_at": f"{later}T09:00:00+00:00"}
    store.append("drift_checks", [row])
    with open_page(address(report(tmp_path, store))) as page:
        page.wait_for_selector("#health svg")
        assert "Calls of 2026-11-21 look like what the model knows." in page.inner_text("main")


def test_without_a_check_there_is_no_section(center, first_page):
    assert health_of(center) is None
    assert first_page.locator("#health-title").count() == 0


def test_axe_finds_no_serious_fault_and_a_telephone_need_not_scroll(open_page, watched_report):
    with open_page(address(watched_report), viewport={"width": 360, "height": 780}) as page:
        page.wait_for_selector("#health svg")
        found = Axe().run(page, options={"preload": False}).response["violations"]
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert [v["id"] for v in found if v["impact"] in ("serious", "critical")] == []
