# Judges recordings at once and calls while they go on: one Cloud Run service of the image infra/images/serve. IAM lets its
# callers in. With an API key whoever shows it is let in instead, for browsers cannot show Google's token on a WebSocket.

locals {
  secrets      = { for name, secret in { SESSION_KEY = var.session_key, API_KEY = var.api_key } : name => secret if secret != null }
  model_bucket = one(regexall("^gs://([^/@]+)[/@]", lookup(var.environment, "MODEL_URI", "none"))[*][0])
}

resource "google_service_account" "live" {
  project      = var.project_id
  account_id   = "${var.name}-live"
  display_name = "callmood: live"
  description  = "Judges calls while they go on"
}

resource "google_secret_manager_secret_iam_member" "live_reads" {
  for_each = local.secrets

  project   = var.project_id
  secret_id = each.value
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.live.member
}

resource "google_storage_bucket_iam_member" "live_reads_model" {
  for_each = toset(local.model_bucket[*])

  bucket = each.key
  role   = "roles/storage.objectViewer"
  member = google_service_account.live.member
}

resource "google_cloud_run_v2_service" "live" {
  project              = var.project_id
  location             = var.region
  name                 = "${var.name}-live"
  description          = "Judges recordings at once, and calls while they go on."
  ingress              = "INGRESS_TRAFFIC_ALL"
  invoker_iam_disabled = var.api_key != null
  deletion_protection  = false # a service holds nothing

  template {
    service_account                  = google_service_account.live.email
    timeout                          = "3600s"   # Cloud Run's most: a call is one request
    max_instance_request_concurrency = var.calls # a call is one request: the next goes to another instance
    encryption_key                   = var.kms_key_id
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"

    scaling {
      min_instance_count = var.min_instances
      max_instance_count = var.max_instances
    }

    containers {
      image = var.image

      resources {
        limits            = { cpu = var.cpu, memory = var.memory }
        startup_cpu_boost = true
      }

      startup_probe {
        period_seconds    = 2
        failure_threshold = 30
        http_get {
          path = "/health"
        }
      }

      liveness_probe {
        period_seconds = 30
        http_get {
          path = "/health"
        }
      }

      dynamic "env" {
        for_each = merge(var.environment, { MAX_STREAMS = tostring(var.calls) })
        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = local.secrets
        content {
          name = env.key
          value_source {
            secret_key_ref {
              secret  = env.value
              version = "latest"
            }
          }
        }
      }
    }

    dynamic "vpc_access" {
      for_each = var.network[*]
      content {
        connector = vpc_access.value.connector
        egress    = vpc_access.value.egress

        dynamic "network_interfaces" {
          for_each = vpc_access.value.subnetwork[*]
          content {
            network    = vpc_access.value.network
            subnetwork = network_interfaces.value
          }
        }
      }
    }
  }

  depends_on = [
    google_secret_manager_secret_iam_member.live_reads,
    google_storage_bucket_iam_member.live_reads_model,
  ]
}

resource "google_cloud_run_v2_service_iam_member" "callers" {
  for_each = toset(var.callers)

  project  = var.project_id
  location = var.region
  name     = google_cloud_run_v2_service.live.name
  role     = "roles/run.invoker"
  member   = each.key
}
