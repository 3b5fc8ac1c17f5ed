# Views that do not depend on each other.

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
}
