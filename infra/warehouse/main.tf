# Two datasets. The first contains the tables, and views for operators. The second contains the same views for report
# readers: they have access to the views, and the views have access to the tables.

locals {
  day_ms    = 24 * 60 * 60 * 1000
  tables    = { for file in fileset(var.schemas, "tables/*.json") : trimsuffix(basename(file), ".json") => jsondecode(file("${var.schemas}/${file}")) }
  has_queue = toset([for name, table in local.tables : name if contains(table.fields[*].name, "queue")])
  erasable  = toset([for name, table in local.tables : name if contains(table.fields[*].name, "recording_id") && name != "erasures"])
  # Rows of recordings identify copies of erased content, so they are deleted last.
  erase_order = concat(sort(setsubtract(local.erasable, ["recordings"])), ["recordings"])
  by_queue    = length(var.queue_readers) > 0
  accounts    = [for email in values(var.readers) : "serviceAccount:${email}"]
  # The function monitor and the query that stores metrics read views. A grant on a view would not survive its replacement.
  view_accounts = concat(["monitor"], var.store_metrics ? ["eraser"] : [])
  readers       = distinct(concat(var.report_readers, flatten(values(var.queue_readers)), [for name, email in var.readers : "serviceAccount:${email}" if contains(local.view_accounts, name)]))
  # Rows of these tables are kept: the changes of the model in production.
  permanent = toset(["releases"])
}

resource "google_bigquery_dataset" "tables" {
  project                    = var.deployment.project_id
  dataset_id                 = var.dataset_id
  location                   = var.location
  description                = "callmood: recordings, speech segments, failures, and erasures. Reports are in ${var.dataset_id}_reports."
  max_time_travel_hours      = tostring(var.time_travel_hours)
  delete_contents_on_destroy = false

  dynamic "default_encryption_configuration" {
    for_each = var.deployment.kms_key_id[*]
    content {
      kms_key_name = default_encryption_configuration.value
    }
  }

  access {
    role          = "OWNER"
    special_group = "projectOwners"
  }

  dynamic "access" {
    for_each = var.operators
    content {
      role           = "READER"
      user_by_email  = one(regexall("^(?:user|serviceAccount):(.+)$", access.value)[*][0])
      group_by_email = one(regexall("^group:(.+)$", access.value)[*][0])
    }
  }

  access {
    dataset {
      target_types = ["VIEWS"]
      dataset {
        project_id = google_bigquery_dataset.reports.project
        dataset_id = google_bigquery_dataset.reports.dataset_id
      }
    }
  }
}

resource "google_bigquery_dataset" "reports" {
  project                    = var.deployment.project_id
  dataset_id                 = "${var.dataset_id}_reports"
  location                   = var.location
  description                = "callmood: report views for Looker Studio and report readers."
  delete_contents_on_destroy = false

  dynamic "default_encryption_configuration" {
    for_each = var.deployment.kms_key_id[*]
    content {
      kms_key_name = default_encryption_configuration.value
    }
  }

  access {
    role          = "OWNER"
    special_group = "projectOwners"
  }

  dynamic "access" {
    for_each = local.readers
    content {
      role           = "READER"
      user_by_email  = one(regexall("^(?:user|serviceAccount):(.+)$", access.value)[*][0])
      group_by_email = one(regexall("^group:(.+)$", access.value)[*][0])
      domain         = one(regexall("^domain:(.+)$", access.value)[*][0])
    }
  }
}

resource "google_bigquery_table" "tables" {
  for_each = local.tables

  project             = var.deployment.project_id
  dataset_id          = google_bigquery_dataset.tables.dataset_id
  table_id            = each.key
  description         = each.value.description
  clustering          = each.value.clustering
  schema              = jsonencode(each.value.fields)
  deletion_protection = var.deletion_protection

  time_partitioning {
    type          = each.value.partitioning.type
    field         = each.value.partitioning.field
    expiration_ms = contains(local.permanent, each.key) ? null : one([for days in var.results_retention_days[*] : days * local.day_ms])
  }

  dynamic "encryption_configuration" {
    for_each = var.deployment.kms_key_id[*]
    content {
      kms_key_name = encryption_configuration.value
    }
  }

  lifecycle {
    # Another key would replace the table. BigQuery changes the key of an existing table in place (docs/deploy.md).
    ignore_changes = [encryption_configuration]
  }
}

module "views" {
  source   = "./views"
  for_each = toset([google_bigquery_dataset.tables.dataset_id, google_bigquery_dataset.reports.dataset_id])

  project_id     = var.deployment.project_id
  dataset_id     = each.key
  tables_dataset = google_bigquery_dataset.tables.dataset_id
  tables         = toset([for table in google_bigquery_table.tables : table.table_id])
  folder         = "${var.schemas}/views"
  parameters     = { time_zone = var.deployment.time_zone, min_calls_per_group = var.min_calls_per_group, store_metrics = var.store_metrics }
}

# Row access by queue. As soon as a table has a row access policy, principals without a policy get no rows.
resource "google_bigquery_row_access_policy" "all" {
  for_each = local.by_queue ? local.has_queue : []

  project          = var.deployment.project_id
  dataset_id       = google_bigquery_table.tables[each.key].dataset_id
  table_id         = each.key
  policy_id        = "all_queues"
  filter_predicate = "TRUE"
  grantees         = distinct(concat(var.report_readers, var.operators, local.accounts))
}

resource "google_bigquery_row_access_policy" "queue" {
  for_each = merge([
    for queue, readers in var.queue_readers : {
      for table in local.has_queue : "${table}/${queue}" => { table = table, queue = queue, readers = readers }
    }
  ]...)

  project          = var.deployment.project_id
  dataset_id       = google_bigquery_table.tables[each.value.table].dataset_id
  table_id         = each.value.table
  policy_id        = "queue_${replace(each.value.queue, "/[^A-Za-z0-9_]/", "_")}"
  filter_predicate = "queue = ${jsonencode(each.value.queue)}"
  grantees         = each.value.readers

  # With the first policy of a table, everyone else reads no rows.
  depends_on = [google_bigquery_row_access_policy.all]
}

# Views hide an erased call immediately. This query deletes its rows every night.
resource "google_bigquery_data_transfer_config" "erase" {
  project              = var.deployment.project_id
  location             = var.location
  display_name         = "${var.dataset_id}: delete the rows of erased calls"
  data_source_id       = "scheduled_query"
  schedule             = "every day 03:00"
  service_account_name = var.accounts["eraser"]

  params = {
    query = join("\n", concat(
      [
        for table in local.erase_order : templatefile("${path.module}/erase.sql", {
          dataset    = "${var.deployment.project_id}.${var.dataset_id}"
          table      = table
          written_at = one(setintersection(toset(local.tables[table].fields[*].name), toset(["analyzed_at", "failed_at", "annotated_at", "reviewed_at"])))
        })
      ],
      [templatefile("${path.module}/erase_details.sql", { dataset = "${var.deployment.project_id}.${var.dataset_id}" })],
    ))
  }

  depends_on = [google_bigquery_table.tables]
}

# Reports then read the stored metrics of past days, not their segments.
resource "google_bigquery_data_transfer_config" "store_metrics" {
  count = var.store_metrics ? 1 : 0

  project              = var.deployment.project_id
  location             = var.location
  display_name         = "${var.dataset_id}: store the metrics of calls"
  data_source_id       = "scheduled_query"
  schedule             = "every 1 hours"
  service_account_name = var.accounts["eraser"]

  params = {
    query = templatefile("${path.module}/store_metrics.sql", {
      dataset         = "${var.deployment.project_id}.${var.dataset_id}"
      reports         = "${var.deployment.project_id}.${google_bigquery_dataset.reports.dataset_id}"
      columns         = join(", ", local.tables["stored_metrics"].fields[*].name)
      related_columns = join(", ", local.tables["related_analyses"].fields[*].name)
      metrics_version = module.views[google_bigquery_dataset.reports.dataset_id].metrics_version
    })
  }

  depends_on = [module.views]
}

# The table of outcomes has no day of the call. Reports then read the outcomes of the days that they show.
resource "google_bigquery_data_transfer_config" "store_outcomes" {
  count = var.store_metrics ? 1 : 0

  project              = var.deployment.project_id
  location             = var.location
  display_name         = "${var.dataset_id}: store the outcomes of calls by day"
  data_source_id       = "scheduled_query"
  schedule             = "every day 04:00"
  service_account_name = var.accounts["eraser"]

  params = {
    query = templatefile("${path.module}/store_outcomes.sql", {
      dataset = "${var.deployment.project_id}.${var.dataset_id}"
      reports = "${var.deployment.project_id}.${google_bigquery_dataset.reports.dataset_id}"
      columns = join(", ", local.tables["stored_outcomes"].fields[*].name)
    })
  }

  depends_on = [module.views]
}
