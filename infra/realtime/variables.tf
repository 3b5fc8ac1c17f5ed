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

variable "default_image" {
  description = "Image to deploy if `service.image` is null, built from infra/images/serve.Containerfile."
  type        = string
}

variable "environment" {
  description = "Settings, as environment variables (docs/settings.md)."
  type        = map(string)
  default     = {}
}

variable "service" {
  description = "Image, callers (IAM members), IDs of the secrets that contain the session key and the API key, concurrent streams of one instance, and resources of the service."
  type = object({
    image              = optional(string)
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
