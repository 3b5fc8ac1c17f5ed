"""Reports built for tests, and addresses in them."""

from zoneinfo import ZoneInfo

from callmood.report.build import build_report


def report(folder, store):
    out = folder / "report"
    build_report(store, out, store=str(store.path), zone=ZoneInfo("UTC"), min_calls_per_group=5)
    return out


def address(out, page="index.html", state=""):
    return f"{(out / page).as_uri()}#{state}"
