"""Every query that the product sends to BigQuery filters tables and views by day: it reads only some partitions."""

import pytest
import sqlglot
from sql_statements import outcomes_statements, python_statements, scheduled_statements, storing_statements
from sqlglot import exp

from callmood.warehouse.schema import tables, views

DATED = {
    *(name for name, table in tables().items() if table.partition_field == "call_date"),
    *(name for name, view in views().items() if "call_date" in {field.name for field in view.fields}),
}

# These modules query local stores only.
LOCAL_MODULES = {
    "callmood.cli.analyze",
    "callmood.cli.demo",
    "callmood.cli.digest",
    "callmood.cli.monitor",
    "callmood.cli.query",
    "callmood.report.serve",
    "callmood.services.local_files",
    "model.evaluation.call_flags",
    "model.evaluation.simulate",
}

# Statements that read all days, and the reason.
ALL_DAYS = {
    "callmood.monitoring.annotations": "the call of a review can have moved to another day; it reads two columns",
    "callmood.services.erase": "an erasure must find every recording of a call or customer",
    "callmood.services.details": "a call of any day can have a start on another day; it reads four columns",
    "callmood.services.reprocess": "the recordings of a bucket have any day",
    "infra/warehouse/erase.sql": "an erased recording has any day",
    "infra/warehouse/store_metrics.sql": "an analysis without stored metrics has any day; a variable prunes segments",
    "infra/warehouse/store_outcomes.sql": "outcomes are loaded for calls of any day; two columns of recordings",
}

_LOWER_BOUNDS = (exp.EQ, exp.GT, exp.GTE, exp.Between)


def unfiltered_relations(sql):
    """Return the tables and views that a query reads without a constant lower bound of call_date."""
    statement = sqlglot.parse_one(sql, read="bigquery")
    names = {cte.alias for cte in statement.find_all(exp.CTE)}
    found = set()
    for query in statement.find_all(exp.Select, exp.Delete):
        sources = [query.this] if isinstance(query, exp.Delete) else _sources(query)
        conditions = [condition for clause in _clauses(query) for condition in _conjuncts(clause)]
        for source in sources:
            if isinstance(source, exp.Table) and source.name in DATED - names:
                qualifiers = {source.alias_or_name, *({""} if len(sources) == 1 else ())}
                if not any(_bounds_day(condition, qualifiers) for condition in conditions):
                    found.add(source.name)
    return found


def _sources(query):
    clauses = [query.args.get("from_"), *query.args.get("joins", ())]
    return [clause.this for clause in clauses if clause]


def _clauses(query):
    where = query.args.get("where")
    return [
        *([where.this] if where else ()),
        *(join.args["on"] for join in query.args.get("joins", ()) if join.args.get("on")),
    ]


def _conjuncts(condition):
    return list(condition.flatten()) if isinstance(condition, exp.And) else [condition]


def _bounds_day(condition, qualifiers):
    if not isinstance(condition, _LOWER_BOUNDS):
        return False
    column, *others = condition.iter_expressions()
    is_day = isinstance(column, exp.Column) and column.name == "call_date" and column.table in qualifiers
    return is_day and not any(other.find(exp.Column, exp.Select) for other in others)


STATEMENTS = [
    each
    for each in [*python_statements(), *scheduled_statements(), *storing_statements(), *outcomes_statements()]
    if each.source not in LOCAL_MODULES
]


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: statement.name)
def test_query_filters_by_day(statement):
    reads_all_days = statement.source.split(" for ")[0] in ALL_DAYS
    assert not unfiltered_relations(statement.sql) or reads_all_days


def test_only_named_statements_read_all_days():
    reading = {each.source.split(" for ")[0] for each in STATEMENTS if unfiltered_relations(each.sql)}
    assert reading == set(ALL_DAYS)


@pytest.mark.parametrize(
    ("sql", "relations"),
    {
        "SELECT * FROM calls": {"calls"},
        "SELECT * FROM calls WHERE call_date >= @day": set(),
        "SELECT * FROM calls WHERE call_date BETWEEN @first AND DATE '2026-11-02' AND queue = 'a'": set(),
        "SELECT * FROM calls WHERE call_date < @day": {"calls"},
        "SELECT * FROM calls WHERE call_date >= @day OR queue = 'a'": {"calls"},
        "SELECT * FROM calls WHERE call_date IN (SELECT call_date FROM drift_checks)": {"calls", "drift_checks"},
        "SELECT 1 FROM calls AS c JOIN turns AS t ON t.call_date = c.call_date WHERE c.call_date = @day": {"turns"},
        "SELECT 1 FROM calls AS c JOIN turns AS t ON t.call_date = @day WHERE c.call_date = @day": set(),
        "WITH a AS (SELECT * FROM calls) SELECT * FROM a WHERE call_date = @day": {"calls"},
        "SELECT * FROM erasures": set(),
    }.items(),
)
def test_filters_are_found(sql, relations):
    assert unfiltered_relations(sql) == relations
