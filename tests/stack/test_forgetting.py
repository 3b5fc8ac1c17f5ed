"""The right to be forgotten, in BigQuery and Cloud Storage."""

from functools import partial

from recordings import clip

from callmood.services.erase import find, forget
from callmood.sources import gcs


def test_a_customers_calls_are_hidden_and_their_audio_deleted(stack):
    mine = [stack.upload(f"mine {i}.wav", clip(), **{"customer-id": "k-9"}) for i in range(2)]
    theirs = stack.upload("theirs.wav", clip(), **{"customer-id": "k-10"})
    for call in (*mine, theirs):
        stack.until("SELECT 1 FROM recordings_current WHERE recording_id = @id", call)

    found = find(stack.warehouse, customer_id="k-9")
    assert {each.ref for each in found} == set(mine)
    forgotten = list(forget(stack.warehouse, found, partial(gcs.delete, stack.bucket.client)))
    assert all(each.deleted for each in forgotten)

    left = stack.rows("SELECT object FROM recordings_current WHERE customer_id IN ('k-9', 'k-10')")
    assert left == [{"object": theirs.name}]
    assert [stack.bucket.blob(call.name).exists() for call in (*mine, theirs)] == [False, False, True]

    again = find(stack.warehouse, customer_id="k-9")
    assert all(each.hidden for each in again)
    assert not any(each.deleted for each in forget(stack.warehouse, again, partial(gcs.delete, stack.bucket.client)))
