"""The weekly digest: its text, its message of the results topic, and the webhook."""

import json
from datetime import date

import fastavro
import pytest
from alerts import SECRET
from call_sums import create_planted_store, generate_calls, plant_faults
from command_line import json_lines, run
from scripted_http import scripted_http
from standardwebhooks import Webhook

from callmood.services.digest import digest_message, weekly_digest
from callmood.services.publish import attributes, result_schema
from callmood.warehouse.duckdb import DuckDBWarehouse

LAST_DAY = date(2026, 11, 15)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    calls = plant_faults(generate_calls(1, calls=3000))
    return create_planted_store(tmp_path_factory.mktemp("digest") / "calls.duckdb", calls)


def test_digest_compares_the_week_and_names_the_faults(store):
    digest = weekly_digest(store, LAST_DAY, 5)
    [expected] = store.query(
        "SELECT COUNT(*) AS calls, COUNTIF(needs_attention) AS review FROM calls WHERE call_date >= '2026-11-09'"
    )
    lines = digest["text"].splitlines()
    assert lines[0].startswith(f"Calls from 2026-11-09 to 2026-11-15: {expected['calls']} (")
    assert lines[1].startswith(f"Needs review: {expected['review']} calls (")
    assert {line.partition(",")[0].partition(":")[0] for line in lines[3:]} == {"billing", "deliveries"}
    assert digest["insights"][0]["filters"]["to"] == "2026-11-15"


def test_week_of_few_calls_has_no_metrics(store):
    digest = weekly_digest(store, date(2027, 1, 31), 5)
    assert (digest["calls"], digest["negativity"], digest["attention_calls"]) == (0, None, None)
    assert digest["text"].startswith("Calls from 2027-01-25 to 2027-01-31: 0 (0 in the week before).")


def test_message_matches_the_schema_of_the_topic_and_needs_no_attention(store):
    message = digest_message(weekly_digest(store, LAST_DAY, 5))
    assert fastavro.validate(json.loads(json.dumps(message)), dict(result_schema()), strict=True)
    assert json.loads(message["digest"])["type"] == "digest"
    assert attributes(message)["analysis_id"] == "digest-2026-11-15"
    assert attributes(message)["needs_attention"] == "false"


def test_command_prints_the_digest_of_the_last_day(store):
    printed = run("digest", "--store", store.path)
    assert printed == weekly_digest(store, LAST_DAY, 5)["text"] + "\n"
    [row] = json_lines(run("digest", "--store", store.path, "--last-day", "2026-11-08", "--json"))
    assert (row["first_day"], row["last_day"]) == ("2026-11-02", "2026-11-08")


def test_week_before_all_calendars_is_reported(store):
    assert "too early" in run("digest", "--store", store.path, "--last-day", "0001-01-03", code=2)


def test_command_posts_a_signed_message_to_the_webhook(store, monkeypatch):
    monkeypatch.setenv("ALERT_SECRET", SECRET)
    with scripted_http() as receiver:
        run("digest", "--store", store.path, "--webhook", receiver.url)
        [request] = receiver.requests
    message = Webhook(f"whsec_{SECRET}").verify(request.body, dict(request.headers))
    assert request.headers["webhook-id"] == "digest-2026-11-15"
    assert message["text"].startswith("Calls from ")


def test_empty_store_is_an_error(tmp_path):
    path = tmp_path / "empty.duckdb"
    DuckDBWarehouse(path)
    assert "contains no calls" in run("digest", "--store", path, code=2)
