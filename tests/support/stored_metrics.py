"""Store the metrics and outcomes of calls as the scheduled queries of Terraform do, in each engine."""

from contextlib import contextmanager

from sql_statements import outcomes_script, outcomes_statements, storing_script, storing_statements

from callmood.warehouse import dialect
from callmood.warehouse import duckdb as duckdb_warehouse
from callmood.warehouse.bigquery import BigQueryWarehouse
from callmood.warehouse.dialect import to_duckdb
from callmood.warehouse.duckdb import DuckDBWarehouse


def store_metrics(warehouse):
    """Run the script. DuckDB and ZetaSQL have no scripts, so they run its statements."""
    if isinstance(warehouse, BigQueryWarehouse):
        warehouse._client.query(storing_script(str(warehouse._dataset))).result()
        return
    query, deletion, related, metrics = _local_sql(storing_statements())
    [[days]] = [row.values() for row in warehouse.query(query)]
    literals = ", ".join(f"DATE '{day}'" for day in days or []) or "NULL"
    metrics = metrics.replace("UNNEST(@days)", f"({literals})")
    if isinstance(warehouse, DuckDBWarehouse):
        with warehouse.session() as connection:
            for sql in (deletion, related, metrics):
                connection.execute(to_duckdb(sql))
    else:
        selected = [warehouse.query(sql.partition(")")[2]) for sql in (related, metrics)]
        warehouse.clear("related_analyses")
        for table, rows in zip(("related_analyses", "stored_metrics"), selected, strict=True):
            warehouse.append(table, rows)


def store_outcomes(warehouse):
    """Run the script that stores outcomes, or its statements."""
    if isinstance(warehouse, BigQueryWarehouse):
        warehouse._client.query(outcomes_script(str(warehouse._dataset))).result()
        return
    deletion, insertion = _local_sql(outcomes_statements())
    if isinstance(warehouse, DuckDBWarehouse):
        with warehouse.session() as connection:
            for sql in (deletion, insertion):
                connection.execute(to_duckdb(sql))
    else:
        warehouse.clear("stored_outcomes")
        warehouse.append("stored_outcomes", warehouse.query(insertion.partition(")")[2]))


def _local_sql(statements):
    return [statement.sql.replace("callmood.", "").replace("`", "") for statement in statements]


@contextmanager
def other_views(monkeypatch, **changed):
    """Change how templates of views are rendered: `first_unstored_day`, or `metrics_version`."""
    template = dialect.render

    def render(sql, **values):
        for name, value in changed.items():
            sql = sql.replace(f"${{{name}}}", value)
        return template(sql, **values)

    def forget():
        for cached in vars(duckdb_warehouse).values():
            if hasattr(cached, "cache_clear"):
                cached.cache_clear()

    with monkeypatch.context() as patched:
        patched.setattr(dialect, "render", render)
        forget()
        yield
    forget()
