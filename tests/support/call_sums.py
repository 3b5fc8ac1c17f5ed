"""Synthetic calls of a call center with planted faults: as rows of the view `calls`, or as a store."""

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from table_rows import commit_row, segment_row

from callmood.resources import SCHEMAS
from callmood.warehouse.dialect import LAST_DAY, to_duckdb
from callmood.warehouse.duckdb import DuckDBWarehouse

QUEUES = ("billing", "deliveries", "orders", "returns", "sales", "technical")
FIRST_DAY = pd.Timestamp("2026-09-21")  # a Monday; eight weeks end on 15 November
BILLING_CHANGE = pd.Timestamp("2026-11-02")


def generate_calls(seed, calls=10_000, agents=60, days=56):
    """Return calls whose negativity depends on nothing: a skewed distribution with a mean of 0.18."""
    rng = np.random.default_rng(seed)
    day = FIRST_DAY + pd.to_timedelta(rng.choice(days, calls), unit="D")
    hour = rng.choice(np.arange(8, 20), calls)
    emotion_s = np.clip(rng.lognormal(4, 0.6, calls), 5, 600)
    negativity = rng.beta(1.6, 7.2, calls)
    return pd.DataFrame(
        {
            "call_date": day.date,
            "started_at": (day + pd.to_timedelta(hour, unit="h")).tz_localize("UTC"),
            "weekday": day.weekday + 1,
            "hour": hour,
            "recording_id": [f"{n:032x}" for n in range(calls)],
            "analysis_id": [f"{n:032x}" for n in range(calls)],
            "queue": np.array(QUEUES)[rng.choice(6, calls)],
            "agent_id": [f"a{n:02d}" for n in rng.choice(agents, calls)],
            "direction": np.where(rng.random(calls) < 0.8, "inbound", "outbound"),
            "language": np.where(rng.random(calls) < 0.7, "de-DE", "fr-FR"),
            "product": np.where(rng.random(calls) < 0.5, "tv", "phone"),
            "customer_emotion_s": emotion_s,
            "negativity": negativity,
        }
    )


def plant_faults(calls):
    """Make billing 10 points more negative in the last two weeks, and deliveries 20 points on Mondays from 9 to 11."""
    billing = (calls["queue"] == "billing") & (pd.to_datetime(calls["call_date"]) >= BILLING_CHANGE)
    deliveries = (calls["queue"] == "deliveries") & (calls["weekday"] == 1) & calls["hour"].isin([9, 10, 11])
    return calls.assign(negativity=(calls["negativity"] + 0.1 * billing + 0.2 * deliveries).clip(0, 1))


def query_view(name, calls, **variables):
    """Return the rows of a view that reads only `calls`, or metrics and recordings."""
    return query_views([name], calls, **variables)[0]


def query_views(names, calls, **variables):
    """Return the rows of each view."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'; SET threads = 1")
        calls = calls.assign(negative_s=calls["negativity"] * calls["customer_emotion_s"])
        connection.execute("CREATE TABLE calls AS SELECT * FROM calls")
        connection.execute("CREATE TABLE recordings AS SELECT call_date FROM calls")
        connection.execute(f"CREATE MACRO {LAST_DAY} AS (SELECT MAX(call_date) FROM recordings)")
        connection.execute("CREATE TABLE call_metrics AS SELECT * FROM calls")
        connection.execute(
            "CREATE TABLE timed_recordings AS SELECT * EXCLUDE (customer_emotion_s, negative_s, negativity), "
            "[{'key': 'product', 'value': product}] AS labels FROM calls"
        )
        connection.execute("CREATE VIEW recordings_current AS FROM timed_recordings")
        found = []
        for name in names:
            sql = (Path(SCHEMAS) / f"views/{name}.sql").read_text(encoding="utf-8")
            cursor = connection.execute(to_duckdb(sql, **variables))
            columns = [column[0] for column in cursor.description]
            found.append([dict(zip(columns, row, strict=True)) for row in cursor.fetchall()])
        return found


def create_planted_store(path, calls, **overrides):
    """Create a store with one segment of the customer per call; `overrides` replace columns of `recordings`."""
    store = DuckDBWarehouse(path)
    shared = calls[["analysis_id", "recording_id", "call_date", "queue", "agent_id"]].assign(
        call_id=calls["recording_id"]
    )
    shared["call_id"] = [str(10_000 + n) for n in range(len(calls))]
    started = calls["started_at"]
    length = pd.to_timedelta(calls["customer_emotion_s"], unit="s")
    recording_rows = (
        shared.assign(
            **{
                name: value
                for name, value in commit_row().items()
                if name not in shared and not isinstance(value, list)
            },
        )
        .assign(
            content_sha256=[2 * key for key in calls["recording_id"]],
            uri=[f"gs://calls/{key}.wav" for key in calls["recording_id"]],
            direction=calls["direction"],
            language=calls["language"],
            customer_id=[f"c{n % 997}" for n in range(len(calls))],
            labels=[[{"key": "product", "value": value}] for value in calls["product"]],
            channel_roles=[["agent", "customer"]] * len(calls),
            warnings=[[]] * len(calls),
            started_at=started,
            uploaded_at=started + pd.Timedelta(hours=1),
            analyzed_at=started + pd.Timedelta(hours=2),
            duration_s=calls["customer_emotion_s"] + 30,
            segment_count=1,
        )
        .assign(**overrides)
    )
    p = {
        "anger": 0.4 * calls["negativity"],
        "disgust": 0.1 * calls["negativity"],
        "fear": 0.1 * calls["negativity"],
        "sadness": 0.4 * calls["negativity"],
        "happiness": 0.1 * (1 - calls["negativity"]),
        "neutral": 0.9 * (1 - calls["negativity"]),
    }
    segment_rows = shared.assign(
        **{name: value for name, value in segment_row(0).items() if name not in shared}
    ).assign(
        segment_id=calls["recording_id"],
        start_s=1.0,
        end_s=1.0 + calls["customer_emotion_s"],
        started_at=started,
        ended_at=started + length,
        analyzed_at=recording_rows["analyzed_at"],
        emotion=np.where(p["anger"] > p["neutral"], "anger", "neutral"),
        confidence=np.maximum(p["anger"], p["neutral"]),
        **{f"p_{emotion}": value for emotion, value in p.items()},
    )
    with duckdb.connect(str(path)) as connection:  # `append` checks row by row
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("INSERT INTO segments BY NAME SELECT * FROM segment_rows")
        connection.execute("INSERT INTO recordings BY NAME SELECT * FROM recording_rows")
    assert len(segment_rows) == len(recording_rows)
    return store
