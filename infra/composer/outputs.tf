output "airflow" {
  description = "Address of Airflow's pages."
  value       = google_composer_environment.airflow.config[0].airflow_uri
}

output "dags" {
  description = "The files that Composer gets, by name."
  value       = local.files
}
