# The APIs that a deployment needs, the project's number, and the accounts by which Google's own services act in it.

resource "google_project_service" "required" {
  for_each = setunion(var.services, var.retraining ? ["aiplatform", "cloudscheduler", "composer", "eventarc", "workflowexecutions", "workflows"] : [])

  project            = var.project_id
  service            = "${each.key}.googleapis.com"
  disable_on_destroy = false
}

data "google_project" "this" {
  project_id = var.project_id
}

# Reading these two data sources also creates the accounts in a new project.
data "google_storage_project_service_account" "storage" {
  project    = var.project_id
  depends_on = [google_project_service.required]
}

data "google_bigquery_default_service_account" "bigquery" {
  project    = var.project_id
  depends_on = [google_project_service.required]
}

# Who touches which object or topic, and who changes which policy, goes to Cloud Audit Logs.
resource "google_project_iam_audit_config" "data_access" {
  for_each = var.data_access_logs ? toset(["storage.googleapis.com", "pubsub.googleapis.com", "iam.googleapis.com"]) : []

  project = var.project_id
  service = each.key

  dynamic "audit_log_config" {
    for_each = ["ADMIN_READ", "DATA_READ", "DATA_WRITE"]
    content {
      log_type = audit_log_config.value
    }
  }
}
