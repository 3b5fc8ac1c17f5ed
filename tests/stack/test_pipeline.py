"""From the bucket to SQL, through the real client libraries and everything between."""

import io
import time

import soundfile
from recordings import clip, example
from stack.services import ROOT, function

from callmood.config import AnalysisConfig
from callmood.emotion.model import load_model
from callmood.models.resolver import StaticModelProvider
from callmood.services.batch import analyze_file

CURRENT = "SELECT * FROM recordings_current WHERE recording_id = @id"
FAILED = "SELECT * FROM failures WHERE recording_id = @id"
ERASED = "SELECT reason FROM erasures_current WHERE recording_id = @id"


def test_uploaded_call_can_be_queried(stack):
    path = example(1001)
    call = stack.upload(path.name, path.read_bytes())
    [recording] = stack.until(CURRENT, call)
    assert (recording["call_id"], recording["queue"], recording["channels"]) == ("1001", "billing", 2)
    assert (recording["uri"], recording["generation"]) == (f"gs://{call.bucket}/{path.name}", call.generation)
    segments = stack.rows("SELECT * FROM segments_current WHERE recording_id = @id ORDER BY segment_index", call)
    assert len(segments) == recording["segment_count"] > 5
    assert {segment["role"] for segment in segments} == {"agent", "customer"}
    assert all((segment["emotion"] is None) == (segment["role"] == "agent") for segment in segments)


def test_cloud_and_laptop_give_the_same_segments(stack):
    path = example(1002)
    here = analyze_file(path, StaticModelProvider(load_model()), AnalysisConfig())
    call = stack.upload("the-same.wav", path.read_bytes())
    stack.until(CURRENT, call)
    there = stack.rows("SELECT * FROM segments_current WHERE recording_id = @id ORDER BY segment_index", call)
    said = ("channel", "role", "start_s", "end_s", "level_dbfs", "emotion", "confidence", "p_anger", "p_neutral")
    assert [[row[name] for name in said] for row in there] == [[row[name] for name in said] for row in here.segments]


def test_real_call_is_analyzed(stack, data_root):
    call = stack.upload("repairs.wav", (data_root / "calls/auto_repairs_40_stereo_ulaw.wav").read_bytes())
    [recording] = stack.until(CURRENT, call)
    assert recording["segment_count"] > 30
    assert recording["customer_talk_s"] > 60
    assert recording["agent_talk_s"] > 60


def test_object_metadata_becomes_columns_and_labels(stack):
    metadata = {
        "call-id": "c-77",
        "agent-id": "a-3",
        "queue": "sales",
        "customer-id": "k-5",
        "started-at": "2026-10-31T23:30:00+02:00",
        "direction": "outbound",
        "language": "de-AT",
        "channel-roles": "customer,agent",
        "label-product": "Fernseher",
        "label-campaign": "autumn",
    }
    call = stack.upload("metadata.wav", clip(), **metadata)
    [recording] = stack.until(CURRENT, call)
    named = {name: recording[name] for name in ("call_id", "agent_id", "queue", "customer_id", "direction", "language")}
    assert named == {
        "call_id": "c-77",
        "agent_id": "a-3",
        "queue": "sales",
        "customer_id": "k-5",
        "direction": "outbound",
        "language": "de-AT",
    }
    assert recording["started_at"].isoformat() == "2026-10-31T21:30:00+00:00"
    assert recording["call_date"].isoformat() == "2026-10-31"
    assert recording["channel_roles"] == ["customer", "agent"]
    assert recording["labels"] == [
        {"key": "campaign", "value": "autumn"},
        {"key": "product", "value": "Fernseher"},
    ]


def test_any_object_name_is_accepted(stack):
    names = ["Frau Müller #7 (50%).wav", "通話/録音 1.wav", "📞+&?=.wav", " spaces ", "two\nlines.wav", "a//b.wav"]
    calls = [stack.upload(name, clip()) for name in names]
    for name, call in zip(names, calls, strict=True):
        [recording] = stack.until(CURRENT, call)
        assert recording["object"] == name


def test_repeated_event_gives_each_segment_once(stack):
    call = stack.upload("thrice.wav", clip())
    stack.notify(call)
    stack.notify(call)
    stack.until("SELECT 1 FROM recordings WHERE recording_id = @id", call, enough=lambda rows: len(rows) == 3)
    [recording] = stack.rows(CURRENT, call)
    segments = stack.rows("SELECT segment_id FROM segments_current WHERE recording_id = @id", call)
    assert len(segments) == len({segment["segment_id"] for segment in segments}) == recording["segment_count"] > 0


def test_overwritten_recording_is_replaced_by_the_new_one(stack):
    before = stack.upload("overwritten.wav", clip())
    stack.until(CURRENT, before)
    after = stack.upload("overwritten.wav", example(1004).read_bytes())
    stack.until(CURRENT, after)
    stack.until(ERASED, before)
    assert stack.rows(CURRENT, before) == []
    stack.until_logged("erase", before, "Erased")
    assert stack.rows(ERASED, before) == [{"reason": "replaced"}]
    assert stack.rows(ERASED, after) == []


def test_overwritten_recording_disappears_although_the_newer_one_is_bad_or_deleted(stack):
    bad, deleted = (stack.upload(f"overwritten-{kind}.wav", clip()) for kind in ("bad", "deleted"))
    for call in (bad, deleted):
        stack.until(CURRENT, call)
    newer = stack.upload(bad.name, b"This is a letter.\n" * 100)
    stack.upload(deleted.name, clip())
    stack.bucket.blob(deleted.name).delete()
    for call in (bad, deleted):
        stack.until(CURRENT, call, enough=lambda rows: not rows)
    stack.until(FAILED, newer)
    stack.bucket.blob(bad.name).delete()
    stack.until(ERASED, newer)
    assert stack.rows(CURRENT, bad) == []
    assert stack.rows("SELECT 1 FROM failures_current WHERE recording_id = @id", newer) == []


def test_results_of_a_deleted_recording_disappear(stack):
    call = stack.upload("deleted.wav", clip())
    stack.until(CURRENT, call)
    stack.bucket.blob(call.name).delete()
    stack.until(ERASED, call)
    assert stack.rows(CURRENT, call) == []
    assert stack.rows("SELECT 1 FROM segments_current WHERE recording_id = @id", call) == []


def test_invalid_file_fails_once_without_retry(stack):
    call = stack.upload("poison.wav", b"This is a letter.\n" * 100)
    [failure] = stack.until(FAILED, call)
    assert failure["code"] == "not_audio"
    time.sleep(3)  # longer than the backoff
    assert len(stack.rows(FAILED, call)) == 1
    assert len(stack.logged("analyze", call)) == 1


def test_sidecar_files_are_ignored(stack):
    sidecars = [stack.upload(name, clip()) for name in ("call.wav.json", "_incoming/call.wav")]
    sidecars.append(stack.upload("2026/", b""))
    for ref in sidecars:
        stack.until_logged("analyze", ref, "a sidecar file")
        assert stack.rows(FAILED, ref) == stack.rows("SELECT 1 FROM recordings WHERE recording_id = @id", ref) == []


def test_killed_function_leaves_nothing_visible_and_the_next_delivery_completes(stack, tmp_path):
    kill = tmp_path / "kill-before-commit"
    kill.touch()
    here = {"PYTHONPATH": str(ROOT / "functions"), "KILL_BEFORE_COMMIT": str(kill)}
    source = ROOT / "tests/stack/killed_function.py"
    with function("analyze", tmp_path, source, **stack.environment | here) as url, stack.pushing_to(url):
        call = stack.upload("killed.wav", clip())
        stack.until("SELECT 1 FROM segments WHERE recording_id = @id", call)
        assert stack.rows("SELECT 1 FROM segments_current WHERE recording_id = @id", call) == []
        assert stack.rows(CURRENT, call) == []
        kill.unlink()
        [recording] = stack.until(CURRENT, call)
    segments = stack.rows("SELECT * FROM segments_current WHERE recording_id = @id", call)
    assert len(segments) == recording["segment_count"] > 0
    assert len(stack.rows("SELECT 1 FROM segments WHERE recording_id = @id", call)) > len(segments)
    assert stack.rows(FAILED, call) == []


def leg(number):
    """Return one channel of eight seconds of a call."""
    audio, rate = soundfile.read(io.BytesIO(clip()))
    file = io.BytesIO()
    soundfile.write(file, audio[:, number], rate, format="WAV", subtype="ULAW")
    return file.getvalue()


def test_files_of_two_parties_become_one_call_and_a_missing_one_is_not_awaited_forever(stack, tmp_path):
    waiting = stack.environment | {"LEG_WAIT_S": "4"}
    with function("analyze", tmp_path, **waiting) as url, stack.pushing_to(url):
        agent = stack.upload("2026-11-02T09-14-00Z_call-31_leg-agent.wav", leg(0))
        alone = stack.upload("2026-11-02T09-15-00Z_call-32_leg-customer.wav", leg(1))
        customer = stack.upload("2026-11-02T09-14-00Z_call-31_leg-customer.wav", leg(1))
        [call] = stack.until(CURRENT, customer)
        [lone] = stack.until(CURRENT, alone)
    assert call["channel_roles"] == ["agent", "customer"]
    assert [found["generation"] for found in call["legs"]] == [agent.generation, customer.generation]
    assert stack.rows(CURRENT, agent) == stack.rows(FAILED, agent) == []
    assert call["warnings"] == []
    assert (lone["channel_roles"], lone["warnings"]) == (["customer"], ["leg_missing"])


def test_recording_that_always_fails_becomes_a_dead_letter_with_a_failures_row(stack, tmp_path):
    nowhere = stack.environment | {"DATASET": "demo.nowhere"}
    with function("analyze", tmp_path, **nowhere) as url, stack.pushing_to(url):
        call = stack.upload("undeliverable.wav", clip())
        [failure] = stack.until(FAILED, call)
    assert failure["code"] == "undeliverable"
    assert "OBJECT_FINALIZE" in failure["message"]
    assert "5 attempts by subscription analyze" in failure["message"]
    assert (tmp_path / "analyze.log").read_text().count('"severity": "ERROR"') == 5


def test_model_can_be_in_a_bucket(stack, tmp_path):
    for suffix in (".tflite", ".json"):
        stack.bucket.blob(f"_models/mine{suffix}").upload_from_filename(ROOT / f"model/emotion{suffix}")
    mine = stack.environment | {"MODEL_URI": f"gs://{stack.bucket.name}/_models/mine.tflite"}
    with function("analyze", tmp_path, **mine) as url, stack.pushing_to(url):
        call = stack.upload("by-my-model.wav", clip())
        assert stack.until(CURRENT, call)
