"""Create a dataset in the BigQuery emulator, with the tables and views that Terraform creates."""

from google.cloud import bigquery
from stack.services import ROOT

from callmood.warehouse.dialect import render, view_templates
from callmood.warehouse.schema import tables


def create_dataset(client, name, **variables):
    """Create the dataset; `variables` are rendered into the views."""
    dataset = client.create_dataset(name)
    for table in tables().values():
        made = bigquery.Table(dataset.table(table.name), schema=[_column(field) for field in table.fields])
        made.description = table.description
        made.time_partitioning = bigquery.TimePartitioning(field=table.partition_field)
        made.clustering_fields = list(table.clustering)
        client.create_table(made)
    for view, sql in view_templates(ROOT / "schemas/views").items():
        made = bigquery.Table(dataset.table(view))
        made.view_query = render(sql, dataset=name, **variables)
        client.create_table(made)


def _column(field):
    inner = [_column(sub) for sub in field.fields]
    return bigquery.SchemaField(field.name, field.type, field.mode, description=field.description, fields=inner)
