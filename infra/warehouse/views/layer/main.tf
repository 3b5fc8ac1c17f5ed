# Views that do not depend on each other.

# BigQuery cannot change the columns of a view together with its query, and the provider would drop a removed column from the
# view like from a table. A view whose columns change is therefore replaced. Readers have access to the dataset, so no grant is
# lost. A view whose query alone changes stays.
resource "terraform_data" "columns" {
  for_each = var.views

  input = each.value.columns
}

resource "google_bigquery_table" "views" {
  # checkov:skip=CKV_GCP_80: a view contains no data to encrypt
  # checkov:skip=CKV_GCP_121: a view contains no data to protect, and is replaced when its file changes
  for_each = var.views

  project             = var.project_id
  dataset_id          = var.dataset_id
  table_id            = each.key
  description         = each.value.description
  schema              = each.value.schema
  deletion_protection = false

  view {
    query          = each.value.query
    use_legacy_sql = false
  }

  lifecycle {
    replace_triggered_by = [terraform_data.columns[each.key]]
  }
}
