output "dataset" {
  description = "Dataset of the tables, as `project.dataset`. It is available after the tables have their columns."
  value       = "${google_bigquery_dataset.tables.project}.${google_bigquery_dataset.tables.dataset_id}"
  depends_on  = [google_bigquery_table.tables]
}

output "reports_dataset" {
  description = "Report dataset, as `project.dataset`. It is available after the views have their columns."
  value       = "${google_bigquery_dataset.reports.project}.${google_bigquery_dataset.reports.dataset_id}"
  depends_on  = [module.views]
}

output "dataset_id" {
  description = "ID of the dataset of the tables."
  value       = google_bigquery_dataset.tables.dataset_id
}

output "reports_dataset_id" {
  description = "ID of the report dataset."
  value       = google_bigquery_dataset.reports.dataset_id
}

output "tables" {
  description = "IDs of the tables, by name. An ID is available after its table exists."
  value       = { for name, table in google_bigquery_table.tables : name => table.table_id }
}

output "erasable_tables" {
  description = "Names of the tables that the scheduled queries delete rows from."
  value       = setunion(local.erasable, ["call_details", "stored_outcomes"])
}

output "scheduled_queries" {
  description = "IDs of the scheduled queries (projects/…/transferConfigs/ID): `erase` deletes the rows of erased calls. With `store_metrics`, `store_metrics` stores the metrics of calls, and `store_outcomes` their outcomes."
  value = merge(
    { erase = google_bigquery_data_transfer_config.erase.name },
    { for config in google_bigquery_data_transfer_config.store_metrics : "store_metrics" => config.name },
    { for config in google_bigquery_data_transfer_config.store_outcomes : "store_outcomes" => config.name },
  )
}

output "views" {
  description = "Names of the report views."
  value       = module.views[google_bigquery_dataset.reports.dataset_id].names
}
