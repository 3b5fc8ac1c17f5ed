"""The queries that the charts of docs/looker-studio.md send, as Looker Studio writes them.

`trends_daily` is missing: its chart reads a table with the result of the night before.
"""

_COUNTS = "COUNT(DISTINCT recording_id) AS calls, SUM(negative_s) / SUM(customer_emotion_s) AS negativity"
_SQUARES = """
SUM(negative_s * negative_s) AS nn, SUM(negative_s * customer_emotion_s) AS ne,
SUM(customer_emotion_s * customer_emotion_s) AS ee, SUM(IF(needs_attention, 1, 0)) AS needs_review
"""
_EMOTIONS = ("anger", "disgust", "fear", "sadness", "happiness", "neutral", "uncertain")

# A month, or one call in the days of the page: docs/looker-studio.md asks for the day of the call.
_TILES = {
    "overview: scorecards": f"""
        SELECT {_COUNTS}, SUM(IF(needs_attention, 1, 0)) AS needs_review, SUM(IF(escalated, 1, 0)) AS escalated,
          SUM(IF(recovered, 1, 0)) AS recovered
        FROM calls WHERE $month""",
    "overview: emotions": f"SELECT {', '.join(f'SUM({emotion}_s)' for emotion in _EMOTIONS)} FROM calls WHERE $month",
    "overview: trend of a queue": f"""
        SELECT call_date, {_COUNTS} FROM calls WHERE $month AND queue = 'queue-1' GROUP BY call_date""",
    "overview: weekday by hour": f"SELECT weekday, hour, {_COUNTS} FROM calls WHERE $month GROUP BY weekday, hour",
    "overview: queues": f"SELECT queue, {_COUNTS}, {_SQUARES} FROM calls WHERE $month GROUP BY queue",
    "overview: changes of queues": """
        SELECT value, difference, difference_low, difference_high
        FROM insights WHERE kind = 'change' AND dimension = 'queue' AND weeks = 4""",
    "overview: what changed": "SELECT sentence, insight_rank FROM insights WHERE insight_rank <= 3",
    "overview: calls to review": """
        SELECT started_at, call_id, queue, attention_reason, uri, peak_start_s, negativity
        FROM calls WHERE $month AND needs_attention ORDER BY negativity DESC LIMIT 100""",
    "agents: compared": """
        SELECT agent_id, calls, negativity, expected_negativity, difference, difference_low, difference_high
        FROM agents_compared""",
    "call: negativity": """
        SELECT bin_start_s, AVG(negativity) AS negativity
        FROM call_timeline WHERE $day AND call_id = 'call-1' AND is_customer GROUP BY bin_start_s""",
    "call: talk": """
        SELECT bin_start_s, role, AVG(talk_share) AS talk_share
        FROM call_timeline WHERE $day AND call_id = 'call-1' GROUP BY bin_start_s, role""",
    "call: worst moments": """
        SELECT rank_in_call, uri, start_s, emotion, negativity, negative_s
        FROM worst_moments WHERE $day AND call_id = 'call-1' ORDER BY rank_in_call""",
    "a label": """
        SELECT value, SUM(negative_s) / SUM(customer_emotion_s) AS negativity
        FROM emotion_by_label WHERE $month AND label = 'product' GROUP BY value""",
    "an outcome": """
        SELECT emotion, is_present, SUM(calls) AS calls, SUM(total) / SUM(calls) AS mean
        FROM emotion_by_outcome WHERE $month AND outcome = 'sale' GROUP BY emotion, is_present""",
    "anger by agent": """
        SELECT agent_id, SUM(anger_minutes) AS anger_minutes, MAX(longest_negative_run) AS longest_run
        FROM agents_daily WHERE $month GROUP BY agent_id""",
    "model versions": """
        SELECT model_version, SUM(calls) AS calls, SUM(negativity * customer_emotion_s) / SUM(customer_emotion_s) AS n
        FROM model_versions WHERE $month GROUP BY model_version""",
    "data quality": "SELECT * FROM data_quality WHERE $month",
    "failures": "SELECT * FROM failures_current",
    "model usage": "SELECT * FROM model_usage WHERE $month",
}


def tiles(month, day):
    """Return the queries by name.

    Parameters
    ----------
    month, day : str
        Conditions on `call_date`.
    """
    return {name: sql.replace("$month", month).replace("$day", day) for name, sql in _TILES.items()}
