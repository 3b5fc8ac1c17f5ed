"""The message of a call, from the function through the Pub/Sub emulator with the topic's schema to a webhook."""

import json
import time

import grpc
import pytest
import standardwebhooks
from alerts import ANGRY_PRIOR, SECRET
from google.api_core.exceptions import InvalidArgument
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1.services.schema_service import SchemaServiceClient
from google.pubsub_v1.services.schema_service.transports import SchemaServiceGrpcTransport
from google.pubsub_v1.types import DeadLetterPolicy, Encoding, PushConfig, RetryPolicy, Schema, SchemaSettings
from recordings import clip, example
from scripted_http import scripted_http
from stack.services import PROJECT, ROOT, function

from callmood.services.publish import call_message

QUICK = RetryPolicy(minimum_backoff=Duration(seconds=1), maximum_backoff=Duration(seconds=1))


class Results:
    """The results topic with its schema, as deployed, and its subscribers."""

    def __init__(self, stack):
        self._stack = stack
        channel = grpc.insecure_channel(stack.environment["PUBSUB_EMULATOR_HOST"])
        schemas = SchemaServiceClient(transport=SchemaServiceGrpcTransport(channel=channel))
        definition = (ROOT / "schemas/topics/results.avsc").read_text()
        schema = Schema(type_=Schema.Type.AVRO, definition=definition)
        self._schema = schemas.create_schema(parent=f"projects/{PROJECT}", schema=schema, schema_id="results").name

    def make_topic(self, name):
        path = self._stack.publisher.topic_path(PROJECT, name)
        checked = SchemaSettings(schema=self._schema, encoding=Encoding.JSON)
        self._stack.publisher.create_topic(request={"name": path, "schema_settings": checked})
        return path

    def subscribe(self, name, topic, **how):
        path = self._stack.subscriber.subscription_path(PROJECT, name)
        self._stack.subscriber.create_subscription(request={"name": path, "topic": topic, **how})
        return path

    def pull(self, subscription, within_s=60):
        """The next message."""
        deadline = time.monotonic() + within_s
        while True:
            pulled = self._stack.subscriber.pull(subscription=subscription, max_messages=1, timeout=within_s)
            for received in pulled.received_messages:
                self._stack.subscriber.acknowledge(subscription=subscription, ack_ids=[received.ack_id])
                return received.message
            assert time.monotonic() < deadline, f"no message after {within_s} s; logs:\n{self._stack.log_tails()}"


@pytest.fixture(scope="module")
def results(stack):
    return Results(stack)


@pytest.fixture(scope="module")
def receiver():
    with scripted_http() as script:
        yield script


@pytest.fixture(autouse=True)
def fresh(receiver):
    receiver.requests.clear()
    receiver.answer = lambda _: (200, {})


@pytest.fixture(scope="module")
def published(stack, results, receiver, tmp_path_factory):
    """Publish calls while this fixture lasts; give the subscriptions to messages and to dead letters."""
    logs = tmp_path_factory.mktemp("results")
    topic = results.make_topic("results")
    dead_letters = stack.publisher.topic_path(PROJECT, "results-dead-letters")
    stack.publisher.create_topic(name=dead_letters)
    analyzing = stack.environment | {"RESULTS_TOPIC": topic, "PRIOR": ANGRY_PRIOR}
    alerting = {"ALERT_URL": f"{receiver.url}/hook", "ALERT_SECRET": SECRET}
    with (
        function("analyze", logs, **analyzing) as analyze,
        function("alert", logs, **alerting) as alert,
        stack.pushing_to(analyze),
    ):
        results.subscribe(
            "alert",
            topic,
            push_config=PushConfig(push_endpoint=alert),
            retry_policy=QUICK,
            filter='attributes.needs_attention = "true"',
            dead_letter_policy=DeadLetterPolicy(dead_letter_topic=dead_letters, max_delivery_attempts=5),
        )
        yield results.subscribe("all", topic), results.subscribe("alert-dead-letters", dead_letters)


def until(what, within_s=60):
    deadline = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_message_equals_the_view_and_the_alert_is_signed(stack, results, published, receiver):
    path = example(1001)
    call = stack.upload(path.name, path.read_bytes(), language="de")
    message = results.pull(published[0])
    body = json.loads(message.data)
    [recording] = stack.rows("SELECT * FROM recordings WHERE recording_id = @id", call)
    by_the_view = call_message(stack.warehouse, recording | {"call_date": recording["call_date"].isoformat()})
    assert body == {
        name: pytest.approx(value) if isinstance(value, float) else value for name, value in by_the_view.items()
    }
    assert {"needs_attention", "attention_reason", "peak_emotion", "queue", "analysis_id"} <= set(message.attributes)
    assert {name: message.attributes[name] for name in ("needs_attention", "queue", "peak_emotion", "language")} == {
        "needs_attention": "true",
        "queue": "billing",
        "peak_emotion": "anger",
        "language": "de",
    }
    until(lambda: receiver.requests)
    [request] = receiver.requests
    assert (request.path, request.body) == ("/hook", message.data)
    assert request.headers["webhook-id"] == body["analysis_id"]
    standardwebhooks.Webhook(SECRET).verify(request.body, dict(request.headers))


def test_alert_reaches_a_receiver_after_two_failures(stack, results, published, receiver):
    answers = iter([(500, {}), (503, {}), (200, {})])
    receiver.answer = lambda _: next(answers)
    stack.upload("fails-twice.wav", example(1002).read_bytes())
    message = results.pull(published[0])
    until(lambda: len(receiver.requests) == 3)
    assert {request.headers["webhook-id"] for request in receiver.requests} == {message.attributes["analysis_id"]}


def test_rejected_alert_becomes_a_dead_letter(stack, results, published, receiver):
    receiver.answer = lambda _: (410, {})
    stack.upload("never-taken.wav", example(1003).read_bytes())
    message = results.pull(published[0])
    dead = results.pull(published[1])
    assert dead.data == message.data
    assert dead.attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"
    assert len(receiver.requests) == 5


def test_topic_rejects_messages_without_the_schema(stack, results):
    topic = results.make_topic("strict")
    with pytest.raises(InvalidArgument):
        stack.publisher.publish(topic, b'{"queue": 7}').result(timeout=10)


def test_message_is_published_later_after_a_failure(stack, results, tmp_path):
    late = stack.publisher.topic_path(PROJECT, "late")
    with (
        function("analyze", tmp_path, **stack.environment | {"RESULTS_TOPIC": late}) as url,
        stack.pushing_to(url),
    ):
        call = stack.upload("unpublished.wav", clip())
        until(lambda: f"publishing to {late} failed" in (tmp_path / "analyze.log").read_text())
        assert stack.rows("SELECT 1 FROM recordings_current WHERE recording_id = @id", call)
        results.make_topic("late")
        message = results.pull(results.subscribe("late", late))
    assert json.loads(message.data)["recording_id"] == call.recording_id
    assert len(stack.rows("SELECT 1 FROM recordings_current WHERE recording_id = @id", call)) == 1
