# The views of one dataset, created in the order of their dependencies. A view refers to tables and other views as
# `$${dataset}.name`, and to SQL that several views contain as `$${part}`, a file in `parts`. Tables are in one dataset; a
# view reads other views from its own dataset.

locals {
  parts = { for name in ["call_fields", "emotion_sums", "group_sums", "half_widths"] : name => trimspace(file("${var.folder}/parts/${name}.sql")) }
  sql = {
    for file in fileset(var.folder, "*.sql") : trimsuffix(file, ".sql") => replace(replace(replace(replace(
      file("${var.folder}/${file}"), "$${call_fields}", local.parts.call_fields), "$${group_sums}", local.parts.group_sums),
      "$${half_widths}", local.parts.half_widths), "$${emotion_sums}", local.parts.emotion_sums
    )
  }
  names = toset(keys(local.sql))
  reads = {
    for name, sql in local.sql : name => setintersection(local.names, flatten(regexall("\\$\\{dataset\\}\\.(\\w+)", sql)))
  }

  # Terraform has no recursion. The views of a layer read views of earlier layers only.
  layer_0 = toset([for name in local.names : name if length(local.reads[name]) == 0])
  layer_1 = toset([for name in setsubtract(local.names, local.upto_0) : name if length(setsubtract(local.reads[name], local.upto_0)) == 0])
  layer_2 = toset([for name in setsubtract(local.names, local.upto_1) : name if length(setsubtract(local.reads[name], local.upto_1)) == 0])
  layer_3 = toset([for name in setsubtract(local.names, local.upto_2) : name if length(setsubtract(local.reads[name], local.upto_2)) == 0])
  layer_4 = toset([for name in setsubtract(local.names, local.upto_3) : name if length(setsubtract(local.reads[name], local.upto_3)) == 0])
  layer_5 = toset([for name in setsubtract(local.names, local.upto_4) : name if length(setsubtract(local.reads[name], local.upto_4)) == 0])
  layer_6 = toset([for name in setsubtract(local.names, local.upto_5) : name if length(setsubtract(local.reads[name], local.upto_5)) == 0])
  layer_7 = toset([for name in setsubtract(local.names, local.upto_6) : name if length(setsubtract(local.reads[name], local.upto_6)) == 0])
  layer_8 = toset([for name in setsubtract(local.names, local.upto_7) : name if length(setsubtract(local.reads[name], local.upto_7)) == 0])
  layer_9 = toset([for name in setsubtract(local.names, local.upto_8) : name if length(setsubtract(local.reads[name], local.upto_8)) == 0])
  upto_0  = local.layer_0
  upto_1  = setunion(local.upto_0, local.layer_1)
  upto_2  = setunion(local.upto_1, local.layer_2)
  upto_3  = setunion(local.upto_2, local.layer_3)
  upto_4  = setunion(local.upto_3, local.layer_4)
  upto_5  = setunion(local.upto_4, local.layer_5)
  upto_6  = setunion(local.upto_5, local.layer_6)
  upto_7  = setunion(local.upto_6, local.layer_7)
  upto_8  = setunion(local.upto_7, local.layer_8)
  upto_9  = setunion(local.upto_8, local.layer_9)

  # Column descriptions from the JSON file next to the view, if it lists all columns (not only the columns that the view
  # adds to a table). The description of the view is in the same file, or in the first comment of the SQL file.
  metadata = { for name in local.names : name => try(jsondecode(file("${var.folder}/${name}.json")), null) }
  comments = { for name, sql in local.rendered : name => join(" ", flatten(regexall("(?m)^-- ?(.*)$", try(regex("^(?:--[^\n]*\n)+", sql), "")))) }

  # Values of the placeholders. The days are constants for BigQuery, so a view reads the partitions that it needs.
  today = "CURRENT_DATE('${var.parameters.time_zone}')"
  placeholders = {
    last_day            = local.today
    first_unstored_day  = var.parameters.store_metrics ? "DATE '9999-12-31'" : "DATE '0001-01-01'"
    time_zone           = var.parameters.time_zone
    min_calls_per_group = tostring(var.parameters.min_calls_per_group)
    metrics_version     = local.metrics_version
  }
  # As in callmood/warehouse/dialect.py: a change of these views computes stored metrics again.
  metrics_version = substr(sha256(join("", [for name in ["analysis_segments", "analysis_turns", "unstored_metrics"] : local.sql[name]])), 0, 12)
  rendered = {
    for name, sql in local.sql : name => replace(replace(replace(replace(replace(
      sql, "$${last_day}", local.placeholders.last_day), "$${first_unstored_day}", local.placeholders.first_unstored_day),
      "$${metrics_version}", local.placeholders.metrics_version), "$${time_zone}", local.placeholders.time_zone),
      "$${min_calls_per_group}", local.placeholders.min_calls_per_group
    )
  }
  table_reference = "`\\$\\{dataset\\}\\.(${join("|", var.tables)})`"
  resolved        = { for name, sql in local.rendered : name => replace(sql, "/${local.table_reference}/", "`${var.project_id}.${var.tables_dataset}.$1`") }
  views = {
    for name, sql in local.resolved : name => {
      query       = replace(sql, "$${dataset}.", "${var.project_id}.${var.dataset_id}.")
      description = trimspace(local.metadata[name] == null ? local.comments[name] : local.metadata[name].description)
      schema      = local.metadata[name] == null || can(local.metadata[name].fields_of) ? null : jsonencode(local.metadata[name].fields)
      columns     = local.metadata[name] == null ? [sha256(sql)] : [for field in local.columns[name] : "${field.name} ${field.type}"]
    }
  }

  # All columns of each view: those of the table or the view that it extends (fields_of), and its own. The columns of a view
  # without a JSON file are unknown, so a hash of its query represents them.
  extended = { for name, view in local.metadata : name => try(view.fields_of, "") }
  own      = { for name, view in local.metadata : name => try(view.fields, []) }
  of_table = { for name, base in local.extended : name => concat(try(jsondecode(file("${var.folder}/../tables/${base}.json")).fields, []), local.own[name]) }
  of_view  = { for name, base in local.extended : name => concat(try(local.of_table[base], []), local.of_table[name]) }
  of_views = { for name, base in local.extended : name => concat(try(local.of_view[base], []), local.of_table[name]) }
  columns  = { for name, base in local.extended : name => concat(try(local.of_views[base], []), local.of_table[name]) }
}

module "layer_0" {
  source     = "./layer"
  project_id = var.project_id
  dataset_id = var.dataset_id
  views      = { for name in local.layer_0 : name => local.views[name] }
}

module "layer_1" {
  source     = "./layer"
  project_id = var.project_id
  dataset_id = var.dataset_id
  views      = { for name in local.layer_1 : name => local.views[name] }
  depends_on = [module.layer_0]
}

module "layer_2" {
  source     = "./layer"
  project_id = var.project_id
  dataset_id = var.dataset_id
  views      = { for name in local.layer_2 : name => local.views[name] }
  depends_on = [module.layer_1]
}

module "layer_3" {
  source     = "./layer"
  project_id = var.project_id
  dataset_id = var.dataset_id
  views      = { for name in local.layer_3 : name => local.views[name] }
  depends_on = [module.layer_2]
}

module "layer_4" {
  source     = "./layer"
  project_id = var.project_id
  dataset_id = var.dataset_id
  views      = { for name in local.layer_4 : name => local.views[name] }
  depends_on = [module.layer_3]
}

module "layer_5" {
  source     = "./layer"
  project_id = var.project_id
  dataset_id = var.dataset_id
  views      = { for name in local.layer_5 : name => local.views[name] }
  depends_on = [module.layer_4]
}

module "layer_6" {
  source     = "./layer"
  project_id = var.project_id
  dataset_id = var.dataset_id
  views      = { for name in local.layer_6 : name => local.views[name] }
  depends_on = [module.layer_5]
}

module "layer_7" {
  source     = "./layer"
  project_id = var.project_id
  dataset_id = var.dataset_id
  views      = { for name in local.layer_7 : name => local.views[name] }
  depends_on = [module.layer_6]
}

module "layer_8" {
  source     = "./layer"
  project_id = var.project_id
  dataset_id = var.dataset_id
  views      = { for name in local.layer_8 : name => local.views[name] }
  depends_on = [module.layer_7]
}

module "layer_9" {
  source     = "./layer"
  project_id = var.project_id
  dataset_id = var.dataset_id
  views      = { for name in local.layer_9 : name => local.views[name] }
  depends_on = [module.layer_8]
}
