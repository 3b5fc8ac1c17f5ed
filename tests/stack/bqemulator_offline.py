"""Start bqemulator without a network: it would otherwise download DuckDB extensions that these tests do not need."""

from bqemulator.cli import main
from bqemulator.storage.engine import DuckDBEngine

DuckDBEngine._load_spatial = lambda _self: None  # GEOGRAPHY
DuckDBEngine._load_format_extensions = lambda _self: None  # Avro loads

main()
