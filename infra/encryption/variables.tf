variable "project_id" {
  description = "Project that the key ring is made in."
  type        = string
}

variable "name" {
  description = "Name of the deployment; names the key ring."
  type        = string
}

variable "location" {
  description = "Region of the key: that of the data."
  type        = string
}

variable "kms_key" {
  description = "null (Google's keys), `create` (a key ring and a rotated key), or the id of an existing key."
  type        = string
  default     = null
}

variable "agents" {
  description = "IAM members of Google's services that encrypt and decrypt with the key, by a name."
  type        = map(string)
}

variable "rotation_days" {
  description = "Days between two versions of the key."
  type        = number
  default     = 90
}

variable "protection_level" {
  description = "SOFTWARE, or HSM for a hardware module."
  type        = string
  default     = "SOFTWARE"

  validation {
    condition     = contains(["SOFTWARE", "HSM"], var.protection_level)
    error_message = "protection_level must be SOFTWARE or HSM."
  }
}
