output "key_id" {
  description = "Id of the key, once Google's services may use it; null for Google's own keys."
  value       = local.key_id
  depends_on  = [google_kms_crypto_key_iam_member.agents]
}
