# A hardened deployment, for example for a bank: customer-managed keys, a perimeter, locked retention, row access by queue, and a
# budget.
#   ./run images -var-file=infra/examples/hardened.tfvars
#   terraform apply -var-file=infra/examples/hardened.tfvars
# Replace every address, number, and ID with your own.

region = "europe-west3"
name   = "callmood-prod"
labels = { cost_center = "cx-4711", data_class = "confidential" }

# A customer-managed key, a perimeter, and egress through a VPC network.
kms_key          = "create"
data_access_logs = true
perimeter        = { access_policy = "123456789012", members = ["user:deployer@bank.example"], dry_run = true }
network = {
  network    = "projects/bank-net/global/networks/shared"
  subnetwork = "projects/bank-net/regions/europe-west3/subnetworks/functions"
  egress     = "ALL_TRAFFIC"
}

# Recordings are deleted after 90 days and locked for the first 30 days. Results are deleted after two years.
retention_days           = 90
locked_retention_days    = 30
storage_class_after_days = { NEARLINE = 30 }
soft_delete_days         = 7
results_retention_days   = 730
time_travel_hours        = 48

settings = {
  time_zone     = "Europe/Berlin"
  channel_roles = ["customer", "agent"]
}

# The customer experience team reads all reports. Each queue team reads its own calls.
report_readers = ["group:customer-experience@bank.example"]
operators      = ["group:callmood-operators@bank.example"]
queue_readers = {
  billing    = ["group:billing-leads@bank.example"]
  complaints = ["group:complaints-leads@bank.example"]
}

# Calls that need attention go to a chat webhook. Secret Manager contains its URL and the signing key.
alert_webhook = { url_secret = "callmood-alert-url", signing_key_secret = "callmood-alert-signature" }

# The digest of each week follows on Monday morning.
monitor = { digest_weekday = 7 }

# Capacity for 2,000 hours of audio per day, with one instance that is always warm.
analyze = { memory = "4Gi", cpu = "2", concurrency = 2, min_instances = 1, max_instances = 50 }

# The telephone system streams calls in progress. The session key signs the token that continues a session.
realtime = { ingress = "internal", callers = ["serviceAccount:telephony@bank-net.iam.gserviceaccount.com"], session_key_secret = "callmood-session-key", min_instances = 1 }

# Monthly retraining, and retraining after drift, on the annotated calls of the bank.
retraining = { corpora = { csv = "gs://bank-corpora/calls" }, canary_share = 0.05, canary_hours = 72 }

alert_emails     = ["oncall@bank.example"]
alert_thresholds = { oldest_event_s = 900, no_recordings_hours = 12 }
budget           = { billing_account = "01A2B3-4C5D6E-7F8A9B", monthly_amount = 500 }
