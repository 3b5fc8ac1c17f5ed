# A service perimeter (VPC Service Controls): the data services of the project answer only from inside it, or to named
# people, so that a stolen credential alone copies nothing out.

locals {
  services = ["bigquery.googleapis.com", "cloudfunctions.googleapis.com", "cloudkms.googleapis.com", "pubsub.googleapis.com", "run.googleapis.com", "storage.googleapis.com"]
}

resource "google_access_context_manager_access_level" "people" {
  parent = "accessPolicies/${var.access_policy}"
  name   = "accessPolicies/${var.access_policy}/accessLevels/${replace(var.name, "-", "_")}_people"
  title  = "${var.name}: people who may reach the data from outside"

  basic {
    conditions {
      members = var.members
    }
  }
}

resource "google_access_context_manager_service_perimeter" "data" {
  parent                    = "accessPolicies/${var.access_policy}"
  name                      = "accessPolicies/${var.access_policy}/servicePerimeters/${replace(var.name, "-", "_")}"
  title                     = "${var.name}: recordings and results"
  use_explicit_dry_run_spec = var.dry_run

  dynamic "status" {
    for_each = var.dry_run ? [] : [true]
    content {
      resources           = ["projects/${var.project_number}"]
      restricted_services = local.services
      access_levels       = [google_access_context_manager_access_level.people.name]
    }
  }

  dynamic "spec" {
    for_each = var.dry_run ? [true] : []
    content {
      resources           = ["projects/${var.project_number}"]
      restricted_services = local.services
      access_levels       = [google_access_context_manager_access_level.people.name]
    }
  }
}
