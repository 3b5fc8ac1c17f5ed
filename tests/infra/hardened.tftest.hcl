# What a bank gets: infra/examples/hardened.tfvars.

mock_provider "google" {}
mock_provider "archive" {}

variables {
  project_id = "acme-calls-1"
}

run "apply" {
  command = apply

  assert {
    condition     = module.encryption.key_id != null
    error_message = "A key of one's own encrypts."
  }
  assert {
    condition     = length(module.perimeter) == 1
    error_message = "The project lies in a perimeter."
  }
}
