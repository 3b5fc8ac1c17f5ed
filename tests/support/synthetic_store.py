"""Create stores of synthetic calls that resemble a call center: busy Mondays, and queues with different negativity."""

import duckdb
import numpy as np
import pandas as pd
from table_rows import commit_row

from callmood.types import EMOTIONS
from callmood.warehouse.duckdb import DuckDBWarehouse

QUEUES = np.array(["billing", "delivery", "technical", "sales", "returns"])
QUEUE_SHARES = (0.34, 0.26, 0.2, 0.12, 0.08)
NEGATIVE_CALL_PROBABILITY = np.array([0.34, 0.28, 0.2, 0.06, 0.16])
CALL_COLUMNS = (
    *("analysis_id", "recording_id", "call_date", "call_id", "queue", "agent_id"),
    *("model_version", "analyzed_at"),
)
LAST_DAY = pd.Timestamp("2026-11-20", tz="UTC")


def create_store(path, calls=200, days=42, agents=24, seed=1, folder="/calls", **overrides):
    """Create a store with `calls` calls in `days` days, until 2026-11-20. `overrides` replace columns in every row."""
    store = DuckDBWarehouse(path)
    if calls:
        rng = np.random.default_rng(seed)
        call_rows = pd.DataFrame(call_metadata(rng, calls, days, agents, folder))
        segment_rows = generate_segments(rng, call_rows)
        call_rows = add_totals(call_rows, segment_rows)
        for table in (call_rows, segment_rows):
            for column in set(overrides) & set(table):
                table[column] = pd.Series([overrides[column]] * len(table), dtype=object)
        with duckdb.connect(str(path)) as connection:  # `append` checks row by row: too slow for 500,000 rows
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("INSERT INTO segments BY NAME SELECT * FROM segment_rows")
            connection.execute("INSERT INTO recordings BY NAME SELECT * FROM call_rows")
    return store


def call_metadata(rng, calls, days, agents, folder):
    number = np.arange(calls)
    day = LAST_DAY - pd.to_timedelta((calls - 1 - number) * days // calls, unit="D")
    is_free = (day.weekday == 6) | ((day.weekday == 5) & (rng.random(calls) < 0.6))
    day = day - pd.to_timedelta(np.where(is_free, day.weekday - 4, 0), unit="D")
    started = day + pd.to_timedelta(np.clip(rng.normal(13, 3, calls), 8, 18.9) * 3600 // 1, unit="s")
    queue = rng.choice(5, calls, p=QUEUE_SHARES)
    busy = np.where((started.weekday == 0) | np.isin(started.hour, (9, 17)), 1.5, 1.0)
    is_negative = rng.random(calls) < NEGATIVE_CALL_PROBABILITY[queue] * busy
    ids = [f"{n:032x}" for n in number]
    return {
        **commit_row(bucket="", codec="pcm_mulaw", labels=None, warnings=None, channel_roles=None, legs=None),
        "analysis_id": ids,
        "recording_id": ids,
        "content_sha256": [f"{n:064x}" for n in number],
        "call_date": day.date,
        "started_at": started,
        "uploaded_at": started + pd.Timedelta(minutes=20),
        "uri": [f"file://{folder}/{n}.wav" for n in number],
        "object": [f"{folder}/{n}.wav" for n in number],
        "call_id": [str(1000 + n) for n in number],
        "queue": QUEUES[queue],
        "agent_id": [f"a{n:02d}" for n in rng.integers(1, agents + 1, calls)],
        "customer_id": [f"c{n}" for n in rng.integers(100, 999, calls)],
        "duration_s": np.clip(rng.lognormal(5.2, 0.5, calls), 25, 1500).round(),
        # Relative position of the most negative speech, 0 to 1; far outside this range in other calls.
        "peak_position": np.where(is_negative, rng.choice([0.45, 0.85], calls, p=(0.65, 0.35)), 9.0),
    }


def generate_segments(rng, calls):
    count = np.maximum(4, (calls["duration_s"] / 4.6).astype(int)).to_numpy()
    total, first = count.sum(), np.cumsum(count) - count
    call = np.repeat(np.arange(len(calls)), count)
    index = np.arange(total) - first[call]
    seconds = np.clip(rng.gamma(3, 1.1, total), 0.6, 8)
    pause = np.clip(rng.exponential(0.9, total), 0.05, 6) + (rng.random(total) < 0.01) * rng.uniform(8, 40, total)
    turn = np.cumsum(rng.random(total) < 0.45)
    changes = np.diff(turn, prepend=0) > 0
    pause[changes & (rng.random(total) < 0.1) & (np.roll(seconds, 1) > 2.5)] = -1.2  # an interruption
    end = np.cumsum(seconds + pause)
    start = end - seconds
    start = start - start[first][call] + 0.6
    customer = (turn - turn[first][call]) % 2 == 1
    table = pd.DataFrame(
        {
            "segment_id": np.char.mod("%032x", np.arange(total)),
            "segment_index": index,
            "channel": customer.astype(int),
            "role": np.where(customer, "customer", "agent"),
            "start_s": start.round(3),
            "end_s": (start + seconds).round(3),
            "level_dbfs": rng.normal(-24, 3, total).round(1),
            **generate_emotions(rng, index / count[call], calls["peak_position"].to_numpy()[call], call, customer),
        }
    )
    for column in CALL_COLUMNS:
        table[column] = calls[column].to_numpy()[call]
    call_start = pd.DatetimeIndex(calls["started_at"])[call]
    table["started_at"] = call_start + pd.to_timedelta(table["start_s"], unit="s")
    table["ended_at"] = call_start + pd.to_timedelta(table["end_s"], unit="s")
    return table


def generate_emotions(rng, position, peak_position, call, customer):
    intensity = np.exp(-(((position - peak_position) / 0.2) ** 2))
    logits = rng.normal(0, 0.9, (len(position), 6)) + np.array([-1.6, -2.4, -2.5, -1.2, 2.2, -1.6])
    negative_emotion = rng.choice(6, call.max() + 1, p=(0.66, 0.06, 0.06, 0, 0, 0.22))[
        call
    ]  # the dominant negative emotion of each call
    logits[np.arange(len(position)), negative_emotion] += 5 * intensity
    is_happy = (rng.random(call.max() + 1) < 0.4)[call] & (peak_position != 0.85)
    logits[:, EMOTIONS.index("happiness")] += 3 * is_happy * position
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    top = p.max(axis=1)
    label = np.where(top < 0.45, "uncertain", np.array(EMOTIONS)[p.argmax(axis=1)])

    def customer_only(values):
        return pd.Series(np.where(customer, values.round(4), np.nan), dtype="Float64")

    return {
        "emotion": np.where(customer, label, None),
        "confidence": customer_only(top),
        **{f"p_{emotion}": customer_only(p[:, i]) for i, emotion in enumerate(EMOTIONS)},
    }


def add_totals(calls, segments):
    seconds = segments["end_s"] - segments["start_s"]
    talk = seconds.groupby([segments["analysis_id"], segments["role"]]).sum().unstack(fill_value=0.0)
    talk = talk.reindex(calls["analysis_id"], columns=["agent", "customer"], fill_value=0.0).round(3)
    duration = segments.groupby("analysis_id")["end_s"].max().reindex(calls["analysis_id"]).to_numpy() + 1.5
    overlap = (segments["end_s"].shift() - segments["start_s"]).where(segments["segment_index"] > 0).clip(lower=0)
    overlap = overlap.groupby(segments["analysis_id"]).sum().reindex(calls["analysis_id"]).to_numpy()
    return calls.drop(columns="peak_position").assign(
        duration_s=duration.round(3),
        agent_talk_s=talk["agent"].to_numpy(),
        customer_talk_s=talk["customer"].to_numpy(),
        overlap_s=overlap.round(3),
        silence_s=(duration - talk.sum(axis=1).to_numpy() + overlap).round(3),
        segment_count=segments.groupby("analysis_id").size().reindex(calls["analysis_id"]).to_numpy(),
    )
