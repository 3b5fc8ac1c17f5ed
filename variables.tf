# What can be chosen. Only the project has no default; every value is checked before anything is planned.

# --- The deployment -------------------------------------------------------------------------------------------------

variable "project_id" {
  description = "Id of an existing Google Cloud project with billing."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id must be a project's id, such as `acme-calls-1`: 6 to 30 lowercase letters, digits and hyphens. (Not its name, nor its number.)"
  }
}

variable "region" {
  description = "Region of the functions, and of all data unless said otherwise."
  type        = string
  default     = "europe-west1"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region must be one region, such as europe-west1 or us-central1: not a zone (europe-west1-b), nor a multi-region (EU)."
  }
}

variable "name" {
  description = "Name of the deployment. Two in one project need two names, and two values of dataset_id."
  type        = string
  default     = "callmood"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,11}[a-z0-9]$", var.name))
    error_message = "name must be 2 to 13 lowercase letters, digits and hyphens, beginning with a letter: accounts such as NAME-push-quarantine are limited to 30 characters."
  }
}

variable "labels" {
  description = "Labels of everything that can have some, for example for the bill."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key, value in var.labels : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))])
    error_message = "labels must have keys and values of at most 63 lowercase letters, digits, hyphens and underscores; keys begin with a letter."
  }
}

# --- Recordings -----------------------------------------------------------------------------------------------------

variable "bucket_name" {
  description = "Name of the recordings bucket. Default: PROJECT-NAME-recordings."
  type        = string
  default     = null

  validation {
    condition     = var.bucket_name == null || can(regex("^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$", coalesce(var.bucket_name, "none")))
    error_message = "bucket_name must be 3 to 63 lowercase letters, digits, hyphens, underscores and dots, without gs://."
  }
}

variable "bucket_location" {
  description = "Location of the recordings: a region, or EU, US, ASIA. Default: region. Cannot be changed later."
  type        = string
  default     = null

  validation {
    condition     = can(regex("^([a-z]+-[a-z]+[0-9]+|EU|US|ASIA)$", coalesce(var.bucket_location, "EU")))
    error_message = "bucket_location must be a region such as europe-west1, or EU, US or ASIA."
  }
}

variable "retention_days" {
  description = "Days after which a recording is deleted; its results stay. Default: never."
  type        = number
  default     = null

  validation {
    condition     = coalesce(var.retention_days, 1) >= 1 && floor(coalesce(var.retention_days, 1)) == coalesce(var.retention_days, 1)
    error_message = "retention_days must be a whole number of days, at least 1. Leave it out to keep recordings."
  }
}

variable "locked_retention_days" {
  description = "Days during which nobody at all can delete a recording. Locked for ever: it can be raised, never lowered. Default: none."
  type        = number
  default     = null

  validation {
    condition     = coalesce(var.locked_retention_days, 1) >= 1 && coalesce(var.locked_retention_days, 1) <= 3650
    error_message = "locked_retention_days must be 1 to 3650. Leave it out for no lock."
  }
}

variable "colder_after_days" {
  description = "Days after which a recording moves to a cheaper storage class that is dearer to read, by class."
  type        = map(number)
  default     = { NEARLINE = 30, COLDLINE = 90 }

  validation {
    condition     = alltrue([for class, days in var.colder_after_days : contains(["NEARLINE", "COLDLINE", "ARCHIVE"], class) && days >= 1])
    error_message = "colder_after_days must map NEARLINE, COLDLINE or ARCHIVE to days of at least 1."
  }
}

variable "soft_delete_days" {
  description = "Days for which a deleted recording can be brought back: 7 to 90, or 0 for none."
  type        = number
  default     = 7

  validation {
    condition     = var.soft_delete_days == 0 || (var.soft_delete_days >= 7 && var.soft_delete_days <= 90)
    error_message = "soft_delete_days must be 0, or 7 to 90: Cloud Storage allows nothing between."
  }
}

variable "replay_days" {
  description = "Days for which events are kept, so that they can be replayed by a seek: 1 to 31."
  type        = number
  default     = 7

  validation {
    condition     = var.replay_days >= 1 && var.replay_days <= 31
    error_message = "replay_days must be 1 to 31."
  }
}

# --- Analysis -------------------------------------------------------------------------------------------------------

variable "settings" {
  description = "Settings of the analysis (docs/settings.md); what is left out keeps its default. max_size_bytes: a third of analyze.memory."
  type = object({
    model_uri             = optional(string)
    channel_roles         = optional(list(string))
    analyze_agent_emotion = optional(bool)
    erase_on_delete       = optional(bool)
    filename_pattern      = optional(string)
    time_zone             = optional(string)
    max_duration_s        = optional(number)
    max_size_bytes        = optional(number)
    prior                 = optional(map(number))
    confidence_threshold  = optional(number)
    reference_uri         = optional(string)
    retrain_after_days    = optional(number)
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for role in coalesce(var.settings.channel_roles, []) : contains(["agent", "customer", "mixed"], role)])
    error_message = "settings.channel_roles must name agent, customer or mixed for channels 0, 1, …"
  }
  validation {
    condition     = can(regex("^gs://[^/@]+(/.+|@[A-Za-z0-9][A-Za-z0-9_-]*)$", coalesce(var.settings.model_uri, "gs://a/b")))
    error_message = "settings.model_uri must be gs://BUCKET/OBJECT, or gs://BUCKET/PREFIX@ALIAS of a model registry (docs/registry.md)."
  }
  validation {
    condition     = can(regex("\\(\\?P<\\w+>", coalesce(var.settings.filename_pattern, "(?P<call_id>)")))
    error_message = "settings.filename_pattern must have named groups, such as (?P<call_id>[0-9]+)."
  }
  validation {
    condition     = coalesce(var.settings.confidence_threshold, 0) >= 0 && coalesce(var.settings.confidence_threshold, 0) <= 1
    error_message = "settings.confidence_threshold must be 0 to 1."
  }
  validation {
    condition     = coalesce(var.settings.max_duration_s, 1) > 0 && coalesce(var.settings.max_size_bytes, 1) > 0
    error_message = "settings.max_duration_s and settings.max_size_bytes must be more than 0."
  }
}

variable "analyze" {
  description = "Resources of the function that analyses: memory, CPUs, recordings at once in one instance, instances, and seconds for one recording (docs/scale.md)."
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
    error_message = "analyze.memory must be such as 2Gi, and analyze.cpu 1, 2, 4, 6 or 8."
  }
  validation {
    condition     = tonumber(try(regex("^([0-9]+)Gi$", var.analyze.memory)[0], 1)) <= tonumber(var.analyze.cpu) * 4
    error_message = "analyze.memory must be at most 4Gi for each CPU: raise analyze.cpu with it."
  }
  validation {
    condition     = var.analyze.concurrency >= 1 && var.analyze.concurrency <= 1000
    error_message = "analyze.concurrency must be 1 to 1000; analysis keeps a CPU busy, so more than one a CPU gains nothing."
  }
  validation {
    condition     = var.analyze.min_instances >= 0 && var.analyze.max_instances >= 1 && var.analyze.min_instances <= var.analyze.max_instances
    error_message = "analyze.min_instances must be 0 or more, and at most analyze.max_instances."
  }
  validation {
    condition     = var.analyze.timeout_s >= 60 && var.analyze.timeout_s <= 590
    error_message = "analyze.timeout_s must be 60 to 590: Pub/Sub waits 600 s for an answer, then delivers again."
  }
}

variable "alert_webhook" {
  description = "Post every call that needs attention to a webhook: ids of the Secret Manager secrets in this project that hold its address (url) and the signing key (signature; docs/settings.md, ALERT_SECRET). Default: none."
  type        = object({ url = string, signature = optional(string) })
  default     = null

  validation {
    condition     = alltrue([for id in compact([try(var.alert_webhook.url, null), try(var.alert_webhook.signature, null)]) : can(regex("^[A-Za-z0-9_-]{1,255}$", id))])
    error_message = "alert_webhook must name secrets in Secret Manager, not hold them: gcloud secrets create callmood-alert-url --data-file=-"
  }
}

variable "live" {
  description = "Judge recordings at once, and calls while they go on (docs/realtime.md): a Cloud Run service. callers: who may call it; session_key, api_key: ids of secrets in Secret Manager; calls: at once in one instance; function: also the Cloud Function score, for recordings alone. Default: none."
  type = object({
    image         = optional(string)
    callers       = optional(list(string), [])
    session_key   = optional(string)
    api_key       = optional(string)
    calls         = optional(number, 8)
    cpu           = optional(string, "1")
    memory        = optional(string, "2Gi")
    min_instances = optional(number, 0)
    max_instances = optional(number, 5)
    function      = optional(bool, false)
  })
  default = null

  validation {
    condition     = alltrue([for member in try(var.live.callers, []) : can(regex("^(user|group|serviceAccount):[^:\\s]+$", member))])
    error_message = "live.callers must be such as serviceAccount:telephony@PROJECT.iam.gserviceaccount.com: user:, group: or serviceAccount:, never everybody."
  }
  validation {
    condition     = alltrue([for id in compact([try(var.live.session_key, null), try(var.live.api_key, null)]) : can(regex("^[A-Za-z0-9_-]{1,255}$", id))])
    error_message = "live.session_key and live.api_key must name secrets in Secret Manager, not hold them: openssl rand -base64 32 | gcloud secrets create callmood-session-key --data-file=-"
  }
  validation {
    condition     = try(var.live.calls, 1) >= 1 && try(var.live.calls, 1) <= 200
    error_message = "live.calls must be 1 to 200; `./run bench realtime --calls N` measures how many one core can listen to."
  }
  validation {
    condition     = try(var.live.min_instances, 0) >= 0 && try(var.live.min_instances, 0) <= try(var.live.max_instances, 1)
    error_message = "live.min_instances must be 0 or more, and at most live.max_instances."
  }
}

variable "max_delivery_attempts" {
  description = "Deliveries after which an event becomes a dead letter."
  type        = number
  default     = 5

  validation {
    condition     = var.max_delivery_attempts >= 5 && var.max_delivery_attempts <= 100
    error_message = "max_delivery_attempts must be 5 to 100: Pub/Sub allows nothing else."
  }
}

variable "network" {
  description = "VPC that the functions reach the world through: connector (Serverless VPC Access), or network and subnetwork (direct egress). Default: none."
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
  description = "BigQuery dataset of the tables; reports are read from DATASET_reports."
  type        = string
  default     = "callmood"

  validation {
    condition     = can(regex("^[A-Za-z_][A-Za-z0-9_]{0,1000}$", var.dataset_id))
    error_message = "dataset_id must be letters, digits and underscores, without the project."
  }
}

variable "dataset_location" {
  description = "Location of the datasets: a region, or EU or US. Default: region. Cannot be changed later."
  type        = string
  default     = null

  validation {
    condition     = can(regex("^([a-z]+-[a-z]+[0-9]+|EU|US)$", coalesce(var.dataset_location, "EU")))
    error_message = "dataset_location must be a region such as europe-west1, or EU or US."
  }
}

variable "results_retention_days" {
  description = "Days after which a day's results are deleted. Default: never."
  type        = number
  default     = null

  validation {
    condition     = coalesce(var.results_retention_days, 1) >= 1
    error_message = "results_retention_days must be at least 1. Leave it out to keep results."
  }
}

variable "time_travel_hours" {
  description = "Hours for which BigQuery can bring deleted rows back: 48 to 168."
  type        = number
  default     = 168

  validation {
    condition     = var.time_travel_hours >= 48 && var.time_travel_hours <= 168
    error_message = "time_travel_hours must be 48 to 168: BigQuery allows nothing else."
  }
}

variable "min_calls_per_group" {
  description = "Reports about one agent show emotion only from this many calls on: a few calls say little about anybody."
  type        = number
  default     = 5

  validation {
    condition     = var.min_calls_per_group >= 1
    error_message = "min_calls_per_group must be at least 1."
  }
}

variable "deletion_protection" {
  description = "Refuse to delete tables. Apply once with false before a teardown."
  type        = bool
  default     = true
}

# --- People ---------------------------------------------------------------------------------------------------------

variable "report_readers" {
  description = "Who reads every report: user:, group:, serviceAccount: or domain: and an address. They need a project to run queries in."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.report_readers : can(regex("^(user|group|serviceAccount|domain):[^:\\s]+$", member))])
    error_message = "report_readers must be such as group:cx@example.com: user:, group:, serviceAccount: or domain:, never everybody."
  }
}

variable "operators" {
  description = "Who runs callmood's commands (backfill, replay, erase, doctor) against the deployment, and reads the tables: user:, group: or serviceAccount:."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.operators : can(regex("^(user|group|serviceAccount):[^:\\s]+$", member))])
    error_message = "operators must be such as user:ada@example.com: user:, group: or serviceAccount:."
  }
}

variable "queue_readers" {
  description = "Who sees one queue's calls only, by queue. As soon as one is named, only report_readers and operators see all."
  type        = map(list(string))
  default     = {}

  validation {
    condition     = alltrue([for member in flatten(values(var.queue_readers)) : can(regex("^(user|group|serviceAccount|domain):[^:\\s]+$", member))])
    error_message = "queue_readers must map a queue to members such as group:billing@example.com."
  }
  validation {
    condition     = length(distinct([for queue in keys(var.queue_readers) : replace(queue, "/[^A-Za-z0-9_]/", "_")])) == length(var.queue_readers)
    error_message = "queue_readers names two queues that differ in punctuation only."
  }
}

# --- Security -------------------------------------------------------------------------------------------------------

variable "kms_key" {
  description = "Encrypt with a key of your own: `create` makes a key ring and a key that rotates, an id names an existing one in the same region. Default: Google's keys."
  type        = string
  default     = null

  validation {
    condition     = can(regex("^(create|projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+)$", coalesce(var.kms_key, "create")))
    error_message = "kms_key must be `create`, or projects/PROJECT/locations/REGION/keyRings/RING/cryptoKeys/KEY."
  }
}

variable "data_access_logs" {
  description = "Log who reads and writes objects and messages. Charged by volume as logging."
  type        = bool
  default     = true
}

variable "perimeter" {
  description = "Enclose the project in a service perimeter (VPC Service Controls): number of the organization's access policy, and who may reach the data from outside; whoever deploys must be among them. dry_run only logs. Default: none."
  type = object({
    access_policy = string
    members       = list(string)
    dry_run       = optional(bool, true)
  })
  default = null

  validation {
    condition     = can(regex("^[0-9]+$", try(var.perimeter.access_policy, "0")))
    error_message = "perimeter.access_policy must be the number of the organization's access policy: gcloud access-context-manager policies list --organization=NUMBER"
  }
  validation {
    condition     = alltrue([for member in try(var.perimeter.members, []) : can(regex("^(user|serviceAccount):[^:\\s]+$", member))])
    error_message = "perimeter.members must be user: or serviceAccount: and an address; an access level takes no groups."
  }
}

variable "monitor" {
  description = "Compare each day's calls with what the model knows (docs/monitoring.md); schedule: when, as cron has it, in settings.time_zone. null: never."
  type        = object({ schedule = optional(string, "30 4 * * *") })
  default     = {}

  validation {
    condition     = can(regex("^(\\S+ ){4}\\S+$", try(var.monitor.schedule, "30 4 * * *")))
    error_message = "monitor.schedule must have five fields, as cron has it: \"30 4 * * *\" is every day at half past four."
  }
}

# --- Operation ------------------------------------------------------------------------------------------------------

variable "alert_emails" {
  description = "E-mail addresses that alerts go to."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for address in var.alert_emails : can(regex("^[^@\\s:]+@[^@\\s]+[.][^@\\s]+$", address))])
    error_message = "alert_emails must be plain e-mail addresses, such as ops@example.com."
  }
}

variable "alert_thresholds" {
  description = "When to alert: seconds that the oldest recording waits, share of attempts that fail, seconds for one analysis, hours without any recording (default: never, for phones rest at night)."
  type = object({
    oldest_waiting_s = optional(number, 1800)
    error_share      = optional(number, 0.1)
    latency_s        = optional(number, 300)
    silence_hours    = optional(number)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.alert_thresholds.oldest_waiting_s >= 60 && var.alert_thresholds.latency_s > 0
    error_message = "alert_thresholds.oldest_waiting_s must be at least 60, and latency_s more than 0."
  }
  validation {
    condition     = var.alert_thresholds.error_share > 0 && var.alert_thresholds.error_share < 1
    error_message = "alert_thresholds.error_share must be between 0 and 1, such as 0.1 for 10 %."
  }
  validation {
    condition     = coalesce(var.alert_thresholds.silence_hours, 1) >= 1 && coalesce(var.alert_thresholds.silence_hours, 1) <= 23
    error_message = "alert_thresholds.silence_hours must be 1 to 23: Cloud Monitoring looks back no further."
  }
}

variable "budget" {
  description = "Monthly budget of the project: billing account (000000-AAAAAA-000000) and amount in its currency. Alerts at 50, 90 and 100 %. Default: none."
  type        = object({ billing_account = string, monthly_amount = number })
  default     = null

  validation {
    condition     = can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", try(var.budget.billing_account, "000000-000000-000000")))
    error_message = "budget.billing_account must be such as 01A2B3-4C5D6E-7F8A9B: gcloud billing accounts list"
  }
  validation {
    condition     = try(var.budget.monthly_amount, 1) >= 1
    error_message = "budget.monthly_amount must be at least 1."
  }
}

# --- Models ---------------------------------------------------------------------------------------------------------

variable "retraining" {
  description = "Make new models of these corpora (address of each, by its name in model.data.ingest), from time to time and when calls drift, and try each on a share of the recordings (docs/retraining.md). composer: in a Cloud Composer environment of this size, which costs money while idle too. Default: none."
  type = object({
    corpora     = map(string)
    image       = optional(string)
    config      = optional(string, "model/configs/shipped.toml")
    schedule    = optional(string, "0 3 1 * *")
    share       = optional(number, 0.1)
    watch_hours = optional(number, 24)
    limits      = optional(string, "")
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
    condition     = length(try(var.retraining.corpora, { some = "" })) > 0 && alltrue([for root in values(try(var.retraining.corpora, {})) : can(regex("^gs://[a-z0-9][a-z0-9._-]+(/[^ ]*)?$", root))])
    error_message = "retraining.corpora must give each corpus its address without spaces, such as { cremad = \"gs://acme-corpora/cremad\" }."
  }
  validation {
    condition     = alltrue([for name in keys(try(var.retraining.corpora, {})) : contains(["cremad", "emodb", "ravdess", "savee", "tess", "synthetic", "csv"], name)])
    error_message = "retraining.corpora must name cremad, emodb, ravdess, savee, tess, synthetic, or csv. `./run synthesize` makes synthetic; csv is a list of your own calls."
  }
  validation {
    condition     = can(regex("^(\\S+ ){4}\\S+$", try(coalesce(var.retraining.schedule, "0 3 1 * *"), "0 3 1 * *")))
    error_message = "retraining.schedule must have five fields, as cron has it: \"0 3 1 * *\" is the first of each month at three."
  }
  validation {
    condition     = try(var.retraining.share, 0.1) > 0 && try(var.retraining.share, 0.1) < 1
    error_message = "retraining.share must be between 0 and 1, such as 0.1 for a tenth of the recordings."
  }
  validation {
    condition     = try(var.retraining.watch_hours, 24) >= 1 && try(var.retraining.watch_hours, 24) <= 720
    error_message = "retraining.watch_hours must be 1 to 720."
  }
  validation {
    condition     = contains(["SMALL", "MEDIUM", "LARGE"], try(coalesce(var.retraining.composer.size, "SMALL"), "SMALL"))
    error_message = "retraining.composer.size must be SMALL, MEDIUM or LARGE."
  }
}

variable "source_repository" {
  description = "Id of a Cloud Build repository whose main branch the images are built from. Default: images are built by hand (infra/images)."
  type        = string
  default     = null

  validation {
    condition     = can(regex("^projects/[^/]+/locations/[^/]+/connections/[^/]+/repositories/[^/]+$", coalesce(var.source_repository, "projects/p/locations/l/connections/c/repositories/r")))
    error_message = "source_repository must be such as projects/PROJECT/locations/REGION/connections/NAME/repositories/NAME: gcloud builds repositories list"
  }
}
