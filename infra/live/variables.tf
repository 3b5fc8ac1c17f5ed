variable "project_id" {
  description = "Project of the service."
  type        = string
}

variable "name" {
  description = "Name of the deployment; begins the service's name."
  type        = string
}

variable "region" {
  description = "Region of the service."
  type        = string
}

variable "image" {
  description = "Container image of infra/images/serve.Containerfile."
  type        = string
}

variable "environment" {
  description = "Settings, as environment variables (docs/settings.md)."
  type        = map(string)
  default     = {}
}

variable "callers" {
  description = "Who may call: user:, group: or serviceAccount: and an address."
  type        = list(string)
  default     = []
}

variable "session_key" {
  description = "Id of the secret that signs session and page tokens; null for calls in one part only."
  type        = string
  default     = null
}

variable "api_key" {
  description = "Id of the secret that holds the API key; with it IAM is asked no more, and whoever shows the key may call."
  type        = string
  default     = null
}

variable "calls" {
  description = "Live calls at once in one instance."
  type        = number
  default     = 8
}

variable "cpu" {
  description = "CPUs of an instance."
  type        = string
  default     = "1"
}

variable "memory" {
  description = "Memory of an instance."
  type        = string
  default     = "2Gi"
}

variable "min_instances" {
  description = "Instances that are kept warm."
  type        = number
  default     = 0
}

variable "max_instances" {
  description = "Instances at most."
  type        = number
  default     = 5
}

variable "network" {
  description = "VPC that the service reaches the world through: a Serverless VPC Access connector, or a network and subnetwork. Egress: PRIVATE_RANGES_ONLY or ALL_TRAFFIC."
  type = object({
    connector  = optional(string)
    network    = optional(string)
    subnetwork = optional(string)
    egress     = optional(string, "PRIVATE_RANGES_ONLY")
  })
  default = null
}

variable "kms_key_id" {
  description = "Key that the image is encrypted with; null for Google's."
  type        = string
  default     = null
}
