# The real-time service: a Cloud Run service that scores recordings (`POST /score`) and calls in progress (`/stream`). IAM
# authenticates callers. With an API key the service authenticates requests instead, because browsers cannot send an
# identity token on a WebSocket connection.

locals {
  secrets      = { for name, secret in { SESSION_KEY = var.service.session_key_secret, API_KEY = var.service.api_key_secret } : name => secret if secret != null }
  model_bucket = one(regexall("^gs://([^/@]+)[/@]", lookup(var.environment, "MODEL_URI", "none"))[*][0])
}

resource "google_service_account" "realtime" {
  project      = var.deployment.project_id
  account_id   = "${var.deployment.name}-realtime"
  display_name = "callmood: realtime"
  description  = "Runs the real-time service"
}

resource "google_secret_manager_secret_iam_member" "secrets" {
  for_each = local.secrets

  project   = var.deployment.project_id
  secret_id = each.value
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.realtime.member
}

resource "google_storage_bucket_iam_member" "model" {
  for_each = toset(local.model_bucket[*])

  bucket = each.key
  role   = "roles/storage.objectViewer"
  member = google_service_account.realtime.member
}

resource "google_cloud_run_v2_service" "realtime" {
  project              = var.deployment.project_id
  location             = var.deployment.region
  name                 = "${var.deployment.name}-realtime"
  description          = "Scores recordings and calls in progress."
  ingress              = var.service.ingress == "internal" ? "INGRESS_TRAFFIC_INTERNAL_ONLY" : "INGRESS_TRAFFIC_ALL"
  invoker_iam_disabled = var.service.api_key_secret != null
  deletion_protection  = false # the service is stateless

  template {
    service_account                  = google_service_account.realtime.email
    timeout                          = "3600s"                 # the maximum of Cloud Run; a stream is one request
    max_instance_request_concurrency = var.service.max_streams # further streams go to another instance
    encryption_key                   = var.deployment.kms_key_id
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"

    scaling {
      min_instance_count = var.service.min_instances
      max_instance_count = var.service.max_instances
    }

    containers {
      image = var.image

      resources {
        limits            = { cpu = var.service.cpu, memory = var.service.memory }
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
        for_each = merge(var.environment, { MAX_STREAMS = tostring(var.service.max_streams) })
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
      for_each = var.deployment.network[*]
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
    google_secret_manager_secret_iam_member.secrets,
    google_storage_bucket_iam_member.model,
  ]
}

resource "google_cloud_run_v2_service_iam_member" "callers" {
  for_each = toset(var.service.callers)

  project  = var.deployment.project_id
  location = var.deployment.region
  name     = google_cloud_run_v2_service.realtime.name
  role     = "roles/run.invoker"
  member   = each.key
}
