# A key of one's own (CMEK) for everything that holds customer data: made and rotated here, or an existing one.

locals {
  make   = var.kms_key == "create"
  key_id = local.make ? one(google_kms_crypto_key.data[*].id) : var.kms_key
}

resource "google_kms_key_ring" "data" {
  count = local.make ? 1 : 0

  project  = var.project_id
  name     = var.name
  location = var.location
}

resource "google_kms_crypto_key" "data" {
  # checkov:skip=CKV_GCP_82: the deletion policy keeps the key, and unlike prevent_destroy lets the rest be torn down
  count = local.make ? 1 : 0

  name                       = "${var.name}-data"
  key_ring                   = one(google_kms_key_ring.data[*].id)
  rotation_period            = "${var.rotation_days * 24 * 60 * 60}s"
  deletion_policy            = "ABANDON" # whoever destroys the key destroys every recording and every row
  destroy_scheduled_duration = "${30 * 24 * 60 * 60}s"

  version_template {
    algorithm        = "GOOGLE_SYMMETRIC_ENCRYPTION"
    protection_level = var.protection_level
  }
}

resource "google_kms_crypto_key_iam_member" "agents" {
  for_each = var.kms_key == null ? {} : var.agents

  crypto_key_id = local.key_id
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = each.value
}
