"""Bytes that a query reads in BigQuery, from the columns that it references and the sizes of BigQuery's types.

The plan of DuckDB names the columns and the days of each scan. https://cloud.google.com/bigquery/pricing#data states
the sizes. Each scan of a table counts, although BigQuery can read a column once for several scans.
"""

import json
import re

import duckdb

from callmood.warehouse.schema import tables

_FIXED = {"INT64": 8, "FLOAT64": 8, "DATE": 8, "TIMESTAMP": 8, "BOOL": 1}


def read_bytes(path, sql):
    """Return the bytes that a query reads by table.

    Parameters
    ----------
    path : Path
        Local store.
    sql : str
        Query in DuckDB's SQL.
    """
    found = dict.fromkeys(tables(), 0)
    with duckdb.connect(str(path), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        # These optimizers hide the columns that the plan reads.
        connection.execute("SET disabled_optimizers = 'late_materialization, top_n_window_elimination'")
        [(_, plan)] = connection.execute(f"EXPLAIN (FORMAT json) {sql}").fetchall()
        for table, columns, days in _scans(json.loads(plan)):
            sizes = " + ".join(_size(field) for field in tables()[table].fields if field.name in columns) or "0"
            [(size,)] = connection.execute(f"SELECT SUM({sizes}) FROM {table} WHERE {days or 'TRUE'}").fetchall()
            found[table] += size or 0
    return {table: size for table, size in found.items() if size}


def _scans(nodes):
    for node in nodes:
        extra = node.get("extra_info", {})
        if "Table" in extra and (table := extra["Table"].rpartition(".")[2]) in tables():
            columns, filters = extra.get("Projections", []), extra.get("Filters", [])
            columns = {columns} if isinstance(columns, str) else set(columns)
            text = filters if isinstance(filters, str) else " AND ".join(filters)
            bound = rf"{tables()[table].partition_field} *[<>=]+ *'[^']+'::(?:DATE|TIMESTAMP WITH TIME ZONE)"
            yield table, columns, " AND ".join(re.findall(bound, text))
        yield from _scans(node["children"])


def _size(field):
    if field.type == "RECORD":
        member = " + ".join(
            f"2 + strlen(x.{each.name})" if each.type == "STRING" else str(_FIXED[each.type]) for each in field.fields
        )
        return f"COALESCE(list_sum([{member} for x in {field.name}]), 0)"
    if field.mode == "REPEATED":
        return f"COALESCE(list_sum([2 + strlen(x) for x in {field.name}]), 0)"
    if field.type == "STRING":
        return f"COALESCE(2 + strlen({field.name}), 0)"
    return f"IF({field.name} IS NULL, 0, {_FIXED[field.type]})"
