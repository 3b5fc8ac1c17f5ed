# The hardened deployment: infra/examples/hardened.tfvars.

mock_provider "google" {}
mock_provider "archive" {}

variables {
  project_id = "acme-calls-1"
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
