"""Reviews of calls and labels of segments: in the browser, in the served store, and through the label import."""

import csv
import json
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime

import pytest
from report_server import serve
from report_site import build_site, page_url
from synthetic_store import create_store
from typer.testing import CliRunner

from callmood.cli.app import app
from callmood.monitoring.daily_check import accuracy_interval
from callmood.types import EMOTIONS

CALL = f"{4:032x}"


@pytest.fixture
def small_store(tmp_path):
    return create_store(tmp_path / "calls.duckdb", calls=8, days=3)


def open_call(page):
    page.wait_for_selector("body[data-state=loaded]")
    page.locator("[data-role=customer] .segment").first.click()
    page.wait_for_selector("#segment-panel button")


def first_customer_segment(store):
    [row] = store.query(
        "SELECT * FROM segments_current WHERE recording_id = @id AND role = 'customer' ORDER BY start_s LIMIT 1",
        {"id": CALL},
    )
    predicted = max(EMOTIONS, key=lambda emotion: row[f"p_{emotion}"])
    return row, predicted, next(emotion for emotion in EMOTIONS if emotion != predicted)


def review(page, other):
    open_call(page)
    page.select_option("#segment-panel select", other)
    page.check("#review [value=agree]")
    page.fill("#review [name=note]", '=HYPERLINK("x"), call back')
    page.fill("#review [name=reviewer]", "Ada")
    page.locator("#review [name=reviewer]").blur()


def test_static_page_keeps_reviews_and_exports_what_the_import_reads(open_page, small_store, tmp_path):
    _row, predicted, other = first_customer_segment(small_store)
    site = build_site(tmp_path, small_store)
    with open_page(page_url(site, "call.html", f"call={CALL}"), is_new=True) as page:
        review(page, other)
        page.reload()
        open_call(page)
        page.wait_for_selector("#review [value=agree]:checked")
        assert page.input_value("#segment-panel select") == other
        page.goto(page_url(site))
        page.wait_for_selector("#list .review")
        assert page.text_content(f"#list tr[data-call='{CALL}'] .review") == "✓ agree"
        assert "0% of 1 checked label" in page.text_content("#label-accuracy")
        with page.expect_download() as download:
            page.click("#export-reviews")
        download.value.save_as(tmp_path / "callmood-reviews.csv")
        page.on("dialog", lambda dialog: dialog.accept())
        page.click("#delete-reviews")
        page.wait_for_selector("#reviews", state="hidden")
    assert "'=HYPERLINK" in (tmp_path / "callmood-reviews.csv").read_text("utf-8-sig")  # a spreadsheet shows it as text
    done = CliRunner().invoke(
        app, ["import-labels", str(tmp_path / "callmood-reviews.csv"), "--store", str(small_store.path)]
    )
    assert done.output == "1 label and 1 review imported.\n"
    [annotation] = small_store.query("SELECT * FROM annotated_segments")
    assert (annotation["sampling"], annotation["annotated_emotion"], annotation["predicted_emotion"]) == (
        "report", other, predicted,
    )  # fmt: skip
    [stored] = small_store.query("SELECT * FROM reviews_current")
    assert (stored["recording_id"], stored["verdict"], stored["note"]) == (CALL, "agree", '=HYPERLINK("x"), call back')
    with open_page(page_url(build_site(tmp_path, small_store), "call.html", f"call={CALL}")) as page:  # another browser
        open_call(page)
        page.wait_for_selector("#review [value=agree]:checked")
        assert page.input_value("#segment-panel select") == other
        assert "call back" in page.input_value("#review [name=note]")


def slowly(route):
    """Send a request later, so that several changes wait to be saved."""
    time.sleep(0.3)
    route.continue_()


def test_served_page_writes_reviews_to_the_store(open_page, small_store):
    _row, predicted, other = first_customer_segment(small_store)
    with serve(small_store.path) as url, open_page(f"{url}/call.html#call={CALL}", is_new=True) as page:
        page.route("**/reviews", slowly)
        review(page, other)
        page.check("#review [value=not_worth_it]")
        page.wait_for_selector("#review-status:has-text('Saved in the store.')")
        page.click("#segment-panel button")
        page.wait_for_selector("#segment-panel [aria-pressed=true]")
        page.wait_for_selector("#review-status:has-text('Saved in the store.')")
        page.reload()
        open_call(page)
        page.wait_for_selector("#review [value=not_worth_it]:checked")
        assert page.get_attribute("#segment-panel button", "aria-pressed") == "true"
    [stored] = small_store.query("SELECT verdict, note, reviewed_by FROM reviews_current")
    assert stored == {"verdict": "not_worth_it", "note": '=HYPERLINK("x"), call back', "reviewed_by": "Ada"}
    [label] = small_store.query("SELECT sampling, annotated_emotion, is_correct FROM annotated_segments")
    assert label == {"sampling": "report", "annotated_emotion": predicted, "is_correct": True}


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Content-Type": "text/plain"}, {}, 415),  # a form of another site
        ({}, {"segments": [], "reviews": [{"recording_id": "a", "call_date": "2026-11-20", "verdict": "great"}]}, 400),
        ({}, {"segments": [{"emotion": "anger"}], "reviews": []}, 400),
        ({}, [1], 400),
        ({}, {"segments": [], "reviews": [{"note": "x" * 200_000}]}, 413),
    ],
)
def test_invalid_review_is_rejected_and_not_stored(small_store, headers, body, status):
    with serve(small_store.path) as url:
        request = urllib.request.Request(
            f"{url}/reviews", json.dumps(body).encode(), {"Content-Type": "application/json", **headers}
        )
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(request)
        assert error.value.code == status
    assert small_store.query("SELECT COUNT(*) AS n FROM reviews") == [{"n": 0}]


def test_label_of_the_report_does_not_replace_a_random_one(small_store):
    row, predicted, other = first_customer_segment(small_store)
    annotation = {
        "recording_id": CALL, "call_date": row["call_date"].isoformat(), "channel": row["channel"],
        "start_s": row["start_s"], "end_s": row["end_s"],
    }  # fmt: skip
    for hour, (sampling, emotion) in enumerate([("random", predicted), ("report", other)]):
        at = datetime(2026, 11, 27, hour, tzinfo=UTC).isoformat()
        small_store.append(
            "annotations",
            [annotation | {"annotation_id": sampling, "emotion": emotion, "sampling": sampling, "annotated_at": at}],
        )
    [label] = small_store.query("SELECT sampling, is_correct FROM annotated_segments")
    assert label == {"sampling": "random", "is_correct": True}


@pytest.mark.parametrize("calls", [[(3, 4), (0, 2), (5, 5)], [(2, 2)], [(0, 1), (0, 3)], [(1, 1)] * 8 + [(0, 1)] * 2])
def test_accuracy_on_the_page_equals_that_of_monitoring(open_page, small_store, tmp_path, calls):
    site = build_site(tmp_path, small_store)
    (site / "data/reviews.js").write_text(
        f"callmood.provide('reviews', {json.dumps({'segments': labels(calls), 'reviews': []})})", encoding="utf-8"
    )
    with open_page(page_url(site)) as page:
        page.wait_for_selector("#label-accuracy p")
        shown = page.evaluate("callmood.reviews.accuracy((sampling) => sampling === 'report')")
    assert [shown[name] for name in ("ratio", "low", "high")] == pytest.approx(accuracy_interval(calls))
    assert shown["segments"] == sum(total for _, total in calls)


def labels(calls):
    return [
        [f"call{number}", 1, 1000 * index, "anger" if index < correct else "neutral", "anger", "report"]
        for number, (correct, total) in enumerate(calls)
        for index in range(total)
    ]


def test_filtered_list_is_exported_as_csv(index_page, tmp_path):
    index_page.select_option("[name=queue]", "sales")
    with index_page.expect_download() as download:
        index_page.click("#export-calls")
    download.value.save_as(tmp_path / "calls.csv")
    with (tmp_path / "calls.csv").open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    shown = index_page.text_content("#result-count").split(" of ")[1]
    assert shown == f"{len(rows)} calls"
    assert {row["queue"] for row in rows} == {"sales"}
    assert [row["call"] for row in rows][:50] == index_page.locator("#list tbody th a").all_text_contents()


def test_two_tabs_keep_the_reviews_of_each_other(open_page, small_store, tmp_path):
    site = build_site(tmp_path, small_store)
    with open_page(page_url(site, "call.html", f"call={CALL}"), is_new=True) as page:
        page.wait_for_selector("body[data-state=loaded]")
        other = page.context.new_page()
        other.goto(page_url(site, "call.html", f"call={3:032x}"))
        other.wait_for_selector("body[data-state=loaded]")
        page.check("#review [value=agree]")
        other.check("#review [value='not_worth_it']")
        other.goto(page_url(site, "call.html", f"call={CALL}"))
        other.reload()
        other.wait_for_selector("#review [value=agree]:checked")
        page.wait_for_function("callmood.reviews.countOwn() === 2")


def test_note_belongs_to_the_call_on_which_it_was_typed(open_page, small_store, tmp_path):
    first, second = CALL, f"{3:032x}"
    site = build_site(tmp_path, small_store)
    with open_page(page_url(site, "call.html", f"call={first}"), is_new=True) as page:
        page.wait_for_selector("body[data-state=loaded]")
        page.evaluate("call => { location.hash = `call=${call}`; }", second)
        page.wait_for_function("name => document.title.startsWith(name)", arg=page_title(small_store, second))
        page.focus("#review [name=note]")
        page.keyboard.type("about the second")
        page.go_back()
        page.wait_for_function("name => document.title.startsWith(name)", arg=page_title(small_store, first))
        assert page.input_value("#review [name=note]") == ""
        notes = page.evaluate("callmood.reviews.reviewed().map(([call, { note }]) => [call, note])")
    assert notes == [[second, "about the second"]]


def page_title(store, call):
    [row] = store.query("SELECT call_id, uri FROM calls WHERE recording_id = @id", {"id": call})
    return row["call_id"] or row["uri"].rpartition("/")[2]
