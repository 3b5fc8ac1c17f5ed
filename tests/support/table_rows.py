"""Complete and valid rows for tests; keywords replace values."""


def commit_row(**changes):
    return {
        "analysis_id": "a" * 32,
        "recording_id": "r" * 32,
        "call_date": "2026-11-02",
        "uri": "gs://calls/a.wav",
        "bucket": "calls",
        "object": "a.wav",
        "generation": 1,
        "content_sha256": "0" * 64,
        "size_bytes": 1000,
        "uploaded_at": "2026-11-02T10:00:00+00:00",
        "started_at": "2026-11-02T09:14:00+00:00",
        "started_at_source": "name",
        "labels": [],
        "legs": [],
        "container": "wav",
        "codec": "mulaw",
        "sample_rate": 8000,
        "channels": 2,
        "channel_roles": ["agent", "customer"],
        "duration_s": 60.0,
        "agent_talk_s": 10.0,
        "customer_talk_s": 20.0,
        "silence_s": 30.0,
        "overlap_s": 0.0,
        "segment_count": 2,
        "warnings": [],
        "model_version": "1",
        "software_version": "0.1.0",
        "analyzed_at": "2026-11-02T10:01:00+00:00",
        "processing_s": 0.5,
        **changes,
    }


def segment_row(index, **changes):
    start_s = 5.0 * index
    return {
        "segment_id": f"{index:032d}",
        "analysis_id": "a" * 32,
        "recording_id": "r" * 32,
        "call_date": "2026-11-02",
        "channel": 1,
        "role": "customer",
        "segment_index": index,
        "start_s": start_s,
        "end_s": start_s + 3.0,
        "started_at": f"2026-11-02T09:14:{start_s:09.6f}+00:00",
        "ended_at": f"2026-11-02T09:14:{start_s + 3:09.6f}+00:00",
        "emotion": "neutral",
        "confidence": 0.75,
        **{f"p_{e}": 0.05 for e in ("anger", "disgust", "fear", "happiness", "sadness")},
        "p_neutral": 0.75,
        "level_dbfs": -20.0,
        "noise_dbfs": -50.0,
        **{f"embedding_proj_{i}": i / 10 for i in range(1, 9)},
        "model_version": "1",
        "analyzed_at": "2026-11-02T10:01:00+00:00",
        **changes,
    }
