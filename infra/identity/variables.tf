variable "deployment" {
  description = "Project, name, region of the functions, and service agents of the deployment. The name is the prefix of the accounts."
  type = object({
    project_id     = string
    project_number = string
    name           = string
    region         = string
    service_agents = object({ pubsub = string })
  })
}

variable "ingest" {
  description = "Names of the bucket for recordings and of its topic."
  type        = object({ bucket = string, topic = string })
}

variable "warehouse" {
  description = "Dataset and tables (IDs by name), and names of the tables that an erasure deletes rows from."
  type = object({
    dataset_id      = string
    tables          = map(string)
    erasable_tables = set(string)
  })
}

variable "model_uri" {
  description = "`gs://` URI of another emotion model, which `analyze` gets read access to; null for the deployed model."
  type        = string
  default     = null
}

variable "reference_uri" {
  description = "`gs://` URI of the drift reference, which `monitor` gets read access to; null for the reference of the model."
  type        = string
  default     = null
}

variable "monitor" {
  description = "Whether the function `monitor` is deployed."
  type        = bool
  default     = true
}

variable "alert_secrets" {
  description = "IDs of the secrets that the function `alert` reads, or null if it is not deployed."
  type        = object({ url_secret = string, signing_key_secret = optional(string) })
  default     = null
}

variable "operators" {
  description = "IAM members (`user:`, `group:`, `serviceAccount:`) that run callmood commands against the deployment."
  type        = list(string)
  default     = []
}
