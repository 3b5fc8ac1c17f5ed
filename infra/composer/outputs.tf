output "airflow_uri" {
  description = "URI of the Airflow web interface."
  value       = google_composer_environment.airflow.config[0].airflow_uri
}

output "dags" {
  description = "Content of the files of the DAGs, by name."
  value       = local.files
}
