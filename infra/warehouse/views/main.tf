# The views of one dataset, made in the order in which they read each other. A view's file names what it reads as
# `$${dataset}.name`: tables lie in one dataset, the views that a view reads beside it.

locals {
  sql   = { for file in fileset(var.folder, "*.sql") : trimsuffix(file, ".sql") => file("${var.folder}/${file}") }
  names = toset(keys(local.sql))
  reads = {
    for name, sql in local.sql : name => setintersection(local.names, flatten(regexall("\\$\\{dataset\\}\\.(\\w+)", sql)))
  }

  # Terraform knows no recursion: a layer holds the views that read only earlier ones.
  layer_0 = toset([for name in local.names : name if length(local.reads[name]) == 0])
  layer_1 = toset([for name in setsubtract(local.names, local.upto_0) : name if length(setsubtract(local.reads[name], local.upto_0)) == 0])
  layer_2 = toset([for name in setsubtract(local.names, local.upto_1) : name if length(setsubtract(local.reads[name], local.upto_1)) == 0])
  layer_3 = toset([for name in setsubtract(local.names, local.upto_2) : name if length(setsubtract(local.reads[name], local.upto_2)) == 0])
  layer_4 = toset([for name in setsubtract(local.names, local.upto_3) : name if length(setsubtract(local.reads[name], local.upto_3)) == 0])
  upto_0  = local.layer_0
  upto_1  = setunion(local.upto_0, local.layer_1)
  upto_2  = setunion(local.upto_1, local.layer_2)
  upto_3  = setunion(local.upto_2, local.layer_3)
  upto_4  = setunion(local.upto_3, local.layer_4)

  settled = { for name, sql in local.sql : name => replace(replace(sql, "$${time_zone}", var.time_zone), "$${min_calls_per_group}", var.min_calls_per_group) }

  # Column descriptions, where a file beside the view gives them all (not only those that a view adds to a table's); else
  # what the view's first comment says.
  told   = { for name in local.names : name => try(jsondecode(file("${var.folder}/${name}.json")), null) }
  opened = { for name, sql in local.settled : name => join(" ", flatten(regexall("(?m)^-- ?(.*)$", try(regex("^(?:--[^\n]*\n)+", sql), "")))) }

  a_table = "`\\$\\{dataset\\}\\.(${join("|", var.tables)})`"
  placed  = { for name, sql in local.settled : name => replace(sql, "/${local.a_table}/", "`${var.project_id}.${var.tables_dataset}.$1`") }
  views = {
    for name, sql in local.placed : name => {
      query       = replace(sql, "$${dataset}.", "${var.project_id}.${var.dataset_id}.")
      description = trimspace(local.told[name] == null ? local.opened[name] : local.told[name].description)
      schema      = local.told[name] == null || can(local.told[name].fields_of) ? null : jsonencode(local.told[name].fields)
    }
  }
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
