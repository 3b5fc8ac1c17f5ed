"""Resources of the default deployment and of the hardened one, after an apply."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path

import pytest

from callmood.settings import APPLICATIONS, AnalyzeSettings, RealtimeSettings

LIBRARIES = {"GOOGLE_CLOUD_PROJECT", "DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA"}
ROOT = Path(__file__).parents[2]
VIEWS = {path.stem: path.read_text() for path in (ROOT / "schemas" / "views").glob("*.sql")}
TABLES = {path.stem: json.loads(path.read_text()) for path in (ROOT / "schemas" / "tables").glob("*.json")}


def of(applied, kind):
    """Return the values of all resources of a type."""
    found = [resource["values"] for resource in applied if resource["type"] == kind]
    assert found, f"the deployment must contain {kind}"
    return found


def hardened(applied):
    return any(resource["type"] == "google_kms_crypto_key" for resource in applied)


def test_nothing_is_public(applied):
    assert not re.search(r"allUsers|allAuthenticatedUsers", json.dumps(applied))


def test_accounts_have_no_keys(applied):
    assert not any(resource["type"] == "google_service_account_key" for resource in applied)


def test_every_bucket_is_private(applied):
    for bucket in of(applied, "google_storage_bucket"):
        assert bucket["public_access_prevention"] == "enforced", bucket["name"]
        assert bucket["uniform_bucket_level_access"] is True, bucket["name"]


def test_bucket_publishes_created_and_deleted_objects(applied):
    (notification,) = of(applied, "google_storage_notification")
    assert set(notification["event_types"]) == {"OBJECT_FINALIZE", "OBJECT_DELETE"}
    assert notification["topic"].endswith("-recordings")


def test_every_function_has_one_invoker_with_its_own_account(applied):
    invokers = defaultdict(set)
    for grant in of(applied, "google_cloud_run_v2_service_iam_member"):
        assert grant["role"] == "roles/run.invoker"
        if not grant["name"].endswith("-realtime"):  # the option realtime.callers lists its invokers
            invokers[grant["member"]].add(grant["name"])
    pushes = [found["push_config"][0] for found in of(applied, "google_pubsub_subscription") if found["push_config"]]
    schedules = [found["http_target"][0] for found in of(applied, "google_cloud_scheduler_job")]
    calls = [(push["push_endpoint"], push["oidc_token"]) for push in pushes]
    calls += [(target["uri"], target["oidc_token"]) for target in schedules if target["oidc_token"]]
    functions = [found["name"] for found in of(applied, "google_cloudfunctions2_function")]
    assert len(calls) == len(functions)
    for url, (token,) in calls:
        assert token["audience"] == url
        (function,) = invokers.pop(f"serviceAccount:{token['service_account_email']}")
        assert function in url
    assert not invokers, "an account may invoke a function without a subscription"


def test_every_subscribed_topic_has_a_dead_letter_topic_or_is_one(applied):
    by_topic = defaultdict(list)
    for subscription in of(applied, "google_pubsub_subscription"):
        by_topic[subscription["topic"]].append(subscription)
    topics = {topic["id"]: topic for topic in of(applied, "google_pubsub_topic")}
    with_policy = [found for found in of(applied, "google_pubsub_subscription") if found["dead_letter_policy"]]
    dead_letters = {found["dead_letter_policy"][0]["dead_letter_topic"] for found in with_policy}
    assert set(by_topic) <= set(topics)
    assert dead_letters
    for topic, subscriptions in by_topic.items():
        if topic in dead_letters:
            assert any(not found["push_config"] for found in subscriptions), "a subscription must retain dead letters"
        else:
            assert all(found["dead_letter_policy"] for found in subscriptions), topic
    # To move a message, Pub/Sub publishes the dead letter and acknowledges the original message.
    granted = {
        (grant["role"], grant.get("topic") or grant.get("subscription"))
        for kind in ("topic", "subscription")
        for grant in of(applied, f"google_pubsub_{kind}_iam_member")
    }
    assert {("roles/pubsub.publisher", topics[topic]["name"]) for topic in dead_letters} <= granted
    assert {("roles/pubsub.subscriber", found["name"]) for found in with_policy} <= granted


def test_subscriptions_do_not_expire_and_wait_longer_than_an_analysis(applied):
    for subscription in of(applied, "google_pubsub_subscription"):
        assert subscription["expiration_policy"] == [{"ttl": ""}], subscription["name"]
    analyze = next(found for found in of(applied, "google_pubsub_subscription") if found["name"].endswith("-analyze"))
    function = next(
        found for found in of(applied, "google_cloudfunctions2_function") if found["name"].endswith("-analyze")
    )
    assert analyze["ack_deadline_seconds"] == 600 > function["service_config"][0]["timeout_seconds"]
    assert analyze["dead_letter_policy"][0]["max_delivery_attempts"] == 20
    assert analyze["retry_policy"] == [{"minimum_backoff": "30s", "maximum_backoff": "600s"}]


def test_functions_have_internal_ingress_and_their_own_accounts(applied):
    functions = of(applied, "google_cloudfunctions2_function")
    deployed = {"analyze", "erase", "monitor", "dead_letter"} | ({"alert"} if hardened(applied) else set())
    assert {found["build_config"][0]["entry_point"] for found in functions} == deployed
    for function in functions:
        (service,), (build,) = function["service_config"], function["build_config"]
        assert function["name"].endswith("-" + build["entry_point"].replace("_", "-"))
        assert service["ingress_settings"] == "ALLOW_INTERNAL_ONLY"
        assert service["service_account_email"].startswith(function["name"] + "@")
        assert build["runtime"] == "python311"
        assert build["environment_variables"]["GOOGLE_FUNCTION_SOURCE"] == "functions/main.py"
        assert (ROOT / build["environment_variables"]["GOOGLE_FUNCTION_SOURCE"]).parent.is_dir()
        assert not function["event_trigger"]


def test_monitor_publishes_the_digest_if_its_weekday_is_set(applied):
    [monitor] = [f for f in of(applied, "google_cloudfunctions2_function") if f["name"].endswith("-monitor")]
    environment = monitor["service_config"][0]["environment_variables"]
    publishers = [
        grant["member"]
        for grant in of(applied, "google_pubsub_topic_iam_member")
        if grant["topic"].endswith("-results") and "-monitor@" in grant["member"]
    ]
    assert environment.get("DIGEST_WEEKDAY") == ("7" if hardened(applied) else None)
    assert len(publishers) == (1 if hardened(applied) else 0)


def test_functions_read_their_settings_from_the_environment(applied, monkeypatch):
    environment = of(applied, "google_cloudfunctions2_function")[0]["service_config"][0]["environment_variables"]
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = AnalyzeSettings()
    assert settings.dataset == "acme-calls-1.callmood"
    assert (
        settings.results_topic
        == f"projects/acme-calls-1/topics/{'callmood-prod' if hardened(applied) else 'callmood'}-results"
    )
    if hardened(applied):
        assert settings.time_zone == "Europe/Berlin"
        assert settings.channel_roles == ("customer", "agent")
    assert not settings.analyze_agent_emotion
    assert settings.max_size_bytes == (4 if hardened(applied) else 2) * 2**30 // 3
    assert (
        set(environment) <= {name.upper() for kind in APPLICATIONS.values() for name in kind.model_fields} | LIBRARIES
    )


def test_every_analysis_setting_is_an_option():
    variables = (ROOT / "variables.tf").read_text().partition('variable "settings"')[2].partition("  default ")[0]
    # These settings select resources or configure views, not the analysis.
    others = {"dataset", "min_calls_per_group", "results_topic", "alert_url", "alert_secret"}
    others |= {"reports_dataset", "metrics_prefix", "retrain_topic", "digest_weekday"}
    assert "ALERT_URL" in (ROOT / "infra" / "functions" / "main.tf").read_text()
    assert (
        set(re.findall(r"^    (\w+) +=", variables, re.M))
        == {
            name
            for function in ("analyze", "erase", "alert", "monitor")
            for name in APPLICATIONS[function].model_fields
        }
        - others
    )


def test_tables_match_their_schemas(applied):
    tables = {found["table_id"]: found for found in of(applied, "google_bigquery_table") if not found["view"]}
    assert set(tables) == set(TABLES)
    for name, table in tables.items():
        schema = TABLES[name]
        assert json.loads(table["schema"]) == schema["fields"]
        assert all(field["description"] for field in schema["fields"])
        assert table["description"] == schema["description"]
        assert table["clustering"] == schema["clustering"]
        (partitioning,) = table["time_partitioning"]
        assert (partitioning["field"], partitioning["type"]) == (
            schema["partitioning"]["field"],
            schema["partitioning"]["type"],
        )
        assert table["deletion_protection"] is True
        expires = hardened(applied) and name != "releases"  # the history of models in production stays
        assert (partitioning["expiration_ms"] or None) == (730 * 86_400_000 if expires else None)


def test_views_exist_in_both_datasets_and_read_existing_tables(applied):
    views = {
        (found["dataset_id"], found["table_id"]): found
        for found in of(applied, "google_bigquery_table")
        if found["view"]
    }
    assert set(views) == {(dataset, name) for dataset in ("callmood", "callmood_reports") for name in VIEWS}
    for (dataset, name), view in views.items():
        query = view["view"][0]["query"]
        assert "${" not in query
        assert view["description"], f"{name}.sql must start with a comment that describes the view"
        for dataset_id, read in re.findall(r"acme-calls-1\.(\w+)\.(\w+)", query):
            assert (dataset_id == "callmood" and read in TABLES) or (dataset_id == dataset and read in VIEWS), (
                f"{name}: {dataset_id}.{read}"
            )


def test_views_are_created_after_their_dependencies(applied):
    layer = {}
    for resource in applied:
        if found := re.search(r'views\["callmood"\]\.module\.layer_(\d)\.\S+\["(\w+)"\]', resource["address"]):
            layer[found[2]] = int(found[1])
    for name, sql in VIEWS.items():
        for read in set(re.findall(r"\$\{dataset\}\.(\w+)", sql)) & set(VIEWS):
            assert layer[read] < layer[name], f"{name} reads {read}"


def test_report_readers_have_access_to_views_only(applied):
    datasets = {found["dataset_id"]: found for found in of(applied, "google_bigquery_dataset")}
    people = {
        key: [
            entry for entry in found["access"] if entry["user_by_email"] or entry["group_by_email"] or entry["domain"]
        ]
        for key, found in datasets.items()
    }
    # The function monitor reads views, too.
    accounts = [one["user_by_email"] for entries in people.values() for one in entries if one["user_by_email"]]
    name = "callmood-prod" if hardened(applied) else "callmood"
    assert accounts == [f"{name}-monitor@acme-calls-1.iam.gserviceaccount.com"]
    people = {key: [one for one in entries if not one["user_by_email"]] for key, entries in people.items()}
    (authorized,) = [entry["dataset"][0] for entry in datasets["callmood"]["access"] if entry["dataset"]]
    assert authorized["target_types"] == ["VIEWS"]
    assert authorized["dataset"][0]["dataset_id"] == "callmood_reports"
    if hardened(applied):
        assert {entry["group_by_email"] for entry in people["callmood"]} == {"callmood-operators@bank.example"}
        assert {entry["group_by_email"] for entry in people["callmood_reports"]} == {
            "customer-experience@bank.example",
            "billing-leads@bank.example",
            "complaints-leads@bank.example",
        }
    else:
        assert not any(people.values())


def test_unusable_model_raises_an_alert(applied):
    (policy,) = [p for p in of(applied, "google_monitoring_alert_policy") if "a model is unusable" in p["display_name"]]
    (condition,) = policy["conditions"][0]["condition_matched_log"]
    # The fields that callmood/models/resolver.py logs.
    assert "severity = ERROR AND jsonPayload.model_fault : *" in condition["filter"]
    assert condition["label_extractors"]["used"] == "EXTRACT(jsonPayload.model_version)"
    assert policy["alert_strategy"][0]["notification_rate_limit"], "a log-based condition requires a rate limit"


def test_results_topic_has_the_schema(applied):
    (schema,) = of(applied, "google_pubsub_schema")
    assert json.loads(schema["definition"]) == json.loads((ROOT / "schemas" / "topics" / "results.avsc").read_text())
    (topic,) = [found for found in of(applied, "google_pubsub_topic") if found["name"].endswith("-results")]
    assert topic["schema_settings"][0]["encoding"] == "JSON"


def test_alert_function_reads_its_secrets_only(applied):
    if not hardened(applied):
        pytest.skip("the default deployment does not have a webhook")
    (function,) = [f for f in of(applied, "google_cloudfunctions2_function") if f["name"].endswith("-alert")]
    secrets = {found["key"]: found["secret"] for found in function["service_config"][0]["secret_environment_variables"]}
    assert secrets == {"ALERT_URL": "callmood-alert-url", "ALERT_SECRET": "callmood-alert-signature"}
    member = f"serviceAccount:{function['service_config'][0]['service_account_email']}"
    kinds = {found["type"] for found in applied if found["values"].get("member") == member}
    assert kinds - {"google_service_account"} == {"google_secret_manager_secret_iam_member"}
    (subscription,) = [s for s in of(applied, "google_pubsub_subscription") if s["name"].endswith("-alert")]
    assert subscription["filter"] == 'attributes.needs_attention = "true"'
    assert subscription["ack_deadline_seconds"] >= 120 > function["service_config"][0]["timeout_seconds"]


def test_realtime_service_accepts_its_callers_only(applied):
    if not hardened(applied):
        assert not any(resource["address"].startswith("module.realtime") for resource in applied)
        return
    (service,) = of(applied, "google_cloud_run_v2_service")
    assert service["invoker_iam_disabled"] is False
    grants = of(applied, "google_cloud_run_v2_service_iam_member")
    (grant,) = [one for one in grants if one["name"] == service["name"] == "callmood-prod-realtime"]
    assert grant["member"].startswith("serviceAccount:telephony@")
    (template,) = service["template"]
    (container,) = template["containers"]
    environment = {env["name"]: env for env in container["env"]}
    assert environment["SESSION_KEY"]["value_source"][0]["secret_key_ref"][0]["secret"] == "callmood-session-key"
    assert {name for name in environment if name not in LIBRARIES} <= {
        name.upper() for name in RealtimeSettings.model_fields
    }
    assert template["timeout"] == "3600s"
    assert template["max_instance_request_concurrency"] == int(environment["MAX_STREAMS"]["value"])
    assert RealtimeSettings.model_fields["max_stream_s"].default < 3600
