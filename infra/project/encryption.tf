# The customer-managed encryption key (CMEK) of everything that holds customer data: a new key, or an existing one.

locals {
  create_key = var.kms_key == "create"
  kms_key_id = local.create_key ? one(google_kms_crypto_key.data[*].id) : var.kms_key
}

resource "google_kms_key_ring" "data" {
  count = local.create_key ? 1 : 0

  project  = var.project_id
  name     = var.name
  location = var.region
}

resource "google_kms_crypto_key" "data" {
  # checkov:skip=CKV_GCP_82: the deletion policy keeps the key, and unlike prevent_destroy allows a teardown of the rest
  count = local.create_key ? 1 : 0

  name                       = "${var.name}-data"
  key_ring                   = one(google_kms_key_ring.data[*].id)
  rotation_period            = "${var.key_rotation_days * 24 * 60 * 60}s"
  deletion_policy            = "ABANDON" # without the key, every recording and every row is unreadable
  destroy_scheduled_duration = "${30 * 24 * 60 * 60}s"

  version_template {
    algorithm        = "GOOGLE_SYMMETRIC_ENCRYPTION"
    protection_level = var.key_protection_level
  }
}

resource "google_kms_crypto_key_iam_member" "service_agents" {
  for_each = var.kms_key == null ? {} : local.service_agents

  crypto_key_id = local.kms_key_id
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = each.value

  depends_on = [
    google_project_service_identity.agents,
    data.google_storage_project_service_account.storage,
    data.google_bigquery_default_service_account.bigquery,
  ]
}
