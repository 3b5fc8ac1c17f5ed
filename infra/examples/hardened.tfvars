# A deployment as a bank would have it: own keys, a perimeter, fixed retention, rows by queue, a budget.
#   terraform apply -var project_id=PROJECT -var-file=infra/examples/hardened.tfvars
# Replace every address, number and id with your own.

region = "europe-west3"
name   = "callmood-prod"
labels = { cost_center = "cx-4711", data_class = "confidential" }

# Keys of one's own, and nothing leaves the perimeter.
kms_key   = "create"
perimeter = { access_policy = "123456789012", members = ["user:deployer@bank.example"], dry_run = true }
network = {
  network    = "projects/bank-net/global/networks/shared"
  subnetwork = "projects/bank-net/regions/europe-west3/subnetworks/functions"
  egress     = "ALL_TRAFFIC"
}

# Recordings for 90 days, the first 30 of them beyond anybody's reach; results for two years.
retention_days         = 90
locked_retention_days  = 30
colder_after_days      = { NEARLINE = 30 }
soft_delete_days       = 7
results_retention_days = 730
time_travel_hours      = 48

settings = {
  time_zone     = "Europe/Berlin"
  channel_roles = ["customer", "agent"]
}

# People: reports for all of customer experience, each queue's calls for its own team.
report_readers = ["group:customer-experience@bank.example"]
operators      = ["group:callmood-operators@bank.example"]
queue_readers = {
  billing    = ["group:billing-leads@bank.example"]
  complaints = ["group:complaints-leads@bank.example"]
}

# Calls that need attention, to the team's chat by way of a webhook whose address and key lie in Secret Manager.
alert_webhook = { url = "callmood-alert-url", signature = "callmood-alert-signature" }

# Enough for 2,000 hours a day, warm at all times.
analyze = { memory = "4Gi", cpu = "2", concurrency = 2, min_instances = 1, max_instances = 50 }

# Calls judged while they go on, for the telephone system; its key signs what a call's next part is sent with.
live = { callers = ["serviceAccount:telephony@bank-net.iam.gserviceaccount.com"], session_key = "callmood-session-key", min_instances = 1, function = true }

# New models of the bank's own labeled calls, each month and when calls drift.
retraining = { corpora = { csv = "gs://bank-corpora/calls" }, share = 0.05, watch_hours = 72 }

alert_emails     = ["oncall@bank.example"]
alert_thresholds = { oldest_waiting_s = 900, silence_hours = 12 }
budget           = { billing_account = "01A2B3-4C5D6E-7F8A9B", monthly_amount = 500 }
