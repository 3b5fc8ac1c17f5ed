output "urls" {
  description = "Address of each function's service on Cloud Run, by name; without `score`, which takes no events."
  value       = { for name, function in google_cloudfunctions2_function.functions : name => function.service_config[0].uri if name != "score" }
}

output "names" {
  description = "Name of each function, and of its service on Cloud Run, by entry point; without `score`."
  value       = { for name, function in google_cloudfunctions2_function.functions : name => function.name if name != "score" }
}

output "score_url" {
  description = "Address of the function `score`; null without it."
  value       = try(google_cloudfunctions2_function.functions["score"].service_config[0].uri, null)
}

output "archive" {
  description = "The deployed archive: a file on this machine."
  value       = data.archive_file.functions.output_path
}
