variable "project_id" {
  description = "Project of the jobs."
  type        = string
}

variable "name" {
  description = "Name of the deployment; begins the jobs' and accounts' names."
  type        = string
}

variable "region" {
  description = "Region of the jobs."
  type        = string
}

variable "image" {
  description = "The training image, such as REGION-docker.pkg.dev/PROJECT/REPOSITORY/train:latest."
  type        = string
}

variable "corpora" {
  description = "Address of each corpus, `gs://BUCKET/FOLDER`, by its name in model.ingest."
  type        = map(string)
}

variable "runs" {
  description = "Name of the bucket of runs."
  type        = string
}

variable "models" {
  description = "Name of the bucket of models."
  type        = string
}

variable "dataset_id" {
  description = "Id of the tables' dataset."
  type        = string
}

variable "tables" {
  description = "Ids of the tables, by name."
  type        = map(string)
}

variable "network" {
  description = "VPC that the jobs reach the world through: a Serverless VPC Access connector, or a network and subnetwork. Egress: PRIVATE_RANGES_ONLY or ALL_TRAFFIC."
  type = object({
    connector  = optional(string)
    network    = optional(string)
    subnetwork = optional(string)
    egress     = optional(string, "PRIVATE_RANGES_ONLY")
  })
  default = null
}

variable "kms_key_id" {
  description = "Key that the jobs' images are encrypted with; null for Google's."
  type        = string
  default     = null
}
