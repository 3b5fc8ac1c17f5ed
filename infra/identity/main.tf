# One service account for each function, for each push subscription, for builds, and for the nightly erasure. Each account has
# only the permissions that it needs, on the resource that it needs. No account has a key. docs/iam.md lists all grants.

locals {
  functions = merge(
    {
      analyze     = "Analyzes recordings"
      erase       = "Hides the results of deleted recordings"
      dead-letter = "Records undeliverable events"
    },
    var.alert_secrets == null ? {} : { alert = "Posts calls that need attention to a webhook" },
    var.monitor ? { monitor = "Compares the calls of a day with the reference of the model" } : {},
  )
  jobs   = { builder = "Builds the functions", eraser = "Deletes the rows of erased calls" }
  pushes = { for name in keys(local.functions) : "push-${name}" => "Pub/Sub invokes ${name} with this account" if name != "monitor" }
  clocks = var.monitor ? { push-monitor = "Cloud Scheduler invokes monitor with this account" } : {}

  # The tables that a function appends rows to.
  appends = merge(
    {
      analyze     = ["recordings", "segments", "failures", "erasures"] # an overwrite erases the previous recording
      erase       = ["erasures", "failures"]
      dead-letter = ["failures"]
    },
    var.monitor ? { monitor = ["drift_checks"] } : {},
  )
  append_grants = merge([for name, tables in local.appends : { for table in tables : "${name}/${table}" => { name = name, table = table } }]...)

  reference_bucket = one(regexall("^gs://([^/]+)/", coalesce(var.reference_uri, "none"))[*][0])
  model_bucket     = one(regexall("^gs://([^/@]+)[/@]", coalesce(var.model_uri, "none"))[*][0])
}

resource "google_service_account" "accounts" {
  for_each = merge(local.functions, local.jobs, local.pushes, local.clocks)

  project      = var.deployment.project_id
  account_id   = "${var.deployment.name}-${each.key}"
  display_name = "callmood: ${each.key}"
  description  = each.value
}

# roles/bigquery.dataEditor also permits reading, changing, and deleting rows.
resource "google_project_iam_custom_role" "row_appender" {
  project     = var.deployment.project_id
  role_id     = "${replace(var.deployment.name, "-", "_")}_row_appender"
  title       = "callmood: append rows"
  description = "Append rows to a BigQuery table, without read access."
  permissions = ["bigquery.tables.get", "bigquery.tables.updateData"]
}

resource "google_project_iam_custom_role" "row_eraser" {
  project     = var.deployment.project_id
  role_id     = "${replace(var.deployment.name, "-", "_")}_row_eraser"
  title       = "callmood: delete rows"
  description = "Find and delete rows of a BigQuery table, without changing the table."
  permissions = ["bigquery.tables.get", "bigquery.tables.getData", "bigquery.tables.updateData"]
}

# The role includes listing: without it, Cloud Storage returns 403 instead of 404 for a deleted object.
resource "google_storage_bucket_iam_member" "analyze_recordings" {
  bucket = var.ingest.bucket
  role   = "roles/storage.objectViewer"
  member = google_service_account.accounts["analyze"].member
}

resource "google_storage_bucket_iam_member" "analyze_model" {
  for_each = toset(local.model_bucket[*])

  bucket = each.key
  role   = "roles/storage.objectViewer"
  member = google_service_account.accounts["analyze"].member
}

resource "google_storage_bucket_iam_member" "monitor_reference" {
  for_each = var.monitor ? toset(concat(local.model_bucket[*], local.reference_bucket[*])) : []

  bucket = each.key
  role   = "roles/storage.objectViewer"
  member = google_service_account.accounts["monitor"].member
}

# Query jobs and metrics belong to a project, so these roles cannot be granted on a smaller resource.
resource "google_project_iam_member" "monitor" {
  for_each = var.monitor ? toset(["roles/bigquery.jobUser", "roles/monitoring.metricWriter"]) : []

  project = var.deployment.project_id
  role    = each.key
  member  = google_service_account.accounts["monitor"].member
}

resource "google_bigquery_table_iam_member" "appends" {
  for_each = local.append_grants

  project    = var.deployment.project_id
  dataset_id = var.warehouse.dataset_id
  table_id   = var.warehouse.tables[each.value.table]
  role       = google_project_iam_custom_role.row_appender.name
  member     = google_service_account.accounts[each.value.name].member
}

resource "google_bigquery_table_iam_member" "erases" {
  for_each = var.warehouse.erasable_tables

  project    = var.deployment.project_id
  dataset_id = var.warehouse.dataset_id
  table_id   = var.warehouse.tables[each.key]
  role       = google_project_iam_custom_role.row_eraser.name
  member     = google_service_account.accounts["eraser"].member
}

resource "google_bigquery_table_iam_member" "eraser_erasures" {
  project    = var.deployment.project_id
  dataset_id = var.warehouse.dataset_id
  table_id   = var.warehouse.tables["erasures"]
  role       = "roles/bigquery.dataViewer"
  member     = google_service_account.accounts["eraser"].member
}

resource "google_secret_manager_secret_iam_member" "alert_secrets" {
  for_each = toset(compact([try(var.alert_secrets.url_secret, null), try(var.alert_secrets.signing_key_secret, null)]))

  project   = var.deployment.project_id
  secret_id = each.key
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.accounts["alert"].member
}

# Query jobs belong to a project, so this role cannot be granted on a smaller resource.
resource "google_project_iam_member" "eraser_jobs" {
  project = var.deployment.project_id
  role    = "roles/bigquery.jobUser"
  member  = google_service_account.accounts["eraser"].member
}

# Build logs belong to the project. Cloud Functions creates the bucket of the sources during the first deployment.
resource "google_project_iam_member" "builder_logs" {
  project = var.deployment.project_id
  role    = "roles/logging.logWriter"
  member  = google_service_account.accounts["builder"].member
}

resource "google_project_iam_member" "builder_sources" {
  project = var.deployment.project_id
  role    = "roles/storage.objectViewer"
  member  = google_service_account.accounts["builder"].member

  condition {
    title       = "function sources only"
    description = "Cloud Functions copies every source archive to this bucket."
    expression  = "resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-${var.deployment.project_number}-${var.deployment.region}\")"
  }
}

# Pub/Sub signs push requests with the push accounts.
resource "google_service_account_iam_member" "pubsub_tokens" {
  for_each = local.pushes

  service_account_id = google_service_account.accounts[each.key].name
  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = var.deployment.service_agents.pubsub
}

# Operators run `callmood backfill`, `retry-failures`, `erase`, `import-labels`, and `doctor`.
resource "google_storage_bucket_iam_member" "operators_recordings" {
  for_each = toset(var.operators)

  bucket = var.ingest.bucket
  role   = "roles/storage.objectUser"
  member = each.key
}

resource "google_pubsub_topic_iam_member" "operators_topic" {
  for_each = toset(var.operators)

  project = var.deployment.project_id
  topic   = var.ingest.topic
  role    = "roles/pubsub.publisher"
  member  = each.key
}

resource "google_bigquery_table_iam_member" "operators_append" {
  for_each = { for pair in setproduct(var.operators, ["erasures", "failures", "annotations", "call_details", "releases", "reviews", "recordings", "segments"]) : join(" ", pair) => { member = pair[0], table = pair[1] } }

  project    = var.deployment.project_id
  dataset_id = var.warehouse.dataset_id
  table_id   = var.warehouse.tables[each.value.table]
  role       = google_project_iam_custom_role.row_appender.name
  member     = each.value.member
}
