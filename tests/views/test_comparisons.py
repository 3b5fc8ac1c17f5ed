"""The views that compare agents and groups: they find planted faults, and nothing in noise."""

import numpy as np
import pytest
from call_sums import FIRST_DAY, generate_calls, plant_faults, query_view, query_views
from scipy.stats import binomtest, t, ttest_1samp, ttest_ind

SEEDS = range(100)


def ranked(rows):
    return sorted((row for row in rows if row["insight_rank"]), key=lambda row: row["insight_rank"])


def insights(calls):
    return ranked(query_view("insights", calls))


@pytest.fixture(scope="module")
def noise():
    """Return the rows of `insights` and of `agents_compared` for a hundred stores of noise."""
    return [query_views(["insights", "agents_compared"], generate_calls(seed)) for seed in SEEDS]


def test_both_planted_faults_are_named_first():
    billing, deliveries = insights(plant_faults(generate_calls(1)))[:2]
    assert (billing["dimension"], billing["queue"], billing["weeks"]) == ("queue", "billing", 2)
    assert billing["first_day"] == FIRST_DAY.date().replace(month=11, day=2)
    assert billing["sentence"].startswith("billing: negative 18% → 28% since 2 November")
    assert billing["share_of_change"] > 0.5
    assert (deliveries["dimension"], deliveries["queue"], deliveries["weekday"]) == ("time", "deliveries", 1)
    assert (deliveries["first_hour"], deliveries["last_hour"]) == (9, 11)
    assert deliveries["sentence"].startswith("deliveries, Mondays 9:00 to 12:00: negative ")


@pytest.mark.parametrize("seed", range(2, 7))
def test_planted_faults_are_the_only_insights(seed):
    found = insights(plant_faults(generate_calls(seed)))
    assert {row["queue"] for row in found} == {"billing", "deliveries"}


@pytest.mark.slow
def test_at_most_five_of_a_hundred_stores_of_noise_have_an_insight(noise):
    assert sum(bool(ranked(rows)) for rows, _ in noise) <= 5


@pytest.mark.slow
def test_stores_of_few_calls_have_no_insight_in_noise():
    assert sum(bool(insights(generate_calls(seed, calls=400, agents=6))) for seed in SEEDS) <= 5


def test_change_of_all_calls_is_named_once():
    calls = generate_calls(1)
    recent = calls["call_date"] >= FIRST_DAY.date().replace(month=11, day=2)
    found = insights(calls.assign(negativity=calls["negativity"] + 0.1 * recent))
    assert [row["dimension"] for row in found] == ["all"]
    assert found[0]["sentence"].startswith("All calls: negative ")


def test_usual_level_of_a_queue_is_clear_and_no_insight():
    calls = generate_calls(1)
    rows = query_view("insights", calls.assign(negativity=calls["negativity"] + 0.1 * (calls["queue"] == "sales")))
    [level] = [row for row in rows if row["kind"] == "concentration" and row["value"] == "sales"]
    assert level["is_clear"]
    assert not any(row["insight_rank"] for row in rows)


def test_interval_of_equally_long_calls_is_that_of_welch():
    calls = generate_calls(1).assign(customer_emotion_s=30.0)
    rows = query_view("insights", calls)
    [row] = [row for row in rows if (row["kind"], row["value"], row["weeks"]) == ("concentration", "sales", 8)]
    is_sales = calls["queue"] == "sales"
    expected = ttest_ind(calls["negativity"][is_sales], calls["negativity"][~is_sales], equal_var=False)
    interval = expected.confidence_interval(0.95)
    assert (row["difference_low"], row["difference_high"]) == pytest.approx((interval.low, interval.high), rel=1e-3)


def different_agents(calls):
    return [row["agent_id"] for row in query_view("agents_compared", calls) if row["is_different"]]


@pytest.mark.slow
def test_at_most_five_of_a_hundred_reports_color_one_of_sixty_identical_agents(noise):
    assert sum(any(row["is_different"] for row in rows) for _, rows in noise) <= 5


def test_agent_with_another_mix_of_queues_is_not_different():
    """Faults of queues and hours are not faults of the agents who work there."""
    calls = generate_calls(3)
    calls["negativity"] = (calls["negativity"] + 0.15 * (calls["queue"] == "billing")).clip(0, 1)
    calls.loc[calls["queue"] == "billing", "agent_id"] = [
        f"a{n % 5:02d}" for n in range((calls["queue"] == "billing").sum())
    ]
    assert different_agents(calls) == []


@pytest.mark.slow
def test_planted_agent_is_found_in_four_of_five_stores():
    found = 0
    for seed in range(40):
        calls = generate_calls(seed)
        is_recent = np.array([day >= FIRST_DAY.date().replace(month=10, day=19) for day in calls["call_date"]])
        planted = calls.index[is_recent & ~(calls["agent_id"] == "a07")][:150]
        calls = calls[~(is_recent & (calls["agent_id"] == "a07"))]
        calls.loc[planted, "agent_id"] = "a07"
        calls.loc[planted, "negativity"] = (calls.loc[planted, "negativity"] + 0.08).clip(0, 1)
        found += different_agents(calls) == ["a07"]
    assert found >= 32


def test_interval_of_an_agent_is_that_of_the_t_test():
    """With one queue, direction, and hour, and equally long calls, the expected value is the mean of all calls."""
    calls = generate_calls(1).assign(customer_emotion_s=30.0, queue="sales", direction="inbound", hour=9)
    recent = calls[[day >= FIRST_DAY.date().replace(month=10, day=19) for day in calls["call_date"]]]
    rows = {row["agent_id"]: row for row in query_view("agents_compared", calls)}
    checked = 0
    for agent, own in recent.groupby("agent_id")["negativity"]:
        if own.std() < recent["negativity"].std():
            continue  # the pooled deviation replaces a smaller one
        interval = ttest_1samp(own - recent["negativity"].mean(), 0).confidence_interval(0.95)
        shown = rows[agent]["difference_low"], rows[agent]["difference_high"]
        assert shown == pytest.approx((interval.low, interval.high), abs=2e-4)
        checked += 1
    assert checked > 10


def test_agents_with_few_calls_show_only_their_number():
    calls = generate_calls(1, calls=400)
    rows = query_view("agents_compared", calls, min_calls_per_group=5)
    assert {row["is_suppressed"] for row in rows} == {True, False}
    assert all((row["difference"] is None) == row["is_suppressed"] == (row["calls"] < 5) for row in rows)
    assert not any(row["is_different"] for row in rows)


def add_call_columns(calls):
    """Add the columns of `calls` that the daily views read."""
    seconds = ("duration_s", "silence_s", "agent_talk_s", "customer_talk_s", "agent_talk_ratio", "longest_silence_s")
    labels = ("anger_s", "disgust_s", "fear_s", "happiness_s", "neutral_s", "sadness_s", "uncertain_s")
    numbers = (*seconds, *labels, "interruptions_by_agent", "interruptions_by_customer")
    flags = dict.fromkeys(("is_negative_call", "escalated", "needs_attention"), calls["negativity"] > 0.3)
    return calls.assign(
        **dict.fromkeys(numbers, 0), **flags, recovered=False, agent_negative_s=0.0, agent_emotion_s=0.0
    )


def test_interval_of_a_queue_on_a_day_is_that_of_a_regression():
    """A ratio of sums is a regression on a constant, weighted by speech time, with robust errors (HC1)."""
    calls = add_call_columns(generate_calls(1))
    for row in query_view("queues_daily", calls)[:20]:
        own = calls[(calls["queue"] == row["queue"]) & (calls["call_date"] == row["call_date"])]
        weight, n = own["customer_emotion_s"], len(own)
        residual = own["negativity"] - (own["negativity"] * weight).sum() / weight.sum()
        error = np.sqrt(((weight * residual) ** 2).sum() * n / (n - 1)) / weight.sum()
        assert (row["negativity_high"] - row["negativity"]) / error == pytest.approx(t.ppf(0.975, n - 1), rel=1e-3)
        share = binomtest(int(own["needs_attention"].sum()), n).proportion_ci(method="wilson")
        assert (row["attention_share_low"], row["attention_share_high"]) == pytest.approx(tuple(share), abs=1e-6)


@pytest.mark.parametrize("view", ["agents_daily", "emotion_hourly", "emotion_by_label"])
def test_intervals_of_equally_long_calls_are_those_of_the_t_test(view):
    calls = add_call_columns(generate_calls(1).assign(customer_emotion_s=30.0))
    groups = dict(iter(calls.groupby(list(KEYS[view]))["negativity"]))
    checked = 0
    for row in query_view(view, calls):
        own = groups[tuple(row[key] for key in KEYS[view].values())]
        if row["is_suppressed"]:
            assert row["negativity_low"] is None
            continue
        interval = ttest_1samp(own, 0).confidence_interval(0.95)
        expected = max(interval.low, 0), min(interval.high, 1)
        assert (row["negativity_low"], row["negativity_high"]) == pytest.approx(expected, abs=3e-3)
        checked += 1
    assert checked > 100


KEYS = {
    "agents_daily": {"call_date": "call_date", "agent_id": "agent_id"},
    "emotion_hourly": {"call_date": "call_date", "hour": "hour"},
    "emotion_by_label": {"call_date": "call_date", "product": "value"},
}


def test_change_of_a_week_has_the_interval_of_welch():
    calls = add_call_columns(generate_calls(1).assign(customer_emotion_s=30.0))
    day = calls["call_date"].max()
    [row] = [row for row in query_view("trends_daily", calls) if row["call_date"] == day]
    age = np.array([(day - other).days for other in calls["call_date"]])
    now, before = calls["negativity"][age < 7], calls["negativity"][(age >= 7) & (age < 14)]
    interval = ttest_ind(now, before, equal_var=False).confidence_interval(0.95)
    expected = (interval.low, interval.high)
    assert (row["negativity_change_low"], row["negativity_change_high"]) == pytest.approx(expected, rel=1e-3)
