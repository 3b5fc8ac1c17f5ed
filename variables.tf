# Options of the deployment. Only project_id has no default. Terraform validates every value before it plans resources.

# --- Deployment -----------------------------------------------------------------------------------------------------

variable "project_id" {
  description = "ID of an existing Google Cloud project with billing."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id must be a project ID, such as `acme-calls-1`: 6 to 30 lowercase letters, digits, and hyphens. The project name or number does not work."
  }
}

variable "region" {
  description = "Region of the functions, and of all data without a location of its own."
  type        = string
  default     = "europe-west1"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region must be a region such as europe-west1 or us-central1, not a zone (europe-west1-b) or a multi-region (EU)."
  }
}

variable "name" {
  description = "Name of the deployment, and prefix of its resources. Two deployments in one project need different values of name and of dataset_id."
  type        = string
  default     = "callmood"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,11}[a-z0-9]$", var.name))
    error_message = "name must start with a letter and contain 2 to 13 lowercase letters, digits, and hyphens: service account IDs such as NAME-push-dead-letter are limited to 30 characters."
  }
}

variable "labels" {
  description = "Labels of all resources that support labels, for example for cost allocation."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key, value in var.labels : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))])
    error_message = "labels must have keys and values of at most 63 lowercase letters, digits, hyphens, and underscores. Keys must start with a letter."
  }
}

# --- Recordings -----------------------------------------------------------------------------------------------------

variable "bucket_name" {
  description = "Name of the bucket for recordings. Default: PROJECT-NAME-recordings."
  type        = string
  default     = null

  validation {
    condition     = var.bucket_name == null || can(regex("^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$", coalesce(var.bucket_name, "none")))
    error_message = "bucket_name must contain 3 to 63 lowercase letters, digits, hyphens, underscores, and dots, without gs://."
  }
}

variable "bucket_location" {
  description = "Location of the bucket for recordings: a region, or EU, US, ASIA. Default: region. It cannot be changed later."
  type        = string
  default     = null

  validation {
    condition     = can(regex("^([a-z]+-[a-z]+[0-9]+|EU|US|ASIA)$", coalesce(var.bucket_location, "EU")))
    error_message = "bucket_location must be a region such as europe-west1, or EU, US, or ASIA."
  }
}

variable "retention_days" {
  description = "Age in days at which a recording is deleted. Results stay. Default: recordings are not deleted."
  type        = number
  default     = null

  validation {
    condition     = coalesce(var.retention_days, 1) >= 1 && floor(coalesce(var.retention_days, 1)) == coalesce(var.retention_days, 1)
    error_message = "retention_days must be a whole number of days, at least 1. Omit it to keep recordings."
  }
}

variable "locked_retention_days" {
  description = "Age in days until which nobody can delete a recording. The lock is permanent: the value can be increased, but not decreased. Default: no lock."
  type        = number
  default     = null

  validation {
    condition     = coalesce(var.locked_retention_days, 1) >= 1 && coalesce(var.locked_retention_days, 1) <= 3650
    error_message = "locked_retention_days must be 1 to 3650. Omit it for no lock."
  }
}

variable "storage_class_after_days" {
  description = "Age in days at which a recording moves to a colder storage class, by class. Colder classes cost less for storage and more for reads."
  type        = map(number)
  default     = { NEARLINE = 30, COLDLINE = 90 }

  validation {
    condition     = alltrue([for class, days in var.storage_class_after_days : contains(["NEARLINE", "COLDLINE", "ARCHIVE"], class) && days >= 1])
    error_message = "storage_class_after_days must map NEARLINE, COLDLINE, or ARCHIVE to a number of days, at least 1."
  }
}

variable "soft_delete_days" {
  description = "Days during which a deleted recording can be restored: 7 to 90, or 0 to disable soft delete."
  type        = number
  default     = 7

  validation {
    condition     = var.soft_delete_days == 0 || (var.soft_delete_days >= 7 && var.soft_delete_days <= 90)
    error_message = "soft_delete_days must be 0, or 7 to 90. Cloud Storage does not support other values."
  }
}

variable "event_retention_days" {
  description = "Days during which events are retained and can be replayed with a seek: 1 to 31."
  type        = number
  default     = 7

  validation {
    condition     = var.event_retention_days >= 1 && var.event_retention_days <= 31
    error_message = "event_retention_days must be 1 to 31."
  }
}

# --- Analysis -------------------------------------------------------------------------------------------------------

variable "settings" {
  description = "Settings of the analysis (docs/settings.md). An omitted setting keeps its default. The default of max_size_bytes is a third of analyze.memory."
  type = object({
    model_uri               = optional(string)
    population_uri          = optional(string)
    channel_roles           = optional(list(string))
    channel_roles_inbound   = optional(list(string))
    channel_roles_outbound  = optional(list(string))
    single_channel_agent    = optional(string)
    analyze_agent_emotion   = optional(bool)
    analyze_unknown_emotion = optional(bool)
    erase_on_delete         = optional(bool)
    filename_pattern        = optional(string)
    name_format             = optional(string)
    leg_names               = optional(list(string))
    leg_wait_s              = optional(number)
    time_zone               = optional(string)
    max_duration_s          = optional(number)
    max_size_bytes          = optional(number)
    prior                   = optional(map(number))
    confidence_threshold    = optional(number)
    reference_uri           = optional(string)
    retrain_after_days      = optional(number)
    raw_audio               = optional(string)
  })
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for role in concat(
        coalesce(var.settings.channel_roles, []),
        coalesce(var.settings.channel_roles_inbound, []),
        coalesce(var.settings.channel_roles_outbound, []),
      ) : contains(["agent", "customer", "mixed", "unknown"], role)
    ])
    error_message = "settings.channel_roles must list agent, customer, mixed, or unknown for channels 0, 1, …"
  }
  validation {
    condition     = contains(["first", "second", "unknown"], coalesce(var.settings.single_channel_agent, "first"))
    error_message = "settings.single_channel_agent must be first, second, or unknown."
  }
  validation {
    condition     = can(regex("^gs://[^/@]+(/.+|@[A-Za-z0-9][A-Za-z0-9_-]*)$", coalesce(var.settings.model_uri, "gs://a/b")))
    error_message = "settings.model_uri must be gs://BUCKET/OBJECT, or gs://BUCKET/PREFIX@ALIAS of a model registry (docs/registry.md)."
  }
  validation {
    condition     = can(regex("^gs://[^/]+/.+$", coalesce(var.settings.population_uri, "gs://a/b")))
    error_message = "settings.population_uri must be gs://BUCKET/OBJECT (docs/calibration.md)."
  }
  validation {
    condition     = can(regex("\\(\\?P<\\w+>", coalesce(var.settings.filename_pattern, "(?P<call_id>)")))
    error_message = "settings.filename_pattern must have named groups, such as (?P<call_id>[0-9]+)."
  }
  validation {
    condition     = length(coalesce(var.settings.leg_names, ["agent", "customer"])) == 2
    error_message = "settings.leg_names must have two values: of the agent's and of the customer's file."
  }
  validation {
    condition     = coalesce(var.settings.leg_wait_s, 300) >= 0 && coalesce(var.settings.leg_wait_s, 300) <= 3600
    error_message = "settings.leg_wait_s must be 0 to 3600 seconds."
  }
  validation {
    condition     = var.settings.name_format == null || var.settings.filename_pattern == null
    error_message = "Set settings.name_format or settings.filename_pattern, not both."
  }
  validation {
    condition     = coalesce(var.settings.confidence_threshold, 0) >= 0 && coalesce(var.settings.confidence_threshold, 0) <= 1
    error_message = "settings.confidence_threshold must be 0 to 1."
  }
  validation {
    condition     = coalesce(var.settings.max_duration_s, 1) > 0 && coalesce(var.settings.max_size_bytes, 1) > 0
    error_message = "settings.max_duration_s and settings.max_size_bytes must be more than 0."
  }
  validation {
    condition     = can(regex("^gs://[^/]+/.+$", coalesce(var.settings.reference_uri, "gs://a/b")))
    error_message = "settings.reference_uri must be gs://BUCKET/OBJECT."
  }
  validation {
    condition     = can(regex("^(ulaw|alaw|slin|g729)/[0-9]+/[0-9]+$", coalesce(var.settings.raw_audio, "ulaw/8000/1")))
    error_message = "settings.raw_audio must be CODEC/RATE/CHANNELS with the codec ulaw, alaw, slin, or g729, such as ulaw/8000/1."
  }
  validation {
    condition     = coalesce(var.settings.retrain_after_days, 1) >= 1
    error_message = "settings.retrain_after_days must be at least 1."
  }
}

variable "analyze" {
  description = "Resources of the function analyze: memory, CPUs, concurrent recordings per instance, instances, and timeout in seconds for one recording (docs/scale.md)."
  type = object({
    memory        = optional(string, "2Gi")
    cpu           = optional(string, "1")
    concurrency   = optional(number, 1)
    min_instances = optional(number, 0)
    max_instances = optional(number, 20)
    timeout_s     = optional(number, 540)
  })
  default  = {}
  nullable = false

  validation {
    condition     = can(regex("^[0-9]+(Mi|Gi)$", var.analyze.memory)) && contains(["1", "2", "4", "6", "8"], var.analyze.cpu)
    error_message = "analyze.memory must be a size such as 2Gi, and analyze.cpu must be 1, 2, 4, 6, or 8."
  }
  validation {
    condition     = tonumber(try(regex("^([0-9]+)Gi$", var.analyze.memory)[0], 1)) <= tonumber(var.analyze.cpu) * 4
    error_message = "analyze.memory must be at most 4Gi per CPU. Increase analyze.cpu too."
  }
  validation {
    condition     = var.analyze.concurrency >= 1 && var.analyze.concurrency <= 1000
    error_message = "analyze.concurrency must be 1 to 1000. The analysis is CPU-bound, so values above analyze.cpu do not increase the throughput."
  }
  validation {
    condition     = var.analyze.min_instances >= 0 && var.analyze.max_instances >= 1 && var.analyze.min_instances <= var.analyze.max_instances
    error_message = "analyze.min_instances must be 0 or more, and at most analyze.max_instances."
  }
  validation {
    condition     = var.analyze.timeout_s >= 60 && var.analyze.timeout_s <= 590
    error_message = "analyze.timeout_s must be 60 to 590: Pub/Sub waits 600 s for a response, then redelivers the event."
  }
}

variable "alert_webhook" {
  description = "Post every call that needs attention to a webhook. url_secret and signing_key_secret are IDs of Secret Manager secrets in this project; they contain the URL and the signing key (docs/settings.md, ALERT_SECRET). Default: no webhook."
  type        = object({ url_secret = string, signing_key_secret = optional(string) })
  default     = null

  validation {
    condition     = alltrue([for id in compact([try(var.alert_webhook.url_secret, null), try(var.alert_webhook.signing_key_secret, null)]) : can(regex("^[A-Za-z0-9_-]{1,255}$", id))])
    error_message = "alert_webhook must contain IDs of Secret Manager secrets, not their values. To create a secret: gcloud secrets create callmood-alert-url --data-file=-"
  }
}

variable "realtime" {
  description = "Deploy the real-time service on Cloud Run, which scores recordings and calls in progress (docs/realtime.md). It needs images.serve. Ingress (all, or internal: only from VPC networks of the project and from its perimeter), callers (IAM members), IDs of the Secret Manager secrets that contain the session key and the API key, concurrent streams per instance, and resources. Default: no service."
  type = object({
    ingress            = optional(string, "all")
    callers            = optional(list(string), [])
    session_key_secret = optional(string)
    api_key_secret     = optional(string)
    max_streams        = optional(number, 8)
    cpu                = optional(string, "1")
    memory             = optional(string, "2Gi")
    min_instances      = optional(number, 0)
    max_instances      = optional(number, 5)
  })
  default = null

  validation {
    condition     = alltrue([for member in try(var.realtime.callers, []) : can(regex("^(user|group|serviceAccount):[^:\\s]+$", member))])
    error_message = "realtime.callers must be members such as serviceAccount:telephony@PROJECT.iam.gserviceaccount.com: user:, group:, or serviceAccount:. Public access is not supported."
  }
  validation {
    condition     = alltrue([for id in compact([try(var.realtime.session_key_secret, null), try(var.realtime.api_key_secret, null)]) : can(regex("^[A-Za-z0-9_-]{1,255}$", id))])
    error_message = "realtime.session_key_secret and realtime.api_key_secret must be IDs of Secret Manager secrets, not their values. To create a secret: openssl rand -base64 32 | gcloud secrets create callmood-session-key --data-file=-"
  }
  validation {
    condition     = var.realtime == null || var.images.serve != null
    error_message = "realtime needs images.serve. To build the image and set the option, run `./run images` (docs/deploy.md)."
  }
  validation {
    condition     = contains(["all", "internal"], try(var.realtime.ingress, "all"))
    error_message = "realtime.ingress must be all or internal."
  }
  validation {
    condition     = try(var.realtime.max_streams, 1) >= 1 && try(var.realtime.max_streams, 1) <= 200
    error_message = "realtime.max_streams must be 1 to 200. `./run bench realtime --calls N` measures the capacity of one CPU."
  }
  validation {
    condition     = can(regex("^[0-9]+(Mi|Gi)$", try(var.realtime.memory, "2Gi"))) && contains(["1", "2", "4", "6", "8"], try(var.realtime.cpu, "1"))
    error_message = "realtime.memory must be a size such as 2Gi, and realtime.cpu must be 1, 2, 4, 6, or 8."
  }
  validation {
    condition     = try(var.realtime.min_instances, 0) >= 0 && try(var.realtime.min_instances, 0) <= try(var.realtime.max_instances, 1)
    error_message = "realtime.min_instances must be 0 or more, and at most realtime.max_instances."
  }
}

variable "max_delivery_attempts" {
  description = "Delivery attempts after which an event goes to the dead letter topic."
  type        = number
  default     = 20

  validation {
    condition     = var.max_delivery_attempts >= 5 && var.max_delivery_attempts <= 100
    error_message = "max_delivery_attempts must be 5 to 100. Pub/Sub does not support other values."
  }
}

variable "network" {
  description = "VPC network for outgoing traffic: connector (Serverless VPC Access), or network and subnetwork (direct VPC egress). Default: no VPC network."
  type = object({
    connector  = optional(string)
    network    = optional(string)
    subnetwork = optional(string)
    egress     = optional(string, "PRIVATE_RANGES_ONLY")
  })
  default = null

  validation {
    condition     = var.network == null || (try(var.network.connector, null) == null) != (try(var.network.subnetwork, null) == null)
    error_message = "network must have either a connector, or a network and a subnetwork."
  }
  validation {
    condition     = contains(["PRIVATE_RANGES_ONLY", "ALL_TRAFFIC"], try(var.network.egress, "ALL_TRAFFIC"))
    error_message = "network.egress must be PRIVATE_RANGES_ONLY or ALL_TRAFFIC."
  }
}

# --- Results --------------------------------------------------------------------------------------------------------

variable "dataset_id" {
  description = "ID of the BigQuery dataset of the tables. The report dataset has the same ID with the suffix _reports."
  type        = string
  default     = "callmood"

  validation {
    condition     = can(regex("^[A-Za-z_][A-Za-z0-9_]{0,1000}$", var.dataset_id))
    error_message = "dataset_id must contain letters, digits, and underscores, without the project."
  }
}

variable "dataset_location" {
  description = "Location of the datasets: a region, or EU or US. Default: region. It cannot be changed later."
  type        = string
  default     = null

  validation {
    condition     = can(regex("^([a-z]+-[a-z]+[0-9]+|EU|US)$", coalesce(var.dataset_location, "EU")))
    error_message = "dataset_location must be a region such as europe-west1, or EU or US."
  }
}

variable "results_retention_days" {
  description = "Age in days at which results are deleted. The history of models in production (the table releases) stays. Default: results are not deleted."
  type        = number
  default     = null

  validation {
    condition     = coalesce(var.results_retention_days, 1) >= 1
    error_message = "results_retention_days must be at least 1. Omit it to keep results."
  }
}

variable "time_travel_hours" {
  description = "Hours during which BigQuery can restore deleted rows: 48 to 168."
  type        = number
  default     = 168

  validation {
    condition     = var.time_travel_hours >= 48 && var.time_travel_hours <= 168
    error_message = "time_travel_hours must be 48 to 168. BigQuery does not support other values."
  }
}

variable "min_calls_per_group" {
  description = "Minimum number of calls for which a report about one agent shows emotion. Fewer calls are not representative of an agent."
  type        = number
  default     = 5

  validation {
    condition     = var.min_calls_per_group >= 1
    error_message = "min_calls_per_group must be at least 1."
  }
}

variable "store_metrics" {
  description = "Whether an hourly query stores the metrics of calls, so that reports do not read their segments: for 100,000 calls per month or more (docs/million-calls.md). A call then appears in reports after the next run."
  type        = bool
  default     = false
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to delete tables. Apply false before a teardown."
  type        = bool
  default     = true
}

# --- People ---------------------------------------------------------------------------------------------------------

variable "report_readers" {
  description = "IAM members (user:, group:, serviceAccount:, domain:) that read every report. They need a project to run queries in."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.report_readers : can(regex("^(user|group|serviceAccount|domain):[^:\\s]+$", member))])
    error_message = "report_readers must be members such as group:cx@example.com: user:, group:, serviceAccount:, or domain:. Public access is not supported."
  }
}

variable "operators" {
  description = "IAM members (user:, group:, serviceAccount:) that run callmood commands (backfill, retry-failures, erase, doctor) against the deployment, and read the tables."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.operators : can(regex("^(user|group|serviceAccount):[^:\\s]+$", member))])
    error_message = "operators must be members such as user:ada@example.com: user:, group:, or serviceAccount:."
  }
}

variable "queue_readers" {
  description = "IAM members that read the calls of one queue only, by queue. With at least one queue, only report_readers and operators read the calls of all queues."
  type        = map(list(string))
  default     = {}

  validation {
    condition     = alltrue([for member in flatten(values(var.queue_readers)) : can(regex("^(user|group|serviceAccount|domain):[^:\\s]+$", member))])
    error_message = "queue_readers must map a queue to members such as group:billing@example.com."
  }
  validation {
    condition     = length(distinct([for queue in keys(var.queue_readers) : replace(queue, "/[^A-Za-z0-9_]/", "_")])) == length(var.queue_readers)
    error_message = "queue_readers contains two queues that differ in punctuation only."
  }
}

# --- Security -------------------------------------------------------------------------------------------------------

variable "kms_key" {
  description = "Customer-managed encryption key: `create` for a new key ring and a rotating key, or the ID of an existing key in the region of the data. Default: Google-managed keys."
  type        = string
  default     = null

  validation {
    condition     = can(regex("^(create|projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+)$", coalesce(var.kms_key, "create")))
    error_message = "kms_key must be `create`, or projects/PROJECT/locations/REGION/keyRings/RING/cryptoKeys/KEY."
  }
  validation {
    condition     = try(regex("^projects/[^/]+/locations/([^/]+)/", var.kms_key)[0], var.region) == var.region
    error_message = "kms_key must be a key in the region of the deployment: Google Cloud does not encrypt data with a key in another location."
  }
  validation {
    condition     = var.kms_key == null || alltrue([for location in [var.bucket_location, var.dataset_location] : coalesce(location, var.region) == var.region])
    error_message = "kms_key needs all data in one region. Remove bucket_location and dataset_location, or set them to region."
  }
}

variable "data_access_logs" {
  description = "Whether to log reads and writes of objects and messages (Cloud Audit Logs). This replaces an existing audit configuration of Cloud Storage, Pub/Sub, and IAM in the project. The logs are billed by volume."
  type        = bool
  default     = false
}

variable "perimeter" {
  description = "Enclose the project in a service perimeter (VPC Service Controls): number of the access policy of the organization, and members with access from outside, including the deployer. With dry_run, the perimeter only logs violations. Default: no perimeter."
  type = object({
    access_policy = string
    members       = list(string)
    dry_run       = optional(bool, true)
  })
  default = null

  validation {
    condition     = can(regex("^[0-9]+$", try(var.perimeter.access_policy, "0")))
    error_message = "perimeter.access_policy must be the number of an access policy. To list them: gcloud access-context-manager policies list --organization=NUMBER"
  }
  validation {
    condition     = alltrue([for member in try(var.perimeter.members, []) : can(regex("^(user|serviceAccount):[^:\\s]+$", member))])
    error_message = "perimeter.members must be members such as user:ada@example.com: user: or serviceAccount:. Access levels do not support groups."
  }
}

# --- Operation ------------------------------------------------------------------------------------------------------

variable "monitor" {
  description = "Daily drift check of calls (docs/monitoring.md). schedule is a cron schedule in settings.time_zone. digest_weekday, 1 (Monday) to 7 (Sunday), is the last day of the week of a weekly digest (docs/alerts.md); default: no digest. null disables the check and the digest."
  type        = object({ schedule = optional(string, "30 4 * * *"), digest_weekday = optional(number) })
  default     = {}

  validation {
    condition     = can(regex("^(\\S+ ){4}\\S+$", try(var.monitor.schedule, "30 4 * * *")))
    error_message = "monitor.schedule must be a cron schedule with five fields, such as \"30 4 * * *\" for every day at 04:30."
  }
  validation {
    condition     = contains([1, 2, 3, 4, 5, 6, 7], try(coalesce(var.monitor.digest_weekday, 7), 7))
    error_message = "monitor.digest_weekday must be 1 (Monday) to 7 (Sunday). Omit it for no digest."
  }
}

variable "alert_emails" {
  description = "Email addresses that receive alerts."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for address in var.alert_emails : can(regex("^[^@\\s:]+@[^@\\s]+[.][^@\\s]+$", address))])
    error_message = "alert_emails must be plain email addresses, such as ops@example.com."
  }
}

variable "alert_thresholds" {
  description = "Alert thresholds: age of the oldest unprocessed event in seconds, ratio of failed requests, 95th percentile of the analysis time in seconds, and hours without a recording (default: no such alert, because call centers close at night)."
  type = object({
    oldest_event_s      = optional(number, 1800)
    error_ratio         = optional(number, 0.1)
    latency_s           = optional(number, 300)
    no_recordings_hours = optional(number)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.alert_thresholds.oldest_event_s >= 60 && var.alert_thresholds.latency_s > 0
    error_message = "alert_thresholds.oldest_event_s must be at least 60, and latency_s more than 0."
  }
  validation {
    condition     = var.alert_thresholds.error_ratio > 0 && var.alert_thresholds.error_ratio < 1
    error_message = "alert_thresholds.error_ratio must be between 0 and 1, such as 0.1 for 10%."
  }
  validation {
    condition     = coalesce(var.alert_thresholds.no_recordings_hours, 1) >= 1 && coalesce(var.alert_thresholds.no_recordings_hours, 1) <= 23
    error_message = "alert_thresholds.no_recordings_hours must be 1 to 23, the maximum of Cloud Monitoring."
  }
}

variable "budget" {
  description = "Monthly budget of the project: billing account (000000-AAAAAA-000000), and amount in its currency. Alerts are sent at 50, 90, and 100%. Default: no budget."
  type        = object({ billing_account = string, monthly_amount = number })
  default     = null

  validation {
    condition     = can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", try(var.budget.billing_account, "000000-000000-000000")))
    error_message = "budget.billing_account must be an ID such as 01A2B3-4C5D6E-7F8A9B. To list them: gcloud billing accounts list"
  }
  validation {
    condition     = try(var.budget.monthly_amount, 1) >= 1
    error_message = "budget.monthly_amount must be at least 1."
  }
}

# --- Models ---------------------------------------------------------------------------------------------------------

variable "retraining" {
  description = "Retraining pipeline (docs/retraining.md). It trains a model on a schedule and after drift, and runs it as a canary: gs:// URI of each corpus by name, training configuration, cron schedule (null: drift only), share of the recordings and duration of the canary, and options of `python -m model compare-canary`. calibration: calibrate the production model to the callers of the bucket on a schedule, and instead of retraining after drift (docs/calibration.md). composer: run the pipeline in a Cloud Composer environment, which also costs money while idle. It needs images.train. Default: no pipeline."
  type = object({
    corpora       = map(string)
    config        = optional(string, "model/configs/shipped.toml")
    schedule      = optional(string, "0 3 1 * *")
    canary_share  = optional(number, 0.1)
    canary_hours  = optional(number, 24)
    canary_limits = optional(string, "")
    calibration   = optional(object({ schedule = optional(string, "0 5 15 * *") }))
    composer = optional(object({
      size       = optional(string, "SMALL")
      image      = optional(string, "composer-3-airflow-2.10.5")
      network    = optional(string)
      subnetwork = optional(string)
      machine    = optional(object({ machine_type = string, accelerator_type = optional(string), accelerator_count = optional(number) }))
    }))
  })
  default = null

  validation {
    condition     = length(try(var.retraining.corpora, { some = "" })) > 0 && alltrue([for uri in values(try(var.retraining.corpora, {})) : can(regex("^gs://[a-z0-9][a-z0-9._-]+(/[^ ]*)?$", uri))])
    error_message = "retraining.corpora must map each corpus to a URI without spaces, such as { cremad = \"gs://acme-corpora/cremad\" }."
  }
  validation {
    condition     = alltrue([for name in keys(try(var.retraining.corpora, {})) : contains(["cremad", "emodb", "ravdess", "savee", "tess", "synthetic", "csv"], name)])
    error_message = "retraining.corpora must contain corpora that `python -m model ingest` reads: cremad, emodb, ravdess, savee, tess, synthetic (from `./run synthesize`), or csv (a list of your own calls)."
  }
  validation {
    condition     = var.retraining == null || var.images.train != null
    error_message = "retraining needs images.train. To build the image and set the option, run `./run images` (docs/deploy.md)."
  }
  validation {
    condition     = can(regex("^(\\S+ ){4}\\S+$", try(coalesce(var.retraining.schedule, "0 3 1 * *"), "0 3 1 * *")))
    error_message = "retraining.schedule must be a cron schedule with five fields, such as \"0 3 1 * *\" for the first day of each month at 03:00."
  }
  validation {
    condition     = can(regex("^(\\S+ ){4}\\S+$", try(coalesce(var.retraining.calibration.schedule, "0 5 15 * *"), "0 5 15 * *")))
    error_message = "retraining.calibration.schedule must be a cron schedule with five fields, such as \"0 5 15 * *\"."
  }
  validation {
    condition     = try(var.retraining.canary_share, 0.1) > 0 && try(var.retraining.canary_share, 0.1) < 1
    error_message = "retraining.canary_share must be between 0 and 1, such as 0.1 for a tenth of the recordings."
  }
  validation {
    condition     = try(var.retraining.canary_hours, 24) >= 1 && try(var.retraining.canary_hours, 24) <= 720
    error_message = "retraining.canary_hours must be 1 to 720."
  }
  validation {
    condition     = contains(["SMALL", "MEDIUM", "LARGE"], try(coalesce(var.retraining.composer.size, "SMALL"), "SMALL"))
    error_message = "retraining.composer.size must be SMALL, MEDIUM, or LARGE."
  }
}

variable "images" {
  description = "Images of infra/images, pinned by digest: REPOSITORY/NAME@sha256:DIGEST. serve runs the real-time service, and train the retraining pipeline. `./run images` builds both and writes this option to images.auto.tfvars.json."
  type        = object({ serve = optional(string), train = optional(string) })
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for image in compact([var.images.serve, var.images.train]) : can(regex("^[^@ ]+@sha256:[0-9a-f]{64}$", image))])
    error_message = "images must be pinned by digest, such as europe-west1-docker.pkg.dev/acme-calls-1/callmood-images/serve@sha256:…: Cloud Run resolves a tag once, and does not notice a new image."
  }
}

variable "functions_archive" {
  description = "Earlier archive to build the functions from, such as functions-….zip. `./run rollback` sets it. Default: the functions of this version."
  type        = string
  default     = null

  validation {
    condition     = can(regex("^functions-[0-9a-f]{64}[.]zip$", coalesce(var.functions_archive, "functions-${sha256("")}.zip")))
    error_message = "functions_archive must be the name of an archive in the bucket of the archives. To list them: gcloud storage ls \"gs://$(terraform output -raw sources_bucket)\""
  }
}

variable "source_repository" {
  description = "ID of a Cloud Build repository whose main branch the images are built from. Default: manual builds (infra/images)."
  type        = string
  default     = null

  validation {
    condition     = can(regex("^projects/[^/]+/locations/[^/]+/connections/[^/]+/repositories/[^/]+$", coalesce(var.source_repository, "projects/p/locations/l/connections/c/repositories/r")))
    error_message = "source_repository must be projects/PROJECT/locations/REGION/connections/NAME/repositories/NAME. To list them: gcloud builds repositories list"
  }
}
