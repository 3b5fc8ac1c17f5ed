# A service perimeter (VPC Service Controls). The data services of the project accept requests from inside the perimeter and
# from the listed members only, so a stolen credential does not give access to the data.

locals {
  # Every service of the deployment that stores or processes data, and that VPC Service Controls supports.
  services = [
    for name in [
      "aiplatform", "artifactregistry", "bigquery", "bigquerydatatransfer", "cloudbuild", "cloudfunctions", "cloudkms", "cloudscheduler",
      "composer", "eventarc", "logging", "monitoring", "pubsub", "run", "secretmanager", "storage", "workflows",
    ] : "${name}.googleapis.com"
  ]

  # Builds run in the default pool of Cloud Build, which is outside of every perimeter.
  builds = ["artifactregistry.googleapis.com", "cloudbuild.googleapis.com", "logging.googleapis.com", "storage.googleapis.com"]

  ingress = concat(
    [{ title = "builds", identities = [for email in var.builders : "serviceAccount:${email}"], services = local.builds }],
    length(var.callers) == 0 ? [] : [{ title = "callers of the real-time service", identities = var.callers, services = ["run.googleapis.com"] }],
  )

  resources = ["projects/${var.deployment.project_number}"]
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
      resources           = local.resources
      restricted_services = local.services
      access_levels       = [google_access_context_manager_access_level.members.name]

      dynamic "ingress_policies" {
        for_each = local.ingress
        content {
          title = "${var.deployment.name}: ${ingress_policies.value.title}"

          ingress_from {
            identities = ingress_policies.value.identities
            sources {
              access_level = "*"
            }
          }

          ingress_to {
            resources = local.resources
            dynamic "operations" {
              for_each = ingress_policies.value.services
              content {
                service_name = operations.value
                method_selectors {
                  method = "*"
                }
              }
            }
          }
        }
      }
    }
  }

  dynamic "spec" {
    for_each = var.perimeter.dry_run ? [true] : []
    content {
      resources           = local.resources
      restricted_services = local.services
      access_levels       = [google_access_context_manager_access_level.members.name]

      dynamic "ingress_policies" {
        for_each = local.ingress
        content {
          title = "${var.deployment.name}: ${ingress_policies.value.title}"

          ingress_from {
            identities = ingress_policies.value.identities
            sources {
              access_level = "*"
            }
          }

          ingress_to {
            resources = local.resources
            dynamic "operations" {
              for_each = ingress_policies.value.services
              content {
                service_name = operations.value
                method_selectors {
                  method = "*"
                }
              }
            }
          }
        }
      }
    }
  }
}
