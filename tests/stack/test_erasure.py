"""Erasure in BigQuery and Cloud Storage."""

from functools import partial

from recordings import clip

from callmood.services.erase import erase_recordings, find_recordings
from callmood.sources import gcs


def test_erased_customer_is_hidden_and_their_audio_deleted(stack):
    mine = [stack.upload(f"mine {i}.wav", clip(), **{"customer-id": "k-9"}) for i in range(2)]
    theirs = stack.upload("theirs.wav", clip(), **{"customer-id": "k-10"})
    for call in (*mine, theirs):
        stack.until("SELECT 1 FROM recordings_current WHERE recording_id = @id", call)

    found = find_recordings(stack.warehouse, customer_id="k-9")
    assert {each.ref for each in found} == set(mine)
    results = list(erase_recordings(stack.warehouse, found, partial(gcs.delete, stack.bucket.client)))
    assert all(each.audio_deleted for each in results)

    left = stack.rows("SELECT object FROM recordings_current WHERE customer_id IN ('k-9', 'k-10')")
    assert left == [{"object": theirs.name}]
    assert [stack.bucket.blob(call.name).exists() for call in (*mine, theirs)] == [False, False, True]

    again = find_recordings(stack.warehouse, customer_id="k-9")
    assert all(each.already_erased for each in again)
    results = erase_recordings(stack.warehouse, again, partial(gcs.delete, stack.bucket.client))
    assert not any(each.audio_deleted for each in results)
