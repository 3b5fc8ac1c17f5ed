"""A few days of calls, small enough to compute every metric by hand. The time zone is Berlin (UTC+1 in November)."""

from call_rows import call, classified, erasure, failure, merge, unclassified


def labels(**values):
    return [{"key": key, "value": value} for key, value in values.items()]


# The worked example of docs/metrics.md. Thirds end at 40 and 80 s, quarters at 30, 60, and 90 s.
ESCALATES = call(
    "escalates",
    duration_s=120,
    at="2026-11-02T09:00:00+00:00",
    customer_id="c1",
    labels=labels(product="tv", campaign="winter"),
    customer=[
        classified(2, 8, anger=0.1),
        classified(20, 26, sadness=0.2),
        classified(50, 58, anger=0.2, disgust=0.1),
        classified(85, 93, anger=0.7, sadness=0.1),
        classified(100, 104, "uncertain", anger=0.3, fear=0.2),
    ],
    agent=[
        unclassified(8.5, 16.5),
        unclassified(16.5, 19.5),  # continues the previous one
        unclassified(27, 35),
        unclassified(60, 66),
        unclassified(90, 95),  # interrupts: the customer has spoken for 5 s and continues for 3 s
        unclassified(101, 101.6),  # "mhm"
    ],
)

RECOVERS = call(
    "recovers",
    duration_s=90,
    at="2026-11-02T09:10:00+00:00",
    labels=labels(product="tv"),
    customer=[classified(0, 8, anger=0.6), classified(40, 46, fear=0.3), classified(70, 78, happiness=0.9, anger=0.05)],
    agent=[unclassified(10, 18), unclassified(50, 58), unclassified(80, 84)],
)

CALM = call(
    "calm",
    at="2026-11-02T09:20:00+00:00",
    labels=labels(product="phone"),
    customer=[classified(5, 10, happiness=0.8), classified(50, 56)],
    agent=[unclassified(12, 20)],
)

# Negativity 0.05 at both ends; 12 of the middle's 36 s are angry: (12 * 0.5 + 24 * 0.05) / 36 = 0.2.
ANGRY_MIDDLE = call(
    "angry_middle",
    duration_s=180,
    at="2026-11-02T09:30:00+00:00",
    customer=[
        classified(0, 8, anger=0.05),
        *(
            classified(start, start + 6, "anger", anger=0.5)
            | {"loudness_db": 6.0, "pitch_semitones": 1.5, "rate_ratio": 1.1}
            for start in (60, 70)
        ),
        *(classified(start, start + 8, sadness=0.05) for start in (80, 90, 100)),
        classified(150, 158, fear=0.05),
    ],
    agent=[unclassified(20, 28)],
)

BRIEF = call("brief", at="2026-11-02T09:40:00+00:00", customer=[classified(1, 2, anger=0.9)], agent=[])

AGENT_ONLY = call("agent_only", at="2026-11-02T09:50:00+00:00", customer=[], agent=[unclassified(0, 8)])

NO_SPEECH = call("no_speech", at="2026-11-02T10:00:00+00:00", agent_id="a2", queue="sales", customer=[], agent=[])

MONO = call(
    "mono",
    at="2026-11-02T10:10:00+00:00",
    call_id=None,
    agent_id=None,
    queue=None,
    uploaded_at="2026-11-02T10:10:00+00:00",
    started_at_source="upload",
    mixed=[classified(0, 6, anger=0.5), classified(10, 14)],
)

# With a customer channel, a mixed channel and an unknown speaker do not represent the customer.
CONFERENCE = call(
    "conference",
    population_version="8d21f0c4a9be",
    at="2026-11-02T10:20:00+00:00",
    agent_id="a2",
    queue="sales",
    labels=labels(product="tv"),
    customer=[classified(0, 4, happiness=0.9)],
    mixed=[classified(20, 28, anger=0.9)],
    unknown=[classified(40, 44, anger=0.6) | {"speaker": 1, "role_confidence": 0.55}],
)

# The customer starts during the agent's segments twice; only the first is an interruption, the second is at its end.
INTERRUPTS = call(
    "interrupts",
    crosstalk_s=1.5,
    at="2026-11-02T10:30:00+00:00",
    agent_id="a2",
    queue="sales",
    agent=[unclassified(0, 8), unclassified(20, 28), unclassified(40, 41)],
    customer=[classified(5, 7), classified(27.8, 30), classified(40.2, 42), classified(50, 50.8)],
)

# Emotion of the agent, which the deployer can enable: (4 * 0.2 + 4 * 0.4) / 8 = 0.3.
OPTED_IN = call(
    "opted_in",
    at="2026-11-02T10:40:00+00:00",
    agent_id="a2",
    queue="sales",
    agent=[classified(0, 4, anger=0.2), classified(10, 14, sadness=0.4)],
    customer=[classified(5, 9)],
)

FIFTH = call(
    "fifth",
    at="2026-11-02T10:50:00+00:00",
    agent_id="a2",
    queue="sales",
    customer=[classified(0, 6)],
    agent=[unclassified(10, 15)],
)

# Half past midnight in Berlin: the first hour of the next day.
AT_NIGHT = call(
    "at_night",
    at="2026-11-02T23:30:00+00:00",
    call_date="2026-11-03",
    agent_id="a3",
    customer=[classified(0, 6, anger=0.4)],
)

TWICE = merge(
    call("twice", model="1", at="2026-11-04T09:00:00+00:00", customer=[classified(0, 6, anger=0.9)], agent=[]),
    call(
        "twice",
        model="2",
        at="2026-11-04T09:00:00+00:00",
        analyzed_at="2026-11-09T00:00:00+00:00",
        customer=[classified(0, 6, anger=0.1)],
        agent=[],
    ),
)

# Version "p" is published, "o" was published earlier. "v" is staged, but is the only version of the newer call.
REANALYZED = merge(
    *(
        call(
            "reanalyzed",
            model=model,
            at="2026-11-05T07:00:00+00:00",
            agent_id="a8",
            queue="reanalysis",
            analyzed_at=f"2026-11-{day:02d}T00:00:00+00:00",
            customer=[classified(0, 6, anger=anger), classified(10, 14, "uncertain", anger=anger / 2)],
            agent=[classified(20, 28, anger=1.0)],
        )
        for model, day, anger in (("o", 5, 0.2), ("p", 6, 0.4), ("v", 20, 0.9))
    ),
    call(
        "new",
        model="v",
        at="2026-11-05T08:00:00+00:00",
        agent_id="a8",
        queue="reanalysis",
        analyzed_at="2026-11-06T01:00:00+00:00",  # the same lag as the other call
        mixed=[classified(0, 5, sadness=0.6)],
    ),
)


def release(version, state, day):
    """Return a row of `releases`."""
    changed_at = f"2026-11-{day:02d}T12:00:00+00:00"
    return {
        "releases": [
            {"release_id": f"{version}{state}{day}", "model_version": version, "state": state, "changed_at": changed_at}
        ]
    }


RELEASES = merge(release("o", "published", 3), release("p", "published", 4), release("v", "staged", 19))

# The newer generation counts, although the older one was analyzed later.
OVERWRITTEN = merge(
    call("overwritten", generation=2, at="2026-11-04T10:00:00+00:00", customer=[classified(0, 5)], agent=[]),
    call(
        "overwritten",
        generation=1,
        at="2026-11-04T10:00:00+00:00",
        analyzed_at="2026-11-09T00:00:00+00:00",
        customer=[classified(0, 5, anger=0.9)],
        agent=[],
    ),
)

COPY = call("copy", at="2026-11-02T09:20:00+00:00", call_id=None, customer=[classified(5, 10)], agent=[]) | {}
COPY["recordings"][0]["content_sha256"] = CALM["recordings"][0]["content_sha256"]

ERASED = merge(
    call("erased", at="2026-11-04T11:00:00+00:00", customer=[classified(0, 5, anger=0.9)], agent=[]),
    erasure("erased"),
    failure("erased"),
)

# A deleted generation also hides the generation before it.
DELETED = merge(
    call("deleted", generation=1, at="2026-11-04T12:00:00+00:00", customer=[classified(0, 5)], agent=[]),
    call("deleted", generation=2, at="2026-11-04T12:00:00+00:00", customer=[classified(0, 5)], agent=[]),
    erasure("deleted", "object_deleted", generation=2),
)

SLOW = call(
    "slow",
    at="2026-11-04T12:30:00+00:00",
    analyzed_at="2026-11-04T12:41:00+00:00",
    agent_id="a2",
    customer=[classified(0, 6)],
    agent=[],
)

UNCOMMITTED = {
    "segments": call("uncommitted", at="2026-11-04T13:00:00+00:00", customer=[classified(0, 5)], agent=[])["segments"]
}

FAILURES = merge(
    failure("broken"),
    failure("broken"),
    failure("at_midnight", "too_long", at="2026-11-02T23:30:00+00:00"),
    failure("twice", "undeliverable"),  # analyzed later
    failure("replaced", generation=1),
    failure("replaced", "damaged", generation=2, at="2026-11-02T13:00:00+00:00"),
)


def _trend_day(day, calls, negativity):
    """Return this number of calls, each with 10 s of the customer's speech."""
    return [
        call(
            f"trend-{day}-{number}",
            at=f"2026-{day}T12:00:{number:02d}+00:00",
            agent_id="a9",
            queue="trend",
            customer=[classified(0, 5, anger=negativity), classified(10, 15, anger=negativity)],
            agent=[],
        )
        for number in range(calls)
    ]


# October 20 is 13 days before November 2: the first day of the earlier week.
TREND = merge(
    *_trend_day("10-19", 14, 0.9),
    *_trend_day("10-20", 1, 0.1),
    *_trend_day("10-26", 4, 0.3),
    *_trend_day("10-27", 2, 0.5),
)


def _september_day(day, calls, negativity, queue):
    """Return this number of calls, each with 8 s of the customer's speech, from 9:00 in Berlin (UTC+2)."""
    return [
        call(
            f"{queue}-{day}-{number}",
            at=f"2026-{day}T07:{number:02d}:00+00:00",
            agent_id="a7",
            queue=queue,
            language="de-DE",
            customer=[classified(0, 8, anger=negativity + number / 100)],
            agent=[],
        )
        for number in range(calls)
    ]


# Deliveries are negative on Mondays, and calls of the queue `trend` became more negative in October.
SEPTEMBER = merge(
    *(one for day in ("09-14", "09-21", "09-28", "10-05") for one in _september_day(day, 6, 0.512, "deliveries")),
    *(one for day in ("09-15", "09-22", "09-29") for one in _september_day(day, 8, 0.112, "deliveries")),
    *_september_day("09-16", 16, 0.0, "trend"),
)

OUTCOMES = {
    "outcomes": [
        {"call_id": call_id, "outcome": outcome, "value": float(value), "known_at": f"2026-11-{day:02d}T00:00:00+00:00"}
        for call_id, outcome, value, day in [
            *(("escalates", "sale", value, day) for value, day in ((1, 3), (0, 5))),  # corrected
            ("recovers", "sale", 1, 3),
            ("calm", "sale", 1, 3),
            ("angry_middle", "sale", 0, 3),
            ("brief", "sale", 0, 3),
            ("agent_only", "sale", 1, 3),  # the customer was not classified
            ("unknown", "sale", 1, 3),
            *(("trend-10-26-" + number, "csat", value, 3) for number, value in (("0", 2), ("1", 4), ("2", 3))),
        ]
    ]
}


def annotation(call, number, emotion, at="2026-11-05T09:00:00+00:00", **values):
    """Return an annotation of a segment of a call."""
    segment = call["segments"][number]
    location = {name: segment[name] for name in ("recording_id", "call_date", "channel", "start_s", "end_s")}
    annotation_id = f"{segment['segment_id'][:16]}{at[8:10]}"
    row = {"annotation_id": annotation_id, **location, "emotion": emotion, "sampling": "random", "annotated_at": at}
    return row | values


ANNOTATIONS = {
    "annotations": [
        annotation(ESCALATES, 0, "anger", annotated_by="ada"),
        annotation(ESCALATES, 0, "neutral", at="2026-11-06T09:00:00+00:00", annotated_by="ada"),  # a correction
        annotation(RECOVERS, 0, "sadness"),
        annotation(CALM, 0, "surprise", sampling="uncertain"),
        annotation(ERASED, 0, "anger"),
    ]
}


REVIEWS = {
    "reviews": [
        {
            "review_id": f"review{day}",
            "recording_id": reviewed["recordings"][0]["recording_id"],
            "call_date": reviewed["recordings"][0]["call_date"],
            "verdict": verdict,
            "note": "Refund promised.",
            "reviewed_by": "ada",
            "reviewed_at": f"2026-11-{day:02d}T09:00:00+00:00",
        }
        for day, reviewed, verdict in (
            (5, ESCALATES, "reviewed"),
            (6, ESCALATES, "agree"),
            (7, AT_NIGHT, "not_worth_it"),
        )
    ]
}


def check(metric, test, at="2026-11-03T04:30:00+00:00", day="2026-11-02", **values):
    """Return a check of the calls of a day."""
    return {
        "check_id": f"{day} {metric} {values.get('queue')}",
        "call_date": day,
        "model_version": "1",
        "metric": metric,
        "test": test,
        "is_drift": False,
        "calls": 20,
        "segments": 90,
        "software_version": "0.1.0",
        "checked_at": at,
        **values,
    }


DRIFT_CHECKS = {
    "drift_checks": [
        check("noise_db", "ks", statistic=0.2, threshold=0.4, reference="abc"),
        check("noise_db", "ks", at="2026-11-04T04:30:00+00:00", statistic=0.3, threshold=0.4, reference="abc"),
        check("noise_db", "ks", statistic=0.6, threshold=0.5, reference="abc", is_drift=True, queue="billing"),
        check("noise_db", "ks", day="2026-11-03", statistic=0.1, threshold=0.4, reference="abc"),
        check("accuracy", "wilson", statistic=0.7, low=0.6, high=0.8),
    ]
}

DAY = merge(
    ESCALATES,
    ESCALATES,  # repeated event
    RECOVERS,
    CALM,
    ANGRY_MIDDLE,
    BRIEF,
    AGENT_ONLY,
    NO_SPEECH,
    MONO,
    CONFERENCE,
    INTERRUPTS,
    OPTED_IN,
    FIFTH,
    AT_NIGHT,
    TWICE,
    REANALYZED,
    RELEASES,
    OVERWRITTEN,
    COPY,
    ERASED,
    DELETED,
    SLOW,
    UNCOMMITTED,
    FAILURES,
    TREND,
    SEPTEMBER,
    OUTCOMES,
    ANNOTATIONS,
    DRIFT_CHECKS,
    REVIEWS,
)
