"""One definition for two warehouses: reporting views and queries are BigQuery SQL, and DuckDB runs them translated.

SQLGlot translates. This module fills in the templates of `schemas/views`, drops the dataset's name, which a local store
does not have, and corrects the few functions whose translation would run in DuckDB and answer something else.
"""

from __future__ import annotations

import re
from graphlib import TopologicalSorter
from pathlib import Path

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError
from sqlglot.generators.duckdb import DuckDBGenerator

from callmood.errors import QueryError

_VARIABLE = re.compile(r"\$\{(\w+)\}")


def render(sql: str, *, dataset: str, time_zone: str = "UTC", min_calls_per_group: int = 5) -> str:
    """Fill in the template of a view, as Terraform's `templatefile` does.

    Parameters
    ----------
    sql : str
        BigQuery SQL with ``${dataset}``, ``${time_zone}`` or ``${min_calls_per_group}`` in it.
    dataset : str
        ``dataset`` or ``project.dataset``.
    time_zone : str
        IANA zone of hours of day.
    min_calls_per_group : int
        Rows about one agent show emotion only from this many calls on.

    Returns
    -------
    str
        BigQuery SQL.

    Raises
    ------
    QueryError
        The template names another variable.
    """
    values = {"dataset": dataset, "time_zone": time_zone, "min_calls_per_group": str(min_calls_per_group)}

    def value(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise QueryError(f"unknown variable {match[0]}; known are {', '.join(values)}")
        return values[match[1]]

    return _VARIABLE.sub(value, sql)


def to_duckdb(sql: str, dataset: str = "callmood", *, time_zone: str = "UTC", min_calls_per_group: int = 5) -> str:
    """Translate BigQuery SQL, template or not, for a local store.

    The connection must have ``SET TimeZone = 'UTC'``, which is BigQuery's default zone.

    Parameters
    ----------
    sql : str
        One statement of BigQuery SQL.
    dataset : str
        What the local store stands for: ``callmood.calls`` and ``any-project.callmood.calls`` become ``calls``.
    time_zone, min_calls_per_group
        As in `render`.

    Returns
    -------
    str
        DuckDB SQL.

    Raises
    ------
    QueryError
        The query is no valid BigQuery SQL, or DuckDB has nothing like it.

    Examples
    --------
    >>> to_duckdb("SELECT COUNTIF(p_anger > 0.5) AS n FROM callmood.segments_current")
    'SELECT COUNT(*) FILTER(WHERE p_anger > 0.5e0) AS n FROM segments_current'
    """
    sql = render(sql, dataset=dataset, time_zone=time_zone, min_calls_per_group=min_calls_per_group)
    try:
        statements = sqlglot.parse(sql, read="bigquery")
        if len(statements) != 1 or statements[0] is None:
            raise QueryError(f"the local store runs one statement at a time, not {sum(map(bool, statements))}")
        for table in statements[0].find_all(exp.Table):
            if table.db == dataset.rpartition(".")[2]:
                table.set("db", None)
                table.set("catalog", None)
        return _Generator(dialect="duckdb", unsupported_level=ErrorLevel.RAISE).generate(statements[0])
    except SqlglotError as error:
        raise QueryError(f"the local store cannot run this query: {error}") from None


def view_templates(folder: Path) -> dict[str, str]:
    """Every view's BigQuery SQL template by name, each after the views it reads.

    Parameters
    ----------
    folder : Path
        Holds one ``NAME.sql`` a view (`schemas/views`).

    Returns
    -------
    dict of str to str
        In an order in which they can be created.
    """
    templates = {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.sql"))}
    reads = {name: set(re.findall(r"\$\{dataset\}\.(\w+)", sql)) & templates.keys() for name, sql in templates.items()}
    return {name: templates[name] for name in TopologicalSorter(reads).static_order()}


class _Generator(DuckDBGenerator):
    """SQLGlot's DuckDB, corrected where it says something else than BigQuery means."""

    def countif_sql(self, expression: exp.CountIf) -> str:
        # COUNT_IF is a HUGEINT, and NULL over NULLs; BigQuery's COUNTIF an INT64, and 0.
        return f"COUNT(*) FILTER(WHERE {self.sql(expression, 'this')})"

    def datetrunc_sql(self, expression: exp.DateTrunc) -> str:
        # A DATE becomes a TIMESTAMP in DuckDB; in BigQuery it stays a DATE.
        return f"CAST({super().datetrunc_sql(expression)} AS DATE)"

    def _date_arithmetic(self, expression: exp.Expr) -> str:
        # The same.
        return f"CAST({DuckDBGenerator.TRANSFORMS[type(expression)](self, expression)} AS DATE)"

    def extract_sql(self, expression: exp.Extract) -> str:
        part = expression.this.name.upper()
        if part == "WEEK":
            self.unsupported("EXTRACT(WEEK …) counts from Sundays; use ISOWEEK")
        if part == "ISOWEEK":  # is what DuckDB calls WEEK
            expression.set("this", exp.var("WEEK"))
        sql = super().extract_sql(expression)
        return f"({sql} + 1)" if part == "DAYOFWEEK" else sql  # Sunday is DuckDB's 0 and BigQuery's 1

    def _format_time(self, expression: exp.TimeToStr) -> str:
        # SQLGlot forgets the zone of FORMAT_TIMESTAMP.
        zone = expression.args.get("zone")
        if zone:
            moment = exp.cast(expression.this.this, exp.DType.TIMESTAMPTZ)
            expression.set("this", exp.AtTimeZone(this=moment, zone=zone))
        return DuckDBGenerator.TRANSFORMS[exp.TimeToStr](self, expression)

    def format_sql(self, expression: exp.Format) -> str:
        # DuckDB's FORMAT speaks another language; its PRINTF is BigQuery's FORMAT.
        return self.func("PRINTF", expression.this, *expression.expressions)

    def approxquantiles_sql(self, expression: exp.ApproxQuantiles) -> str:
        count = int(expression.expression.name)
        fractions = ", ".join(str(k / count) for k in range(count + 1))
        return f"QUANTILE_DISC({self.sql(expression, 'this')}, [{fractions}])"

    def arrayagg_sql(self, expression: exp.ArrayAgg) -> str:
        # ARRAY_AGG(x ORDER BY y LIMIT n) is the first n of all.
        if isinstance(expression.this, exp.Limit):
            limit = expression.this
            return self.func("LIST_SLICE", exp.ArrayAgg(this=limit.this), exp.Literal.number(1), limit.expression)
        return super().arrayagg_sql(expression)

    def unnest_sql(self, expression: exp.Unnest) -> str:
        if expression.args.get("offset"):  # would count from 1
            self.unsupported("UNNEST … WITH OFFSET is not supported; use ROW_NUMBER() OVER (…) - 1")
        return super().unnest_sql(expression)

    def literal_sql(self, expression: exp.Literal) -> str:
        # 0.5 is a DECIMAL in DuckDB and a FLOAT64 in BigQuery; 0.5e0 is a DOUBLE.
        sql = super().literal_sql(expression)
        return f"{sql}e0" if expression.is_number and "." in sql and "e" not in sql.lower() else sql

    TRANSFORMS = {  # noqa: RUF012 - as SQLGlot declares it
        **DuckDBGenerator.TRANSFORMS,
        exp.DateAdd: _date_arithmetic,
        exp.DateSub: _date_arithmetic,
        exp.TimeToStr: _format_time,
    }
