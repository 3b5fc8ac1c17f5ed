"""Synthetic calls of a call center, as rows of the view `calls`, to run the views that compare groups of them."""

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from callmood.resources import SCHEMAS
from callmood.warehouse.dialect import to_duckdb

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
    """Return the rows of a view that reads only `calls` and the labels of `recordings_current`."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'; SET threads = 1")
        calls = calls.assign(negative_s=calls["negativity"] * calls["customer_emotion_s"])
        connection.execute("CREATE TABLE calls AS SELECT * FROM calls")
        connection.execute("CREATE TABLE recordings AS SELECT call_date FROM calls")
        connection.execute(
            "CREATE TABLE recordings_current AS "
            "SELECT call_date, analysis_id, [{'key': 'product', 'value': product}] AS labels FROM calls"
        )
        sql = (Path(SCHEMAS) / f"views/{name}.sql").read_text(encoding="utf-8")
        cursor = connection.execute(to_duckdb(sql, **variables))
        columns = [column[0] for column in cursor.description]
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
