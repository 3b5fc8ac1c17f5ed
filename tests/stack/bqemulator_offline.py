"""Start bqemulator without a network: it would otherwise download DuckDB extensions that these tests do not need."""

from bqemulator.cli import main
from bqemulator.sql import catalog_schema
from bqemulator.storage.engine import DuckDBEngine
from sqlglot import exp
from sqlglot.parser import Parser

DuckDBEngine._load_spatial = lambda _self: None  # GEOGRAPHY
DuckDBEngine._load_format_extensions = lambda _self: None  # Avro loads

# It leaves out columns of a type that it does not map, such as RECORD, when it spells out the star of a SELECT *.
_mapped = catalog_schema._safe_bq_to_duckdb
catalog_schema._safe_bq_to_duckdb = lambda bq_type: _mapped(bq_type) or "VARCHAR"

# It parses a query some twenty times, and SQLGlot copies subqueries to find joins such as `t, t.array`.
_unnest = Parser._implicit_unnests_to_explicit


def _unnest_arrays(parser, query):
    joins = query.args.get("joins") or ()
    is_possible = any(isinstance(join.this, exp.Table) and not join.args.get("on") for join in joins)
    return _unnest(parser, query) if is_possible else query


Parser._implicit_unnests_to_explicit = _unnest_arrays

main()
