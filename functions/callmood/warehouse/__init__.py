"""Append rows to BigQuery or DuckDB, and query them with BigQuery SQL."""
