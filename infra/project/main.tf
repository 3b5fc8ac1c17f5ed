# APIs, service agents, and audit logs of the project that callmood is deployed to.

resource "google_project_service" "required" {
  for_each = setunion(var.services, var.retraining ? ["aiplatform", "cloudscheduler", "composer", "eventarc", "workflowexecutions", "workflows"] : [])

  project            = var.project_id
  service            = "${each.key}.googleapis.com"
  disable_on_destroy = false
}

data "google_project" "this" {
  project_id = var.project_id
}

# In a new project, reading these two data sources also creates the service agents.
data "google_storage_project_service_account" "storage" {
  project    = var.project_id
  depends_on = [google_project_service.required]
}

data "google_bigquery_default_service_account" "bigquery" {
  project    = var.project_id
  depends_on = [google_project_service.required]
}

locals {
  service_agents = merge(
    {
      storage  = data.google_storage_project_service_account.storage.member
      bigquery = data.google_bigquery_default_service_account.bigquery.member
    },
    {
      for name, domain in {
        pubsub    = "gcp-sa-pubsub"
        functions = "gcf-admin-robot"
        run       = "serverless-robot-prod"
        artifacts = "gcp-sa-artifactregistry"
      } : name => "serviceAccount:service-${data.google_project.this.number}@${domain}.iam.gserviceaccount.com"
    },
  )
}

# Cloud Audit Logs record access to objects and messages, and changes to policies.
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
