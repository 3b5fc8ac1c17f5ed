"""Bodies of Pub/Sub push requests."""

ATTRIBUTES = {
    "bucketId": "calls",
    "objectId": "2026/11/Straße 7 #3.wav",
    "objectGeneration": "1795412673994045",
    "eventType": "OBJECT_FINALIZE",
    "eventTime": "2026-11-23T05:44:34Z",
    "payloadFormat": "JSON_API_V1",
    "notificationConfig": "projects/_/buckets/calls/notificationConfigs/1",
}


def push(attributes, **message):
    """Return the body of a request with a Cloud Storage notification."""
    return {
        "message": {"attributes": attributes, "messageId": "12", "publishTime": "2026-11-23T05:44:34Z", **message},
        "subscription": "projects/demo/subscriptions/analyze",
    }
