# APIs, service agents, and audit logs of the project that callmood is deployed to.

resource "google_project_service" "required" {
  for_each = setunion(
    var.services,
    var.retraining ? ["workflowexecutions", "workflows"] : [],
    var.composer ? ["aiplatform", "composer"] : [],
  )

  project            = var.project_id
  service            = "${each.key}.googleapis.com"
  disable_on_destroy = false
}

data "google_project" "this" {
  project_id = var.project_id
}

# A new project does not have the service agents of Google. These resources create them, before any grant.
resource "google_project_service_identity" "agents" {
  for_each = { for name, agent in local.agents : name => agent if agent.service != null }
  provider = google-beta

  project = var.project_id
  service = google_project_service.required[each.value.service].service
}

# Reading these two data sources creates the agents of Cloud Storage and BigQuery. Their attributes are not used: while an
# API is about to be enabled, Terraform does not know them, and would replace every grant.
data "google_storage_project_service_account" "storage" {
  project    = var.project_id
  depends_on = [google_project_service.required]
}

data "google_bigquery_default_service_account" "bigquery" {
  project    = var.project_id
  depends_on = [google_project_service.required]
}

locals {
  # Service agents: the service that creates the agent (null: a data source above), and the address for a project number.
  agents = merge(
    {
      storage   = { service = null, address = "service-%s@gs-project-accounts" }
      bigquery  = { service = null, address = "bq-%s@bigquery-encryption" }
      pubsub    = { service = "pubsub", address = "service-%s@gcp-sa-pubsub" }
      functions = { service = "cloudfunctions", address = "service-%s@gcf-admin-robot" }
      run       = { service = "run", address = "service-%s@serverless-robot-prod" }
      artifacts = { service = "artifactregistry", address = "service-%s@gcp-sa-artifactregistry" }
      eventarc  = { service = "eventarc", address = "service-%s@gcp-sa-eventarc" }
    },
    var.composer ? {
      composer   = { service = "composer", address = "service-%s@cloudcomposer-accounts" }
      aiplatform = { service = "aiplatform", address = "service-%s@gcp-sa-aiplatform" }
    } : {},
  )
  service_agents = {
    for name, agent in local.agents : name => "serviceAccount:${format(agent.address, data.google_project.this.number)}.iam.gserviceaccount.com"
  }
}

# Cloud Audit Logs record access to objects and messages, and changes to policies. Each resource owns the complete audit
# configuration of its service in the project.
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
