# A service perimeter (VPC Service Controls). The data services of the project accept requests from inside the perimeter and
# from the listed members only, so a stolen credential does not give access to the data.

locals {
  services = ["bigquery.googleapis.com", "cloudfunctions.googleapis.com", "cloudkms.googleapis.com", "pubsub.googleapis.com", "run.googleapis.com", "storage.googleapis.com"]
}

resource "google_access_context_manager_access_level" "members" {
  parent = "accessPolicies/${var.perimeter.access_policy}"
  name   = "accessPolicies/${var.perimeter.access_policy}/accessLevels/${replace(var.deployment.name, "-", "_")}_members"
  title  = "${var.deployment.name}: members with access from outside"

  basic {
    conditions {
      members = var.perimeter.members
    }
  }
}

resource "google_access_context_manager_service_perimeter" "data" {
  parent                    = "accessPolicies/${var.perimeter.access_policy}"
  name                      = "accessPolicies/${var.perimeter.access_policy}/servicePerimeters/${replace(var.deployment.name, "-", "_")}"
  title                     = "${var.deployment.name}: recordings and results"
  use_explicit_dry_run_spec = var.perimeter.dry_run

  dynamic "status" {
    for_each = var.perimeter.dry_run ? [] : [true]
    content {
      resources           = ["projects/${var.deployment.project_number}"]
      restricted_services = local.services
      access_levels       = [google_access_context_manager_access_level.members.name]
    }
  }

  dynamic "spec" {
    for_each = var.perimeter.dry_run ? [true] : []
    content {
      resources           = ["projects/${var.deployment.project_number}"]
      restricted_services = local.services
      access_levels       = [google_access_context_manager_access_level.members.name]
    }
  }
}
