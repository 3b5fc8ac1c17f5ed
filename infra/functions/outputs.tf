output "services" {
  description = "Name and URL of each function, by function. The Cloud Run service of a function has the same name and URL."
  value = {
    for name, function in google_cloudfunctions2_function.functions :
    name => { name = function.name, url = function.service_config[0].uri }
  }
}

output "archive" {
  description = "Name of the archive that the functions are built from, in the bucket of the archives."
  value       = local.archive
}

output "sources_bucket" {
  description = "Name of the bucket of the archives."
  value       = google_storage_bucket.sources.name
}
