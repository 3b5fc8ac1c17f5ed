# What a newcomer gets, with only a project named.

mock_provider "google" {
  mock_resource "google_cloudfunctions2_function" {
    defaults = {
      service_config = { uri = "https://callmood.example" }
    }
  }
}

mock_provider "archive" {
  mock_data "archive_file" {
    defaults = { output_sha256 = "0123456789abcdef" }
  }
}

variables {
  project_id = "acme-calls-1"
}

run "plan" {
  command = plan

  assert {
    condition     = output.bucket == "acme-calls-1-callmood-recordings" && output.dataset == "acme-calls-1.callmood"
    error_message = "The bucket and the dataset are named after the project and the deployment."
  }
  assert {
    condition     = module.encryption.key_id == null
    error_message = "By default Google's keys encrypt."
  }
  assert {
    condition     = length(module.perimeter) == 0
    error_message = "By default there is no perimeter."
  }
}

run "apply" {
  command = apply

  assert {
    condition     = output.functions == { analyze = "callmood-analyze", erase = "callmood-erase", monitor = "callmood-monitor", quarantine = "callmood-quarantine" }
    error_message = "Every function is deployed."
  }
  assert {
    condition     = module.delivery.subscriptions["analyze"] == "callmood-analyze"
    error_message = "The function that analyses has a subscription."
  }
}
