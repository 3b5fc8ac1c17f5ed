"""The section "Model quality" of the index page: text and chart equal the view of drift checks."""

from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from drift_check_rows import LAST_DAY, write_drift_checks
from report_site import build_site, page_url
from synthetic_store import create_store

from callmood.report.model_quality import METRIC_GROUPS, query_model_quality


@pytest.fixture(scope="module")
def checked_store(tmp_path_factory):
    store = create_store(tmp_path_factory.mktemp("checked") / "calls.duckdb", calls=30)
    write_drift_checks(store)
    return store


@pytest.fixture(scope="module")
def checked_site(checked_store, tmp_path_factory):
    return build_site(tmp_path_factory.mktemp("site"), checked_store)


def test_drift_is_shown_with_its_queue_and_accuracy_with_its_interval(open_page, checked_site):
    with open_page(page_url(checked_site)) as page:
        page.wait_for_selector("#drift-checks svg")
        text = page.inner_text("section[aria-labelledby=model-quality-title]")
    assert "Drift detected on 2026-11-20: emotions (billing), noise." in text
    assert "71% (60 to 80%), measured on 48 randomly sampled segments" in " ".join(text.split())


def test_chart_equals_the_view_over_the_last_four_weeks(checked_store):
    chart = {(row["day"], row["group"]): row["thresholdRatio"] for row in query_model_quality(checked_store).chart}
    assert len(chart) == 28 * len(METRIC_GROUPS)
    assert min(day for day, _ in chart) == (LAST_DAY - timedelta(days=27)).isoformat()
    for group, metrics in METRIC_GROUPS.items():
        names = ", ".join(f"'{metric}'" for metric in metrics)
        [row] = checked_store.query(
            "SELECT MAX(threshold_ratio) AS ratio FROM drift_checks_current "
            f"WHERE queue IS NULL AND metric IN ({names}) AND call_date = '{LAST_DAY}'"
        )
        assert chart[LAST_DAY.isoformat(), group] == pytest.approx(row["ratio"], abs=1e-3)


def test_last_day_without_drift_is_reported(open_page, tmp_path):
    store = create_store(tmp_path / "calls.duckdb", calls=30)
    write_drift_checks(store, days=1)
    rows = store.query("SELECT * FROM drift_checks WHERE metric = 'embedding_proj_1'")
    next_day = (LAST_DAY + timedelta(days=1)).isoformat()
    row = rows[0] | {"call_date": next_day, "check_id": "next", "checked_at": f"{next_day}T09:00:00+00:00"}
    store.append("drift_checks", [row])
    with open_page(page_url(build_site(tmp_path, store))) as page:
        page.wait_for_selector("#drift-checks svg")
        assert "No drift detected on 2026-11-21." in page.inner_text("main")


def test_store_without_drift_checks_has_no_section(store, index_page):
    assert query_model_quality(store) is None
    assert index_page.locator("#model-quality-title").count() == 0


def test_section_is_accessible_and_fits_a_phone(open_page, checked_site):
    with open_page(page_url(checked_site), viewport={"width": 360, "height": 780}) as page:
        page.wait_for_selector("#drift-checks svg")
        violations = Axe().run(page, options={"preload": False}).response["violations"]
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert [v["id"] for v in violations if v["impact"] in ("serious", "critical")] == []
