# One service account a function, one for the push that calls it, one for builds, one for the nightly erasure: each may do
# what its work needs, on the resource it works on. Nobody has a key. docs/iam.md is this file as a table.

locals {
  functions = merge(
    {
      analyze    = "Analyses recordings"
      erase      = "Drops the results of deleted recordings"
      quarantine = "Records what could not be delivered"
    },
    var.alert_secrets == null ? {} : { alert = "Posts calls that need attention to a webhook" },
    var.monitor ? { monitor = "Compares a day's calls with what the model knows" } : {},
    var.score_secrets == null ? {} : { score = "Answers at once with a recording's segments" },
  )
  jobs   = { builder = "Builds the functions", eraser = "Deletes the rows of erased calls" }
  pushes = { for name in keys(local.functions) : "push-${name}" => "Pub/Sub calls ${name} as this account" if !contains(["monitor", "score"], name) }
  clock  = var.monitor ? { push-monitor = "Cloud Scheduler calls monitor as this account" } : {}

  # Which function appends to which table.
  appends = merge(local.appends_always, var.monitor ? { monitor = ["drift_checks"] } : {})
  appends_always = {
    analyze    = ["recordings", "segments", "failures", "erasures"] # an overwrite erases what it replaced
    erase      = ["erasures", "failures"]
    quarantine = ["failures"]
  }
  appends_flat = merge([for name, tables in local.appends : { for table in tables : "${name}/${table}" => { name = name, table = table } }]...)

  reference_bucket = one(regexall("^gs://([^/]+)/", coalesce(var.reference_uri, "none"))[*][0])
  model_bucket     = one(regexall("^gs://([^/@]+)[/@]", coalesce(var.model_uri, "none"))[*][0])
}

resource "google_service_account" "accounts" {
  for_each = merge(local.functions, local.jobs, local.pushes, local.clock)

  project      = var.project_id
  account_id   = "${var.name}-${each.key}"
  display_name = "callmood: ${each.key}"
  description  = each.value
}

# roles/bigquery.dataEditor could also read, change and delete rows.
resource "google_project_iam_custom_role" "row_appender" {
  project     = var.project_id
  role_id     = "${replace(var.name, "-", "_")}_row_appender"
  title       = "callmood: append rows"
  description = "Append rows to a BigQuery table, without reading it."
  permissions = ["bigquery.tables.get", "bigquery.tables.updateData"]
}

resource "google_project_iam_custom_role" "row_eraser" {
  project     = var.project_id
  role_id     = "${replace(var.name, "-", "_")}_row_eraser"
  title       = "callmood: delete rows"
  description = "Find rows of a BigQuery table and delete them, without changing the table."
  permissions = ["bigquery.tables.get", "bigquery.tables.getData", "bigquery.tables.updateData"]
}

# Read objects, and list them: without listing, Cloud Storage answers 403 for an object that is gone.
resource "google_storage_bucket_iam_member" "analyze_reads" {
  bucket = var.bucket
  role   = "roles/storage.objectViewer"
  member = google_service_account.accounts["analyze"].member
}

resource "google_storage_bucket_iam_member" "analyze_reads_model" {
  for_each = toset(local.model_bucket[*])

  bucket = each.key
  role   = "roles/storage.objectViewer"
  member = google_service_account.accounts["analyze"].member
}

resource "google_storage_bucket_iam_member" "monitor_reads_reference" {
  for_each = var.monitor ? toset(concat(local.model_bucket[*], local.reference_bucket[*])) : []

  bucket = each.key
  role   = "roles/storage.objectViewer"
  member = google_service_account.accounts["monitor"].member
}

# Views of the reports' dataset, which may read the tables where whoever asks them may not.
resource "google_bigquery_table_iam_member" "monitor_asks" {
  for_each = var.monitor ? setintersection(var.views, ["call_features", "annotated_segments", "drift_checks_current", "recordings_current", "segments_current"]) : []

  project    = var.project_id
  dataset_id = var.reports_dataset_id
  table_id   = each.key
  role       = "roles/bigquery.dataViewer"
  member     = google_service_account.accounts["monitor"].member
}

# A query is a job of a project, and a metric is a project's: neither can be granted on anything smaller.
resource "google_project_iam_member" "monitor" {
  for_each = var.monitor ? toset(["roles/bigquery.jobUser", "roles/monitoring.metricWriter"]) : []

  project = var.project_id
  role    = each.key
  member  = google_service_account.accounts["monitor"].member
}

resource "google_storage_bucket_iam_member" "score_reads_model" {
  for_each = toset(var.score_secrets == null ? [] : local.model_bucket[*])

  bucket = each.key
  role   = "roles/storage.objectViewer"
  member = google_service_account.accounts["score"].member
}

resource "google_bigquery_table_iam_member" "appends" {
  for_each = local.appends_flat

  project    = var.project_id
  dataset_id = var.dataset_id
  table_id   = var.tables[each.value.table]
  role       = google_project_iam_custom_role.row_appender.name
  member     = google_service_account.accounts[each.value.name].member
}

resource "google_bigquery_table_iam_member" "erases" {
  for_each = setsubtract(keys(var.tables), ["erasures", "drift_checks", "outcomes", "releases"])

  project    = var.project_id
  dataset_id = var.dataset_id
  table_id   = var.tables[each.key]
  role       = google_project_iam_custom_role.row_eraser.name
  member     = google_service_account.accounts["eraser"].member
}

resource "google_bigquery_table_iam_member" "eraser_reads" {
  project    = var.project_id
  dataset_id = var.dataset_id
  table_id   = var.tables["erasures"]
  role       = "roles/bigquery.dataViewer"
  member     = google_service_account.accounts["eraser"].member
}

resource "google_secret_manager_secret_iam_member" "alert_reads" {
  for_each = toset(compact([try(var.alert_secrets.url, null), try(var.alert_secrets.signature, null)]))

  project   = var.project_id
  secret_id = each.key
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.accounts["alert"].member
}

resource "google_secret_manager_secret_iam_member" "score_reads" {
  for_each = toset(compact([try(var.score_secrets.session_key, null), try(var.score_secrets.api_key, null)]))

  project   = var.project_id
  secret_id = each.key
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.accounts["score"].member
}

# A query is a job of a project: this cannot be granted on anything smaller.
resource "google_project_iam_member" "eraser_runs_queries" {
  project = var.project_id
  role    = "roles/bigquery.jobUser"
  member  = google_service_account.accounts["eraser"].member
}

# Build logs are written to the project; the sources lie in a bucket that Cloud Functions makes on the first deployment.
resource "google_project_iam_member" "builder_logs" {
  project = var.project_id
  role    = "roles/logging.logWriter"
  member  = google_service_account.accounts["builder"].member
}

resource "google_project_iam_member" "builder_reads_sources" {
  project = var.project_id
  role    = "roles/storage.objectViewer"
  member  = google_service_account.accounts["builder"].member

  condition {
    title       = "functions' sources only"
    description = "Cloud Functions copies every source to this bucket of its own."
    expression  = "resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-${var.project_number}-${var.region}\")"
  }
}

# Pub/Sub signs its calls as the push accounts.
resource "google_service_account_iam_member" "pubsub_signs" {
  for_each = local.pushes

  service_account_id = google_service_account.accounts[each.key].name
  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = var.pubsub_agent
}

# Operators run `callmood backfill`, `replay`, `erase`, `annotations` and `doctor`.
resource "google_storage_bucket_iam_member" "operators_manage_recordings" {
  for_each = toset(var.operators)

  bucket = var.bucket
  role   = "roles/storage.objectUser"
  member = each.key
}

resource "google_pubsub_topic_iam_member" "operators_publish" {
  for_each = toset(var.operators)

  project = var.project_id
  topic   = var.topic
  role    = "roles/pubsub.publisher"
  member  = each.key
}

resource "google_bigquery_table_iam_member" "operators_append" {
  for_each = { for pair in setproduct(var.operators, ["erasures", "failures", "annotations", "releases"]) : join(" ", pair) => { member = pair[0], table = pair[1] } }

  project    = var.project_id
  dataset_id = var.dataset_id
  table_id   = var.tables[each.value.table]
  role       = google_project_iam_custom_role.row_appender.name
  member     = each.value.member
}
