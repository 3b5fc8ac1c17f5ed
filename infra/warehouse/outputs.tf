output "dataset" {
  description = "The tables' dataset, as `project.dataset`."
  value       = "${google_bigquery_dataset.tables.project}.${google_bigquery_dataset.tables.dataset_id}"
}

output "dataset_id" {
  description = "Id of the tables' dataset."
  value       = google_bigquery_dataset.tables.dataset_id
}

output "reports_dataset_id" {
  description = "Id of the reports' dataset."
  value       = google_bigquery_dataset.reports.dataset_id
}

output "tables" {
  description = "Ids of the tables, by name; known once a table is there."
  value       = { for name, table in google_bigquery_table.tables : name => table.table_id }
}

output "views" {
  description = "Names of the report views."
  value       = module.views[google_bigquery_dataset.reports.dataset_id].names
}
