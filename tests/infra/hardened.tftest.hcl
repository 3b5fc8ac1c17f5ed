# The hardened deployment: infra/examples/hardened.tfvars.

mock_provider "google" {}
mock_provider "google-beta" {}
mock_provider "archive" {}

variables {
  project_id = "acme-calls-1"
  images = {
    serve = "europe-west3-docker.pkg.dev/acme-calls-1/callmood-prod-images/serve@sha256:5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e"
    train = "europe-west3-docker.pkg.dev/acme-calls-1/callmood-prod-images/train@sha256:7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a"
  }
}

run "apply" {
  command = apply

  assert {
    condition     = module.project.kms_key_id != null
    error_message = "A customer-managed key must encrypt the data."
  }
  assert {
    condition     = length(module.perimeter) == 1
    error_message = "A perimeter must enclose the project."
  }
}
