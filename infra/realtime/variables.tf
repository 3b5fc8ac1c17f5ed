variable "deployment" {
  description = "Project, name, region, encryption key (null for a Google-managed key), and VPC network (null for none) of the deployment. The name is the prefix of the service."
  type = object({
    project_id = string
    name       = string
    region     = string
    kms_key_id = optional(string)
    network = optional(object({
      connector  = optional(string)
      network    = optional(string)
      subnetwork = optional(string)
      egress     = optional(string, "PRIVATE_RANGES_ONLY")
    }))
  })
}

variable "image" {
  description = "Image to deploy, built from infra/images/serve.Containerfile, as REPOSITORY/serve@sha256:DIGEST."
  type        = string

  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.image))
    error_message = "image must be pinned by its digest (…@sha256:…): Cloud Run resolves a tag once, and does not notice a new image."
  }
}

variable "environment" {
  description = "Settings, as environment variables (docs/settings.md)."
  type        = map(string)
  default     = {}
}

variable "service" {
  description = "Ingress (all, or internal: only from VPC networks of the project and from its perimeter), callers (IAM members), IDs of the secrets that contain the session key and the API key, concurrent streams of one instance, and resources of the service."
  type = object({
    ingress            = optional(string, "all")
    callers            = optional(list(string), [])
    session_key_secret = optional(string)
    api_key_secret     = optional(string)
    max_streams        = optional(number, 8)
    cpu                = optional(string, "1")
    memory             = optional(string, "2Gi")
    min_instances      = optional(number, 0)
    max_instances      = optional(number, 5)
  })
  default = {}
}
