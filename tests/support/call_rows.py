"""Rows of calls for tests of views, from the segments of each channel."""

import hashlib
from datetime import datetime, timedelta
from itertools import pairwise

from table_rows import commit_row, segment_row

EMOTIONS = ("anger", "disgust", "fear", "happiness", "neutral", "sadness")
CHANNELS = {"agent": 0, "customer": 1, "mixed": 0, "unknown": 0}


def classified(start_s, end_s, label=None, **probabilities):
    """Return a segment with an emotion. The probability that remains is that of neutral."""
    probabilities = {**dict.fromkeys(EMOTIONS, 0.0), **probabilities}
    probabilities["neutral"] += 1 - sum(probabilities.values())
    predicted = max(EMOTIONS, key=probabilities.get)
    return {
        "start_s": float(start_s),
        "end_s": float(end_s),
        "emotion": label or predicted,
        "confidence": probabilities[predicted],
        **{f"p_{emotion}": probabilities[emotion] for emotion in EMOTIONS},
    }


def unclassified(start_s, end_s):
    """Return a segment without an emotion."""
    return {"start_s": float(start_s), "end_s": float(end_s)} | dict.fromkeys(
        ("emotion", "confidence", *(f"p_{emotion}" for emotion in EMOTIONS))
    )


def _id(*parts):
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def _covered(spans, times):
    """Return for 1 and 2 the seconds, up to the last time, that at least so many of the spans cover."""
    covered = dict.fromkeys((1, 2), 0.0)
    edges = sorted({0.0, *times, *(edge for span in spans for edge in span)})
    for left, right in pairwise(edges):
        speaking = sum(start <= left and right <= end for start, end in spans)
        for number in covered:
            covered[number] += (right - left) * (speaking >= number)
    return covered


def call(name, *, duration_s=60.0, at="2026-11-02T09:00:00+00:00", model="1", generation=1, **given):
    """Return the rows of the analysis of one call.

    `agent`, `customer`, `mixed`, and `unknown` list the segments of each role. Other keywords are columns
    of `recordings`.
    """
    speech = {role: given.pop(role) for role in CHANNELS if role in given}
    started_at = datetime.fromisoformat(at)
    recording_id = _id(name, generation)
    shared = {
        "analysis_id": _id(name, generation, model),
        "recording_id": recording_id,
        "call_date": given.pop("call_date", started_at.date().isoformat()),
        "call_id": given.pop("call_id", name),
        "queue": given.pop("queue", "billing"),
        "agent_id": given.pop("agent_id", "a1"),
        "model_version": model,
        "population_version": given.pop("population_version", None),
        "analyzed_at": given.pop("analyzed_at", (started_at + timedelta(minutes=10)).isoformat()),
    }
    lines = sorted(
        ((segment, role) for role, segments in speech.items() for segment in segments),
        key=lambda line: (line[0]["start_s"], CHANNELS[line[1]]),
    )
    segments = [
        segment_row(
            index,
            **shared,
            **segment,
            segment_id=_id(shared["analysis_id"], index),
            role=role,
            channel=CHANNELS[role],
            started_at=(started_at + timedelta(seconds=segment["start_s"])).isoformat(),
            ended_at=(started_at + timedelta(seconds=segment["end_s"])).isoformat(),
        )
        for index, (segment, role) in enumerate(lines)
    ]
    spans = [(segment["start_s"], segment["end_s"]) for segment, _ in lines]
    covered = _covered(spans, (duration_s,))
    talk = {f"{role}_talk_s": None for role in CHANNELS} | {
        f"{role}_talk_s": sum(s["end_s"] - s["start_s"] for s in segments) for role, segments in speech.items()
    }
    commit = commit_row(
        **shared,
        **talk,
        **{
            "uri": f"gs://calls/{name}.wav",
            "object": f"{name}.wav",
            "generation": generation,
            "content_sha256": _id(name, generation, "bytes") * 2,
            "started_at": started_at.isoformat(),
            "uploaded_at": (started_at + timedelta(minutes=9)).isoformat(),
            "channels": len(speech),
            "channel_roles": list(speech),
            "duration_s": float(duration_s),
            "silence_s": duration_s - covered[1],
            "overlap_s": covered[2],
            "segment_count": len(segments),
            "warnings": [] if segments else ["no_speech"],
        }
        | given,
    )
    return {"segments": segments, "recordings": [commit]}


def erasure(name, reason="request", generation=1):
    return {
        "erasures": [
            {
                "erasure_id": _id(name, generation, reason),
                "recording_id": _id(name, generation),
                "reason": reason,
                "object_sha256": hashlib.sha256(f"gs://calls/{name}.wav".encode()).hexdigest(),
                "generation": generation,
                "content_sha256": _id(name, generation, "bytes") * 2,
                "call_id_sha256": hashlib.sha256(name.encode()).hexdigest(),
                "customer_id_sha256": hashlib.sha256(b"k-1").hexdigest(),
                "erased_at": "2026-11-09T00:00:00+00:00",
            }
        ]
    }


def details(call_id, at="2026-11-09T00:00:00+00:00", **values):
    return {
        "call_details": [
            {"detail_id": _id(call_id, at), "call_id": call_id, "labels": [], "loaded_at": at} | values,
        ]
    }


def failure(name, code="not_audio", at="2026-11-02T12:00:00+00:00", generation=1, **values):
    return {
        "failures": [
            {
                "failure_id": _id(name, generation, code),
                "recording_id": _id(name, generation),
                "uri": f"gs://calls/{name}.wav",
                "bucket": "calls",
                "object": f"{name}.wav",
                "generation": generation,
                "code": code,
                "message": "The file is not audio.",
                "software_version": "0.1.0",
                "failed_at": at,
            }
            | values
        ]
    }


def merge(*parts):
    """Return the rows of several calls, by table."""
    rows = {}
    for part in parts:
        for table, more in part.items():
            rows.setdefault(table, []).extend(more)
    return rows
