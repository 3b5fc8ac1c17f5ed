# The default deployment: only the project and an address for alerts are set.

mock_provider "google" {
  mock_resource "google_cloudfunctions2_function" {
    defaults = {
      service_config = { uri = "https://callmood.example" }
    }
  }
}

mock_provider "google-beta" {}

mock_provider "archive" {
  mock_data "archive_file" {
    defaults = { output_sha256 = "0123456789abcdef" }
  }
}

variables {
  project_id   = "acme-calls-1"
  alert_emails = ["ops@example.com"] # without an address, a check fails
}

run "plan" {
  command = plan

  assert {
    condition     = output.bucket == "acme-calls-1-callmood-recordings" && output.dataset == "acme-calls-1.callmood"
    error_message = "The names of the bucket and the dataset must contain the project and the name of the deployment."
  }
  assert {
    condition     = module.project.kms_key_id == null
    error_message = "The default must be Google-managed keys."
  }
  assert {
    condition     = length(module.perimeter) == 0
    error_message = "The default must be a deployment without a perimeter."
  }
}

run "apply" {
  command = apply

  assert {
    condition     = output.functions == { analyze = "callmood-analyze", dead-letter = "callmood-dead-letter", erase = "callmood-erase", monitor = "callmood-monitor" }
    error_message = "Every function must be deployed."
  }
  assert {
    condition     = module.delivery.subscriptions["analyze"] == "callmood-analyze"
    error_message = "The function analyze must have a subscription."
  }
}
