output "urls" {
  description = "Address of each function's service on Cloud Run, by name."
  value       = { for name, function in google_cloudfunctions2_function.functions : name => function.service_config[0].uri }
}

output "names" {
  description = "Name of each function, and of its service on Cloud Run, by entry point."
  value       = { for name, function in google_cloudfunctions2_function.functions : name => function.name }
}

output "archive" {
  description = "The deployed archive: a file on this machine."
  value       = data.archive_file.functions.output_path
}
