"""Store rows in BigQuery or in DuckDB."""
