output "names" {
  description = "Name of each step's job, by the step's name."
  value       = { for step, job in google_cloud_run_v2_job.steps : step => job.name }
}

output "accounts" {
  description = "E-mail addresses of the accounts `trainer`, `registrar` and `comparer`."
  value       = { for name, account in google_service_account.accounts : name => account.email }
}
