"""From the bucket to SQL, through the real client libraries and everything between."""


def test_an_uploaded_call_can_be_asked_for_by_sql(stack, data_root):
    audio = (data_root / "calls/auto_repairs_40_stereo_ulaw.wav").read_bytes()
    call = stack.upload("2026/11/repairs.wav", audio)
    [recording] = stack.until("SELECT * FROM recordings_current WHERE recording_id = @id", call)
    segments = stack.rows("SELECT * FROM segments_current WHERE recording_id = @id ORDER BY segment_index", call)
    assert len(segments) == recording["segment_count"] > 20
