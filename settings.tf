# What the functions are told, and names that several modules share.

locals {
  schemas = "${path.root}/schemas"
  bucket  = coalesce(var.bucket_name, "${var.project_id}-${var.name}-recordings")

  # The function that answers at once, where it is wanted beside the service.
  score = try(var.live.function, false) ? var.live : null

  # A recording is fetched into memory, and decoding it takes about as much again.
  memory_bytes = tonumber(regex("^[0-9]+", var.analyze.memory)) * pow(2, endswith(var.analyze.memory, "Gi") ? 30 : 20)

  # Settings reach the functions as environment variables: docs/settings.md.
  environment = merge(
    {
      GOOGLE_CLOUD_PROJECT = var.project_id
      DATASET              = "${var.project_id}.${var.dataset_id}"
      RESULTS_TOPIC        = module.results.topic_id
      REPORTS_DATASET      = "${var.project_id}.${var.dataset_id}_reports"
      METRICS_PREFIX       = "custom.googleapis.com/${var.name}"
      MAX_SIZE_BYTES       = tostring(floor(local.memory_bytes / 3))
      # The storage library would ask for the bucket's own metadata in the background, which no function may read.
      DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA = "true"
    },
    var.retraining == null ? {} : { RETRAIN_TOPIC = module.schedule[0].topic },
    { for name, value in var.settings : upper(name) => try(join(",", value), tostring(value), jsonencode(value)) if value != null },
  )

  training_image = try(coalesce(var.retraining.image, "${module.registry.images}/train:latest"), null)
  corpora        = join(" ", [for name, root in try(var.retraining.corpora, {}) : "${name}=${root}"])

  # What every step of the making of a model is told, by whoever runs it: python -m model step --help.
  retraining_options = var.retraining == null ? [] : [
    "--corpora", local.corpora,
    "--config", var.retraining.config,
    "--registry", module.registry.uri,
    "--cache", "gs://${module.registry.runs}/features",
    "--share", tostring(var.retraining.share),
    "--results", "${var.project_id}.${var.dataset_id}",
    "--limits=${var.retraining.limits}", # its value begins with hyphens
  ]
}
