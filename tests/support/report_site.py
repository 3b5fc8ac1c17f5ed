"""Build reports for tests, and return the URLs of their pages."""

from zoneinfo import ZoneInfo

from callmood.report.build import build_report


def build_site(folder, store):
    site = folder / "report"
    build_report(store, site, store=str(store.path), zone=ZoneInfo("UTC"), min_calls_per_group=5)
    return site


def page_url(site, page="index.html", state=""):
    return f"{(site / page).as_uri()}#{state}"
