"""Start bqemulator without a network: it would otherwise download DuckDB extensions that these tests do not need."""

from bqemulator.cli import main
from bqemulator.sql import catalog_schema
from bqemulator.storage.engine import DuckDBEngine

DuckDBEngine._load_spatial = lambda _self: None  # GEOGRAPHY
DuckDBEngine._load_format_extensions = lambda _self: None  # Avro loads

# It leaves out columns of a type that it does not map, such as RECORD, when it spells out the star of a SELECT *.
_mapped = catalog_schema._safe_bq_to_duckdb
catalog_schema._safe_bq_to_duckdb = lambda bq_type: _mapped(bq_type) or "VARCHAR"

main()
