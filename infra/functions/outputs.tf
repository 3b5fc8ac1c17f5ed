output "services" {
  description = "Name and URL of each function, by function. The Cloud Run service of a function has the same name and URL."
  value = {
    for name, function in google_cloudfunctions2_function.functions :
    name => { name = function.name, url = function.service_config[0].uri }
  }
}

output "archive" {
  description = "Local path of the deployed archive."
  value       = data.archive_file.functions.output_path
}
