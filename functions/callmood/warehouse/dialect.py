"""Translate BigQuery SQL for DuckDB, so that one definition of views and queries serves both warehouses.

SQLGlot translates. This module renders the templates of `schemas/views`, removes the dataset from table names, and
corrects functions for which SQLGlot's translation returns a different result.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import date
from functools import cache, lru_cache
from graphlib import TopologicalSorter
from pathlib import Path

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError
from sqlglot.generators.duckdb import DuckDBGenerator

from callmood.errors import QueryError
from callmood.resources import SCHEMAS

_VARIABLE = re.compile(r"\$\{(\w+)\}")
_TEXT_OR_PARAMETER = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|/\*.*?\*/|\$(\w+)""", re.DOTALL)

_TIME_UNITS = ("MICROSECOND", "MILLISECOND", "SECOND", "MINUTE", "HOUR")

# Days after which a week of BigQuery is one of DuckDB, which begins on Monday.
_WEEKS = {
    "ISOWEEK": 0,
    "WEEK(MONDAY)": 0,
    "WEEK(SUNDAY)": 1,
    "WEEK(SATURDAY)": 2,
    "WEEK(FRIDAY)": 3,
    "WEEK(THURSDAY)": 4,
    "WEEK(WEDNESDAY)": 5,
    "WEEK(TUESDAY)": 6,
}

_ARGUMENT_TYPES: dict[type[exp.Expr], exp.DType] = {
    exp.DateDiff: exp.DType.DATE,
    exp.DateTrunc: exp.DType.DATE,
    exp.DatetimeDiff: exp.DType.DATETIME,
    exp.DatetimeTrunc: exp.DType.DATETIME,
    exp.TimestampDiff: exp.DType.TIMESTAMPTZ,
    exp.TimestampTrunc: exp.DType.TIMESTAMPTZ,
}

_WHOLE_NUMBERS = (exp.Ceil, exp.Floor, exp.Round)

LAST_DAY = "last_call_date()"
"""str: macro of a local store that returns the last day with calls. DuckDB evaluates a subquery too late to skip
the rows of earlier days, so a connection replaces the macro by a constant."""

# The views that define stored metrics, in the order of their hash in Terraform.
_METRIC_VIEWS = ("analysis_segments", "analysis_turns", "unstored_metrics")


@cache
def metrics_version() -> str:
    """Return the version of the definitions of stored metrics: a hash of the views that compute them."""
    sql = "".join((SCHEMAS / "views" / f"{name}.sql").read_text(encoding="utf-8") for name in _METRIC_VIEWS)
    for name, part in view_parts().items():
        sql = sql.replace(f"${{{name}}}", part)
    return hashlib.sha256(sql.encode()).hexdigest()[:12]


@cache
def view_parts() -> dict[str, str]:
    """Return the SQL that several views contain, by the name of its placeholder: the files of `schemas/views/parts`."""
    return {path.stem: path.read_text(encoding="utf-8").strip() for path in (SCHEMAS / "views/parts").glob("*.sql")}


def render(
    sql: str, *, dataset: str, time_zone: str = "UTC", min_calls_per_group: int = 5, last_day: str | None = None
) -> str:
    """Render the template of a view as Terraform does.

    Parameters
    ----------
    sql : str
        BigQuery SQL that can contain ``${dataset}``, ``${time_zone}``, ``${min_calls_per_group}``,
        ``${metrics_version}``, `view_parts`, and two days. ``${last_day}`` is the last day with calls; Terraform
        renders the current day, so that BigQuery reads only the days that a view needs. ``${first_unstored_day}`` is
        the first day whose metrics are computed from segments if they are not stored: here all days; with Terraform's
        ``store_metrics`` none, because BigQuery would read the segments of every day of the report.
    dataset : str
        ``dataset`` or ``project.dataset``.
    time_zone : str
        IANA time zone of days and hours.
    min_calls_per_group : int
        Minimum number of calls of one agent for a row to show more than the number of calls.
    last_day : str, optional
        SQL of ``${last_day}``; default: a subquery.

    Returns
    -------
    str
        BigQuery SQL.

    Raises
    ------
    QueryError
        The template contains an unknown variable.
    """
    values = {
        "dataset": dataset,
        "time_zone": time_zone,
        "min_calls_per_group": str(min_calls_per_group),
        "metrics_version": metrics_version(),
        "first_unstored_day": "DATE '0001-01-01'",
        **view_parts(),
        "last_day": last_day or f"(SELECT MAX(call_date) FROM `{dataset}.recordings_current`)",  # noqa: S608 - a template
    }

    def value(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise QueryError(f"unknown variable {match[0]}; choose one of {', '.join(values)}")
        return values[match[1]]

    return _VARIABLE.sub(value, sql)


@lru_cache(maxsize=256)  # the translation of a view takes as long as reading 10,000 calls
def to_duckdb(sql: str, dataset: str = "callmood", *, time_zone: str = "UTC", min_calls_per_group: int = 5) -> str:
    """Translate BigQuery SQL or a template of it to DuckDB SQL.

    The connection must have ``SET TimeZone = 'UTC'``, BigQuery's default time zone.

    Parameters
    ----------
    sql : str
        One statement of BigQuery SQL.
    dataset : str
        Dataset whose name is removed: ``callmood.calls`` and ``any-project.callmood.calls`` become ``calls``.
    time_zone, min_calls_per_group
        As in `render`.

    Returns
    -------
    str
        DuckDB SQL.

    Raises
    ------
    QueryError
        The query is not valid BigQuery SQL, or DuckDB does not support it.

    Examples
    --------
    >>> to_duckdb("SELECT COUNTIF(p_anger > 0.5) AS n FROM callmood.segments_current")
    'SELECT COUNT(*) FILTER(WHERE p_anger > 0.5e0) AS n FROM segments_current'
    """
    sql = render(sql, dataset=dataset, time_zone=time_zone, min_calls_per_group=min_calls_per_group, last_day=LAST_DAY)
    try:
        statements = sqlglot.parse(sql, read="bigquery")
        if len(statements) != 1 or statements[0] is None:
            raise QueryError(f"the local store runs one statement per query, not {sum(map(bool, statements))}")
        for table in statements[0].find_all(exp.Table):
            if table.db == dataset.rpartition(".")[2]:
                table.set("db", None)
                table.set("catalog", None)
        for select in list(statements[0].find_all(exp.Select)):
            _unnest_in_projection(select)
        for subquery in list(statements[0].find_all(exp.Subquery)):
            _join_array(subquery)
        return _Generator(dialect="duckdb", unsupported_level=ErrorLevel.RAISE).generate(statements[0])
    except SqlglotError as error:
        raise QueryError(f"the local store cannot run this query: {error}") from None


def bind(sql: str, parameters: Mapping[str, object]) -> str:
    """Replace each ``$name`` in DuckDB SQL by a literal.

    DuckDB imports pandas for its own parameters, which takes 0.2 s and 20 MB in each process.

    Parameters
    ----------
    sql : str
        DuckDB SQL.
    parameters : mapping of str to object
        Values by name: text, numbers, dates, times, None, and lists of them.

    Returns
    -------
    str
        DuckDB SQL without parameters.

    Raises
    ------
    QueryError
        A parameter has no value, or a text contains the character NUL.

    Examples
    --------
    >>> bind("SELECT '$5' FROM calls WHERE queue = $queue AND anger_s > $seconds", {"queue": "men's", "seconds": 1.5})
    "SELECT '$5' FROM calls WHERE queue = 'men''s' AND anger_s > 1.5e0"
    """

    def value(match: re.Match[str]) -> str:
        if match[1] is None:
            return match[0]
        if match[1] not in parameters:
            raise QueryError(f"the query needs a value of @{match[1]}")
        return _Generator(dialect="duckdb").generate(exp.convert(parameters[match[1]]))

    bound = _TEXT_OR_PARAMETER.sub(value, sql)
    if "\0" in bound:
        raise QueryError("a value of the query contains the character NUL")
    return bound


def _unnest_in_projection(select: exp.Select) -> None:
    """Replace ``FROM t CROSS JOIN UNNEST(t.a) AS x`` with ``FROM (SELECT *, UNNEST(t.a) AS x FROM t) AS t``.

    DuckDB pushes a filter, such as one on the day, through the second form only.
    """
    source, joins = select.args.get("from_"), select.args.get("joins") or []
    if source is None or not isinstance(source.this, exp.Table) or len(joins) != 1:
        return
    [join] = joins
    unnest, alias = join.this, join.this.args.get("alias")
    if not isinstance(unnest, exp.Unnest) or unnest.args.get("offset") or join.kind != "CROSS" or alias is None:
        return
    [array], [element] = unnest.expressions, alias.columns
    if array.find(exp.Column) is None:
        return
    elements = exp.alias_(exp.Unnest(expressions=[array.copy()]), element.copy())
    rows = exp.select("*", elements).from_(source.this.copy())
    select.set("from_", exp.From(this=rows.subquery(source.this.alias_or_name)))
    select.set("joins", [])


def _join_array(subquery: exp.Subquery) -> None:
    """Replace ``(SELECT STRING_AGG(f(x), s ORDER BY f(x)) FROM UNNEST(t.a) AS x)`` with functions of the list.

    DuckDB does not push a filter, such as one on the day, through a correlated subquery.
    """
    select = subquery.this
    if not isinstance(select, exp.Select) or set(select.args) - {"expressions", "from_"} - _unset(select):
        return
    [joined, *others], source = select.expressions, select.args.get("from_")
    unnest = source.this if source else None
    if others or not isinstance(joined, exp.GroupConcat) or not isinstance(unnest, exp.Unnest):
        return
    order, alias = joined.this, unnest.args.get("alias")
    if not isinstance(order, exp.Order) or alias is None or unnest.args.get("offset"):
        return
    [key, *more], [array], [element] = order.expressions, unnest.expressions, alias.columns
    if more or key.args.get("desc") or key.this != order.this:
        return
    texts = exp.func("LIST_TRANSFORM", array.copy(), exp.Lambda(this=order.this.copy(), expressions=[element.copy()]))
    separator = joined.args.get("separator") or exp.Literal.string(",")
    text = exp.func("ARRAY_TO_STRING", exp.func("LIST_SORT", texts), separator.copy(), dialect="duckdb")
    subquery.replace(exp.Nullif(this=text, expression=exp.Literal.string("")))


def _unset(select: exp.Select) -> set[str]:
    return {name for name, value in select.args.items() if not value}


def view_until(template: str, last_day: date, min_calls_per_group: int) -> str:
    """Return the query of a view of the last weeks as it was on an earlier day.

    Parameters
    ----------
    template : str
        Template of a view that depends on ``${last_day}``, and not on the time zone.
    last_day : date
        Last day of the weeks.
    min_calls_per_group : int
        As in `render`.

    Returns
    -------
    str
        BigQuery SQL for `Warehouse.query`, with table names without a dataset.
    """
    sql = template.replace("${dataset}.", "")
    return render(sql, dataset="", min_calls_per_group=min_calls_per_group, last_day=f"DATE '{last_day.isoformat()}'")


@cache
def view_templates(folder: Path) -> dict[str, str]:
    """Return the BigQuery SQL template of each view by name. Each view follows the views that it reads.

    Parameters
    ----------
    folder : Path
        Folder with one ``NAME.sql`` per view (`schemas/views`).

    Returns
    -------
    dict of str to str
        Templates in an order in which the views can be created.
    """
    templates = {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.sql"))}
    reads = {name: set(re.findall(r"\$\{dataset\}\.(\w+)", sql)) & templates.keys() for name, sql in templates.items()}
    return {name: templates[name] for name in TopologicalSorter(reads).static_order()}


def _unit(expression: exp.Expr) -> str:
    unit = expression.args["unit"]
    return f"WEEK({unit.name})".upper() if isinstance(unit, exp.WeekStart) else str(unit.name).upper()


def _typed(function: exp.Expr, value: exp.Expr) -> exp.Expr:
    """Return the argument of a function; a text is a date or time, as in BigQuery."""
    return exp.cast(value, _ARGUMENT_TYPES[type(function)]) if value.is_string else value


class _Generator(DuckDBGenerator):
    """SQLGlot's DuckDB generator, with corrections where its result differs from BigQuery's."""

    def countif_sql(self, expression: exp.CountIf) -> str:
        # COUNT_IF returns HUGEINT, and NULL if all values are NULL. BigQuery's COUNTIF returns INT64, and 0.
        return f"COUNT(*) FILTER(WHERE {self.sql(expression, 'this')})"

    def _truncate(self, expression: exp.DateTrunc | exp.TimestampTrunc | exp.DatetimeTrunc) -> str:
        # DuckDB returns a TIMESTAMP for a DATE, weeks begin on Monday, and SQLGlot returns a DATE for a TIMESTAMP.
        value = self.sql(_typed(expression, expression.this))
        part, shift, back = _unit(expression), "", ""
        if days := _WEEKS.get(part):
            shift, back = f" + INTERVAL {days} DAY", f" - INTERVAL {days} DAY"
        if part in _WEEKS:
            part = "WEEK"
        zone = self.sql(expression, "zone")
        if not zone:
            return f"CAST_TO_TYPE(DATE_TRUNC('{part}', {value}{shift}){back}, {value})"
        local = f"({value} AT TIME ZONE {zone})"
        start = f"(DATE_TRUNC('{part}', {local}{shift}){back})"
        if part in _TIME_UNITS:  # at the end of daylight saving time, one local hour is two hours
            return f"({value} - ({local} - {start}))"
        return f"({start} AT TIME ZONE {zone})"

    def _difference(self, expression: exp.DateDiff | exp.TimestampDiff | exp.DatetimeDiff) -> str:
        # Between TIMESTAMPs, BigQuery counts whole intervals. Between others, it counts boundaries, as DuckDB does.
        for name in ("this", "expression"):
            expression.set(name, _typed(expression, expression.args[name]))
        part = _unit(expression)  # SQLGlot changes it
        boundaries = DuckDBGenerator.TRANSFORMS[type(expression)](self, expression)
        if part not in (*_TIME_UNITS, "DAY"):
            return boundaries
        whole = self.func("DATE_SUB", exp.Literal.string(part), expression.expression, expression.this)
        return self._if_type("TIMESTAMP WITH TIME ZONE", self.sql(expression, "this"), whole, boundaries)

    def _unix_seconds(self, expression: exp.UnixSeconds) -> str:
        # SQLGlot rounds; BigQuery returns the last whole second.
        return f"CAST(FLOOR(EPOCH({self.sql(expression, 'this')})) AS BIGINT)"

    def cast_sql(self, expression: exp.Cast, safe_prefix: str | None = None) -> str:
        sql = super().cast_sql(expression, safe_prefix)
        if not expression.to.is_type(exp.DType.BIGINT) or isinstance(expression.this, _WHOLE_NUMBERS):
            return sql
        # DuckDB rounds a half to the even number, and BigQuery rounds it away from zero.
        value = self.sql(expression, "this")
        rounded = f"{safe_prefix or ''}CAST(ROUND(TRY_CAST({value} AS DOUBLE)) AS BIGINT)"
        return self._if_type("DOUBLE", value, rounded, sql)

    def _if_type(self, name: str, value: str, result: str, otherwise: str) -> str:
        """Return SQL that depends on the type of a value; DuckDB decides it once for a query."""
        return f"CASE WHEN TYPEOF({value}) = '{name}' THEN {result} ELSE {otherwise} END"

    def _date_arithmetic(self, expression: exp.Expr) -> str:
        # As for DATE_TRUNC.
        return f"CAST({DuckDBGenerator.TRANSFORMS[type(expression)](self, expression)} AS DATE)"

    def extract_sql(self, expression: exp.Extract) -> str:
        part = expression.this.name.upper()
        if part == "WEEK":
            self.unsupported("EXTRACT(WEEK …) counts weeks from Sunday; use ISOWEEK")
        if part == "ISOWEEK":  # WEEK in DuckDB
            expression.set("this", exp.var("WEEK"))
        sql = super().extract_sql(expression)
        return f"({sql} + 1)" if part == "DAYOFWEEK" else sql  # Sunday is 0 in DuckDB and 1 in BigQuery

    def _format_time(self, expression: exp.TimeToStr) -> str:
        # SQLGlot drops the time zone of FORMAT_TIMESTAMP.
        zone = expression.args.get("zone")
        if zone:
            timestamp = exp.cast(expression.this.this, exp.DType.TIMESTAMPTZ)
            expression.set("this", exp.AtTimeZone(this=timestamp, zone=zone))
        return DuckDBGenerator.TRANSFORMS[exp.TimeToStr](self, expression)

    def format_sql(self, expression: exp.Format) -> str:
        # DuckDB's FORMAT uses another syntax; its PRINTF corresponds to BigQuery's FORMAT.
        return self.func("PRINTF", expression.this, *expression.expressions)

    def approxquantiles_sql(self, expression: exp.ApproxQuantiles) -> str:
        count = int(expression.expression.name)
        fractions = ", ".join(str(k / count) for k in range(count + 1))
        return f"QUANTILE_DISC({self.sql(expression, 'this')}, [{fractions}])"

    def arrayagg_sql(self, expression: exp.ArrayAgg) -> str:
        # DuckDB has no LIMIT in ARRAY_AGG(x ORDER BY y LIMIT n).
        if isinstance(expression.this, exp.Limit):
            limit = expression.this
            return self.func("LIST_SLICE", exp.ArrayAgg(this=limit.this), exp.Literal.number(1), limit.expression)
        return super().arrayagg_sql(expression)

    def unnest_sql(self, expression: exp.Unnest) -> str:
        if expression.args.get("offset"):  # DuckDB counts from 1
            self.unsupported("UNNEST … WITH OFFSET is not supported; use ROW_NUMBER() OVER (…) - 1")
        return super().unnest_sql(expression)

    def literal_sql(self, expression: exp.Literal) -> str:
        # 0.5 is a DECIMAL in DuckDB and a FLOAT64 in BigQuery; 0.5e0 is a DOUBLE in DuckDB.
        sql = super().literal_sql(expression)
        return f"{sql}e0" if expression.is_number and "." in sql and "e" not in sql.lower() else sql

    TRANSFORMS = {  # noqa: RUF012 - SQLGlot declares it like this
        **DuckDBGenerator.TRANSFORMS,
        exp.DateAdd: _date_arithmetic,
        exp.DateDiff: _difference,
        exp.DateSub: _date_arithmetic,
        exp.DateTrunc: _truncate,
        exp.DatetimeDiff: _difference,
        exp.DatetimeTrunc: _truncate,
        exp.TimestampDiff: _difference,
        exp.TimestampTrunc: _truncate,
        exp.TimeToStr: _format_time,
        exp.UnixSeconds: _unix_seconds,
    }
