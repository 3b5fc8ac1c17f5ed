"""Policies that a plan must comply with, so that Google Cloud accepts it and runs it as described."""

from __future__ import annotations

import json
import re
from collections import defaultdict

import pytest
import yaml
from infra.provider.install import used
from workspaces import ROOT, Existing, Resource, of_type

# Service agents that encrypt and decrypt the data of a resource, by the attribute that sets its key. For functions:
# https://cloud.google.com/functions/docs/securing/cmek
AGENTS = {
    ("google_storage_bucket", "encryption.default_kms_key_name"): {"gs-project-accounts"},
    ("google_pubsub_topic", "kms_key_name"): {"gcp-sa-pubsub"},
    ("google_bigquery_dataset", "default_encryption_configuration.kms_key_name"): {"bigquery-encryption"},
    ("google_bigquery_table", "encryption_configuration.kms_key_name"): {"bigquery-encryption"},
    ("google_artifact_registry_repository", "kms_key_name"): {"gcp-sa-artifactregistry"},
    ("google_cloudfunctions2_function", "kms_key_name"): {
        "gcf-admin-robot",
        "serverless-robot-prod",
        "gcp-sa-artifactregistry",
        "gcp-sa-eventarc",
        "gs-project-accounts",
    },
    ("google_cloud_run_v2_service", "template.encryption_key"): {"serverless-robot-prod"},
    ("google_cloud_run_v2_job", "template.template.encryption_key"): {"serverless-robot-prod"},
}
READS_ROWS = {"roles/bigquery.dataViewer", "row_eraser"}


def value_at(resource: Resource, path: str):
    """Return the first value at a path of nested blocks, or None."""
    found = resource["values"]
    for name in path.split("."):
        found = found[0] if isinstance(found, list) and found else found
        found = found.get(name) if isinstance(found, dict) else None
    return found


def is_hardened(existing: Existing) -> bool:
    return bool(of_type(existing.resources, "google_kms_crypto_key"))


def test_second_plan_changes_nothing(existing):
    assert existing.changes() == {}


def test_grants_of_the_key_precede_encrypted_resources(existing):
    if not is_hardened(existing):
        pytest.skip("the default deployment has Google-managed keys")
    grants = defaultdict(set)
    for grant in of_type(existing.resources, "google_kms_crypto_key_iam_member"):
        assert grant["values"]["role"] == "roles/cloudkms.cryptoKeyEncrypterDecrypter"
        grants[re.search(r"@([\w-]+)", grant["values"]["member"])[1]].add(grant["address"])
    encrypted = 0
    for (kind, path), agents in AGENTS.items():
        for found in of_type(existing.resources, kind):
            if value_at(found, path) is None:
                assert found["values"].get("view"), f"{found['address']} has no key"
                continue
            encrypted += 1
            assert agents <= grants.keys(), f"{found['address']}: {agents - grants.keys()} must have a grant"
            needed = {address for agent in agents for address in grants[agent]}
            assert needed <= existing.graph[found["address"]], f"{found['address']} does not wait for its grants"
    assert encrypted > 40


def test_service_agents_exist_before_their_grants(existing):
    created = {
        found["values"]["service"].partition(".")[0]: found["address"]
        for found in of_type(existing.resources, "google_project_service_identity")
    }
    makers = {
        "gcp-sa-pubsub": created["pubsub"],
        "gcf-admin-robot": created["cloudfunctions"],
        "serverless-robot-prod": created["run"],
        "gcp-sa-artifactregistry": created["artifactregistry"],
        "gcp-sa-eventarc": created["eventarc"],
        "gs-project-accounts": "module.project.data.google_storage_project_service_account.storage",
        "bigquery-encryption": "module.project.data.google_bigquery_default_service_account.bigquery",
    }
    grants = [one for one in existing.resources if one["type"].endswith("_iam_member")]
    of_agents = [one for one in grants if re.search(r"@(gcp-sa|gcf|server|gs-pro|bigquery-e)", one["values"]["member"])]
    assert len(of_agents) >= 7
    for grant in of_agents:
        maker = makers[re.search(r"@([\w-]+)", grant["values"]["member"])[1]]
        assert any(maker in address for address in existing.graph[grant["address"]]), grant["address"]


def test_accounts_exist_before_their_grants(existing):
    accounts = {
        found["values"]["email"]: found["address"] for found in of_type(existing.resources, "google_service_account")
    }
    assert len(accounts) >= 10
    grants = [one for one in existing.resources if one["type"].endswith("_iam_member")]
    checked = 0
    for grant in grants:
        address = accounts.get(grant["values"]["member"].partition(":")[2])
        if address:
            checked += 1
            assert address in existing.graph[grant["address"]], grant["address"]
    assert checked > 20


def test_secrets_can_be_read_before_their_use(existing):
    """Cloud Run does not start a revision whose account cannot read a secret."""
    kind = "google_secret_manager_secret_iam_member"
    grants = {
        (found["values"]["secret_id"], found["values"]["member"].partition(":")[2]): found["address"]
        for found in of_type(existing.resources, kind)
    }
    uses = [
        (found["address"], (secret["secret"], config["service_account_email"]))
        for found in of_type(existing.resources, "google_cloudfunctions2_function")
        for config in found["values"]["service_config"]
        for secret in config["secret_environment_variables"]
    ] + [
        (found["address"], (reference["secret"], template["service_account"]))
        for found in of_type(existing.resources, "google_cloud_run_v2_service")
        for template in found["values"]["template"]
        for variable in template["containers"][0]["env"]
        for source in variable["value_source"]
        for reference in source["secret_key_ref"]
    ]
    assert {use for _, use in uses} == grants.keys()
    assert len(uses) >= 2 * is_hardened(existing)
    for address, use in uses:
        assert grants[use] in existing.graph[address], address


def test_every_reader_of_a_table_with_queues_is_in_its_row_access_policy(existing):
    policies = of_type(existing.resources, "google_bigquery_row_access_policy")
    if not is_hardened(existing):
        assert not policies
        return
    grantees = defaultdict(set)
    for policy in policies:
        grantees[policy["values"]["table_id"]] |= set(policy["values"]["grantees"])
    tables = of_type(existing.resources, "google_bigquery_table")
    with_queue = {
        one["values"]["table_id"]
        for one in tables
        if not one["values"]["view"] and "queue" in {field["name"] for field in json.loads(one["values"]["schema"])}
    }
    assert grantees.keys() == with_queue
    readers = defaultdict(set)
    for grant in of_type(existing.resources, "google_bigquery_table_iam_member"):
        role = grant["values"]["role"]
        if role in READS_ROWS or role.endswith("row_eraser"):
            readers[grant["values"]["table_id"]].add(grant["values"]["member"])
    people = set()
    for dataset in of_type(existing.resources, "google_bigquery_dataset"):
        for entry in dataset["values"]["access"]:
            user, group = entry["user_by_email"], entry["group_by_email"]
            if user or group:
                kind = "group" if group else "serviceAccount" if user.endswith("gserviceaccount.com") else "user"
                people.add(f"{kind}:{group or user}")
    for table in with_queue:
        assert readers[table] | people <= grantees[table], table
    assert any("comparer" in member for member in readers["recordings"])


def test_row_access_policies_of_all_queues_come_first(existing):
    policies = of_type(existing.resources, "google_bigquery_row_access_policy")
    for policy in policies:
        if ".queue[" in policy["address"]:
            first = f'module.warehouse.google_bigquery_row_access_policy.all["{policy["values"]["table_id"]}"]'
            assert first in existing.graph[policy["address"]]


def test_monitor_reads_the_report_dataset(existing):
    """A grant on a view is lost when the view is replaced."""
    (reports,) = [
        one["values"]
        for one in of_type(existing.resources, "google_bigquery_dataset")
        if one["values"]["dataset_id"] == "callmood_reports"
    ]
    accounts = [entry["user_by_email"] for entry in reports["access"] if entry["user_by_email"]]
    assert [
        account.partition("@")[0].removeprefix("callmood-prod-").removeprefix("callmood-") for account in accounts
    ] == ["monitor"]
    views = {
        one["values"]["table_id"]
        for one in of_type(existing.resources, "google_bigquery_table")
        if one["values"]["view"]
    }
    granted = {one["values"]["table_id"] for one in of_type(existing.resources, "google_bigquery_table_iam_member")}
    assert not views & granted


def test_images_are_pinned_by_digest(existing):
    images = [
        container["image"]
        for kind, path in (
            ("google_cloud_run_v2_service", "template.containers"),
            ("google_cloud_run_v2_job", "template.template.containers"),
        )
        for found in of_type(existing.resources, kind)
        for container in value_at(found, path)
    ]
    assert len(images) == (15 if is_hardened(existing) else 0)
    assert all(re.search(r"@sha256:[0-9a-f]{64}$", image) for image in images)


def test_every_subscription_has_a_dead_letter_topic_with_an_alert(existing):
    subscriptions = of_type(existing.resources, "google_pubsub_subscription")
    topics = {value_at(one, "dead_letter_policy.dead_letter_topic") for one in subscriptions} - {None}
    (policy,) = [
        one["values"]
        for one in of_type(existing.resources, "google_monitoring_alert_policy")
        if one["values"]["display_name"].endswith("events are undeliverable")
    ]
    (condition,) = policy["conditions"][0]["condition_threshold"]
    assert "subscription/dead_letter_message_count" in condition["filter"]
    watched = set(re.search(r'full_match\("(.*?)"\)', condition["filter"])[1].split("|"))
    with_topic = {one["values"]["name"] for one in subscriptions if value_at(one, "dead_letter_policy")}
    assert with_topic == watched
    for one in subscriptions:
        assert one["values"]["name"] in with_topic or one["values"]["topic"] in topics, one["address"]
    assert len(topics) == (2 if is_hardened(existing) else 1)


def test_delivery_is_retried_for_longer_than_a_schema_change(existing):
    """BigQuery rejects a new column for some minutes after an upgrade."""
    for one in of_type(existing.resources, "google_pubsub_subscription"):
        if value_at(one, "dead_letter_policy"):
            attempts = value_at(one, "dead_letter_policy.max_delivery_attempts")
            first = int(value_at(one, "retry_policy.minimum_backoff").removesuffix("s"))
            last = int(value_at(one, "retry_policy.maximum_backoff").removesuffix("s"))
            assert (attempts, first) == (20, 30)
            assert sum(min(first * 2**attempt, last) for attempt in range(attempts - 1)) > 2 * 60 * 60


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("the nightly erasure failed", "bigquery_dts_config"),
        ("the daily drift check failed", "cloud_scheduler_job"),
    ],
)
def test_failure_of_a_scheduled_task_raises_an_alert(existing, name, source):
    (policy,) = [
        one["values"]
        for one in of_type(existing.resources, "google_monitoring_alert_policy")
        if one["values"]["display_name"].endswith(name)
    ]
    condition = policy["conditions"][0]["condition_matched_log"][0]
    assert f'resource.type = "{source}"' in condition["filter"]
    assert "severity >= ERROR" in condition["filter"]
    assert policy["alert_strategy"][0]["notification_rate_limit"], "a log-based condition requires a rate limit"
    (erasure,) = of_type(existing.resources, "google_bigquery_data_transfer_config")
    assert not erasure["values"]["email_preferences"], "the mail goes to a service account"


def test_no_alert_requires_a_metric_that_may_not_exist_yet(existing):
    """Cloud Monitoring returns 404 for a threshold on a metric whose descriptor is some minutes old."""
    for policy in of_type(existing.resources, "google_monitoring_alert_policy"):
        for condition in policy["values"]["conditions"]:
            for threshold in condition["condition_threshold"] + condition["condition_absent"]:
                assert not re.search(r'metric.type = "(custom|logging)\.googleapis\.com', threshold["filter"])
            for query in condition["condition_prometheus_query_language"]:
                assert query["disable_metric_validation"] is True
                metrics = {
                    re.sub(r"\W", "_", one["values"]["type"].removeprefix("custom.googleapis.com/"))
                    for one in of_type(existing.resources, "google_monitoring_metric_descriptor")
                }
                named = set(re.findall(r"(\w+_googleapis_com):(\w+)\{", query["query"]))
                assert named <= {("custom_googleapis_com", name) for name in metrics} | {
                    ("run_googleapis_com", "request_count")
                }


def test_missing_drift_check_raises_an_alert(existing):
    """Also if the function was never called. A new deployment is silent until its first check is overdue."""
    (policy,) = [
        one["values"]
        for one in of_type(existing.resources, "google_monitoring_alert_policy")
        if one["values"]["display_name"].endswith("the daily drift check does not start")
    ]
    (condition,) = [one["condition_prometheus_query_language"][0] for one in policy["conditions"]]
    jobs = of_type(existing.resources, "google_cloud_scheduler_job")
    (job,) = [one for one in jobs if one["values"]["name"].endswith("-monitor")]
    service = job["values"]["name"]  # the function has the name of the job
    assert re.match(rf'absent_over_time\(run_\w+:request_count\{{[^}}]*"{service}"\}}\[26h\]\)', condition["query"])
    assert re.search(r'and on\(\) count\(count_over_time\(.*-analyze"\}\[7d\] offset 26h\)\)$', condition["query"])
    assert job["values"]["schedule"].endswith(" * * *"), "daily"


def test_every_alert_links_to_an_entry_of_the_runbook(existing):
    page = (ROOT / "docs" / "million-calls.md").read_text()
    entries = {re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") for title in re.findall(r"^### (.+)$", page, re.M)}
    policies = of_type(existing.resources, "google_monitoring_alert_policy")
    links = {one["address"]: one["values"]["documentation"][0]["content"] for one in policies}
    for address, content in links.items():
        assert re.search(r"docs/million-calls\.md#([\w-]+)$", content)[1] in entries, address
    # Those of scheduled queries that are options.
    queries = re.findall(r'\{ name = "([^"]+)", content', (ROOT / "infra/observability/main.tf").read_text())
    assert {name.replace(" ", "-") for name in queries} <= entries
    assert len(queries) == 3
    assert len(entries) >= len({content.rpartition("#")[2] for content in links.values()}) > 5


def test_ingress_is_as_documented(existing):
    documented = (ROOT / "docs" / "deploy.md").read_text()
    for function in of_type(existing.resources, "google_cloudfunctions2_function"):
        assert value_at(function, "service_config.ingress_settings") == "ALLOW_INTERNAL_ONLY"
    services = of_type(existing.resources, "google_cloud_run_v2_service")
    for service in services:
        assert service["values"]["ingress"] == "INGRESS_TRAFFIC_INTERNAL_ONLY"
    assert len(services) == is_hardened(existing)
    assert '`run.allowedIngress` (internal; `realtime` needs `ingress = "internal"`)' in re.sub(r"\s+", " ", documented)


def test_keys_and_data_are_in_one_location(existing):
    places = {
        one["values"]["location"]
        for kind in (
            "google_storage_bucket",
            "google_bigquery_dataset",
            "google_kms_key_ring",
            "google_artifact_registry_repository",
        )
        for one in of_type(existing.resources, kind)
    }
    assert len(places) == 1


def test_functions_change_after_tables_and_views(existing):
    tables = {one["address"] for one in of_type(existing.resources, "google_bigquery_table")}
    for function in of_type(existing.resources, "google_cloudfunctions2_function"):
        assert tables <= existing.graph[function["address"]], "a function must wait for all tables and views"
    views = {address for address in tables if ".views" in address.rpartition(".module.")[2] or "layer_" in address}
    for address in views:
        assert tables - views <= existing.graph[address]


def test_results_retention_keeps_the_history_of_models(existing):
    tables = {
        one["values"]["table_id"]: value_at(one, "time_partitioning.expiration_ms") or None
        for one in of_type(existing.resources, "google_bigquery_table")
        if not one["values"]["view"]
    }
    assert tables.pop("releases") is None
    assert set(tables.values()) == ({730 * 86_400_000} if is_hardened(existing) else {None})
    for dataset in of_type(existing.resources, "google_bigquery_dataset"):
        assert not dataset["values"]["default_partition_expiration_ms"], "it would apply to every table"


def test_audit_logs_of_the_project_are_replaced_on_request_only(existing):
    configs = of_type(existing.resources, "google_project_iam_audit_config")
    assert len(configs) == (3 if is_hardened(existing) else 0)


def test_perimeter_lets_in_builds_and_callers(existing):
    if not is_hardened(existing):
        return
    (perimeter,) = of_type(existing.resources, "google_access_context_manager_service_perimeter")
    (spec,) = perimeter["values"]["spec"]
    accounts = {one["values"]["email"] for one in of_type(existing.resources, "google_service_account")}
    allowed = defaultdict(set)
    for rule in spec["ingress_policies"]:
        for operation in rule["ingress_to"][0]["operations"]:
            allowed[operation["service_name"]] |= set(rule["ingress_from"][0]["identities"])
    for builder in ("builder", "image-builder"):
        member = f"serviceAccount:callmood-prod-{builder}@acme-calls-1.iam.gserviceaccount.com"
        assert member.removeprefix("serviceAccount:") in accounts
        for service in ("cloudbuild", "artifactregistry", "storage", "logging"):
            assert member in allowed[f"{service}.googleapis.com"]
    assert "serviceAccount:telephony@bank-net.iam.gserviceaccount.com" in allowed["run.googleapis.com"]
    services = {
        f"{one}.googleapis.com" for one in ("secretmanager", "cloudbuild", "artifactregistry", "eventarc", "workflows")
    }
    assert services | {"bigquerydatatransfer.googleapis.com", "aiplatform.googleapis.com"} <= set(
        spec["restricted_services"]
    )


# The permissions that Terraform needs for a resource type, without the verbs. None: a role outside of the project.
PERMISSIONS = {
    "google_access_context_manager_access_level": None,
    "google_access_context_manager_service_perimeter": None,
    "google_artifact_registry_repository": "artifactregistry.repositories",
    "google_bigquery_data_transfer_config": "bigquery.transfers",
    "google_bigquery_dataset": "bigquery.datasets",
    "google_bigquery_row_access_policy": "bigquery.rowAccessPolicies",
    "google_bigquery_table": "bigquery.tables",
    "google_billing_budget": None,
    "google_cloud_run_v2_job": "run.jobs",
    "google_cloud_run_v2_service": "run.services",
    "google_cloud_scheduler_job": "cloudscheduler.jobs",
    "google_cloudbuild_trigger": "cloudbuild.builds",
    "google_cloudfunctions2_function": "cloudfunctions.functions",
    "google_composer_environment": "composer.environments",
    "google_eventarc_trigger": "eventarc.triggers",
    "google_kms_crypto_key": "cloudkms.cryptoKeys",
    "google_kms_key_ring": "cloudkms.keyRings",
    "google_logging_metric": "logging.logMetrics",
    "google_monitoring_alert_policy": "monitoring.alertPolicies",
    "google_monitoring_dashboard": "monitoring.dashboards",
    "google_monitoring_metric_descriptor": "monitoring.metricDescriptors",
    "google_monitoring_notification_channel": "monitoring.notificationChannels",
    "google_project": "resourcemanager.projects",
    "google_project_iam_custom_role": "iam.roles",
    "google_project_service": "serviceusage.services",
    "google_pubsub_schema": "pubsub.schemas",
    "google_pubsub_subscription": "pubsub.subscriptions",
    "google_pubsub_topic": "pubsub.topics",
    "google_secret_manager_secret": "secretmanager.secrets",
    "google_service_account": "iam.serviceAccounts",
    "google_storage_bucket": "storage.buckets",
    "google_storage_bucket_object": "storage.objects",
    "google_storage_notification": "storage.buckets",
    "google_workflows_workflow": "workflows.workflows",
}
# Verbs other than create, get, update, and delete. A key and a key ring cannot be deleted.
VERBS = {
    "google_bigquery_data_transfer_config": {"get", "update"},
    "google_bigquery_row_access_policy": {"create", "delete", "list", "update"},
    "google_cloudbuild_trigger": {"create", "get", "update"},
    "google_kms_crypto_key": {"create", "get", "update"},
    "google_kms_key_ring": {"create", "get"},
    "google_monitoring_metric_descriptor": {"create", "delete", "get"},
    "google_project": {"get"},
    "google_project_service": {"enable", "get", "list", "use"},
    "google_pubsub_schema": {"create", "delete", "get", "commit"},
    "google_secret_manager_secret": {"get"},
}
READ_BY_DATA_SOURCES = {"resourcemanager.projects.get", "bigquery.jobs.create"}


def test_deployer_role_permits_every_resource():
    role = yaml.safe_load((ROOT / "infra" / "deployer-role.yaml").read_text())
    assert set(role) == {"title", "description", "stage", "includedPermissions"}
    permitted = set(role["includedPermissions"])
    assert len(permitted) == len(role["includedPermissions"])
    needed = set(READ_BY_DATA_SOURCES)
    for kind in used():
        if kind.startswith("google_") and not kind.endswith(("_service_account", "_service_identity")):
            owner = re.sub(r"_iam_(member|audit_config)$", "", kind)
            prefix = PERMISSIONS[owner]
            if owner != kind:
                needed |= {f"{prefix}.getIamPolicy", f"{prefix}.setIamPolicy"}
            elif prefix:
                needed |= {f"{prefix}.{verb}" for verb in VERBS.get(kind, {"create", "delete", "get", "update"})}
    assert needed <= permitted, needed - permitted


def test_default_deployment_warns_that_nobody_is_notified(deployments):
    defaults = deployments("defaults")
    plan = defaults.workspace.run(
        "plan", "-input=false", "-no-color", "-refresh=false", *defaults.workspace.options(**defaults.variables)
    )
    assert "alert_emails is empty: nobody is notified" in re.sub(r"[\s│]+", " ", plan)
