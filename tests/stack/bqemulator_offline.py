"""Start bqemulator without a network, and keep views in its DuckDB database.

It would otherwise download DuckDB extensions that these tests do not need, and translate all views below a query again
for each query, which takes seconds.
"""

from bqemulator.catalog.duckdb_repository import DuckDBCatalogRepository
from bqemulator.cli import main
from bqemulator.jobs import executor
from bqemulator.scripting import interpreter
from bqemulator.sql import catalog_schema
from bqemulator.sql.inner_query import rewrite_and_translate_statement
from bqemulator.sql.rewriter import row_access_filter
from bqemulator.sql.table_rewriter import rewrite_table_refs
from bqemulator.storage.engine import DuckDBEngine
from sqlglot import exp, parse
from sqlglot.errors import SqlglotError
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

_created = {}  # the query of each view in DuckDB, by project, dataset, and name


def _view_dataset(dataset):
    """Return the dataset of the views in DuckDB: in their own, the emulator keeps an empty table for each view."""
    return f"{dataset}__views"


async def _translate(sql, *, project_id, ctx, **options):
    """Translate a statement, after the views that it reads are created in DuckDB."""
    for name in _tables(sql, project_id):
        table = ctx.catalog.get_table(*name)
        if table is not None and table.view_query and _created.get(name) != table.view_query:
            query = await _translate(table.view_query, project_id=project_id, ctx=ctx, **options)
            schema = f'"{table.project_id}__{_view_dataset(table.dataset_id)}"'
            ctx.engine.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
            ctx.engine.execute(
                f'CREATE OR REPLACE VIEW {schema}."{table.table_id}" AS {rewrite_table_refs(query, project_id)}'
            )
            _created[name] = table.view_query
    return await rewrite_and_translate_statement(sql, project_id=project_id, ctx=ctx, **options)


def _refer_to_view(_rewriter, table, *, view_project, view_dataset, view_table, **_view):
    """Replace the reference to a view by one to the view in DuckDB."""
    alias = table.alias or view_table
    table.replace(exp.alias_(exp.table_(view_table, _view_dataset(view_dataset), view_project), alias, table=True))
    return True


def _tables(sql, project_id):
    try:
        statements = parse(sql, read="bigquery")
    except SqlglotError:
        return []  # the emulator reports it
    tables = [table for statement in statements if statement for table in statement.find_all(exp.Table)]
    return dict.fromkeys((table.catalog or project_id, table.db, table.name) for table in tables if table.db)


def _forgetting_views(change):
    """Create the views again after a change of a table, because DuckDB keeps their columns."""

    def changed(catalog, *arguments, **options):
        _created.clear()
        return change(catalog, *arguments, **options)

    return changed


def _updated(catalog, table):
    before = catalog.get_table(table.project_id, table.dataset_id, table.table_id)
    if before is None or (before.schema_, before.view_query) != (table.schema_, table.view_query):
        _created.clear()
    return _update(catalog, table)


executor.rewrite_and_translate_statement = interpreter.rewrite_and_translate_statement = _translate
row_access_filter._Rewriter._expand_view = _refer_to_view
_update = DuckDBCatalogRepository.update_table
DuckDBCatalogRepository.update_table = _updated
for _name in ("create_table", "delete_table", "delete_dataset"):
    setattr(DuckDBCatalogRepository, _name, _forgetting_views(getattr(DuckDBCatalogRepository, _name)))

main()
