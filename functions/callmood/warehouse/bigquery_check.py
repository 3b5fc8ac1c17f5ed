"""Analyze BigQuery SQL with ZetaSQL, the parser and analyzer of BigQuery, without a connection to Google Cloud.

SQLGlot translates SQL for the local store and accepts statements that BigQuery rejects. ZetaSQL is an optional package:
``pip install 'callmood[bigquery-check]'``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import TokenType
from sqlglot.errors import SqlglotError

from callmood.errors import QueryError
from callmood.warehouse.schema import Field, tables, views

if TYPE_CHECKING:
    from sqlglot import Token
    from zetasql.core import ZetaSqlLocalService
    from zetasql.types import AnalyzerOptions, SimpleCatalog, Type

# ZetaSQL's build lacks these functions. BigQuery defines them as synonyms of ANY_VALUE(x HAVING MAX y).
_SYNONYMS = {"MAX_BY": " HAVING MAX", "MIN_BY": " HAVING MIN"}


def is_installed() -> bool:
    """Return whether ZetaSQL is installed."""
    return find_spec("zetasql") is not None


def sql_type(field: Field) -> str:
    """Return the type of a column in SQL.

    Parameters
    ----------
    field : Field
        Column of a table or view.

    Examples
    --------
    >>> sql_type(Field("labels", "RECORD", "REPEATED", "", (Field("key", "STRING", "NULLABLE", ""),)))
    'ARRAY<STRUCT<key STRING>>'
    """
    members = ", ".join(f"{member.name} {sql_type(member)}" for member in field.fields)
    single = f"STRUCT<{members}>" if field.type == "RECORD" else field.type
    return f"ARRAY<{single}>" if field.mode == "REPEATED" else single


def to_zetasql(sql: str) -> str:
    """Replace what BigQuery accepts and ZetaSQL's build does not: MAX_BY, MIN_BY, and dots in quoted names.

    Parameters
    ----------
    sql : str
        BigQuery SQL.

    Returns
    -------
    str
        SQL with the same meaning.

    Raises
    ------
    QueryError
        The text cannot be split into tokens.

    Examples
    --------
    >>> to_zetasql("SELECT MAX_BY(a, MOD(b, 7)) FROM `callmood.calls`")
    'SELECT ANY_VALUE(a HAVING MAX MOD(b, 7)) FROM `callmood`.`calls`'
    """
    try:
        tokens = sqlglot.tokenize(sql, read="bigquery")
    except SqlglotError as error:
        raise QueryError(str(error)) from None
    edits: dict[int, tuple[int, str]] = {}  # start: (end, replacement)
    for position, token in enumerate(tokens):
        name = token.text.upper()
        if token.token_type is TokenType.IDENTIFIER and "." in token.text:
            edits[token.start] = token.end + 1, "`" + token.text.replace(".", "`.`") + "`"
        elif name in _SYNONYMS and (comma := _second_argument(tokens[position + 1 :])) is not None:
            edits[token.start] = token.end + 1, "ANY_VALUE"
            edits[comma] = comma + 1, _SYNONYMS[name]
    parts, done = [], 0
    for start, (end, replacement) in sorted(edits.items()):
        parts += [sql[done:start], replacement]
        done = end
    return "".join([*parts, sql[done:]])


def _second_argument(tokens: Sequence[Token]) -> int | None:
    """Return the position of the comma before the second argument of a call; None if these tokens are not a call."""
    depth = 0
    for token in tokens:
        if token.token_type in (TokenType.L_PAREN, TokenType.L_BRACKET):
            depth += 1
        elif token.token_type in (TokenType.R_PAREN, TokenType.R_BRACKET):
            depth -= 1
        elif token.token_type is TokenType.COMMA and depth == 1:
            return token.start
        if depth == 0:
            break
    return None


class BigQueryAnalyzer:
    """BigQuery's analyzer, with a catalog of all tables and views that `schemas` defines.

    The first use on a machine takes about 20 seconds, because Wasmtime compiles ZetaSQL. It stores the result in the
    user's cache folder.

    Parameters
    ----------
    datasets : sequence of str
        Datasets that contain the tables and views. A name without a dataset is also valid.

    Raises
    ------
    ModuleNotFoundError
        ZetaSQL is not installed.
    """

    def __init__(self, datasets: Sequence[str] = ("callmood",)) -> None:
        from zetasql.types import LanguageOptions, ProductMode

        self.service = _start_service()
        features = self.service.get_language_options(maximum_features=True).enabled_language_features
        self.language = LanguageOptions(
            product_mode=ProductMode.PRODUCT_EXTERNAL, enabled_language_features=list(features)
        )
        self._datasets = datasets

    def output_columns(self, sql: str, parameters: Sequence[Field] = ()) -> list[tuple[str, str]]:
        """Analyze a statement, and return the names and SQL types of its output columns.

        Parameters
        ----------
        sql : str
            One statement of BigQuery SQL.
        parameters : sequence of Field
            Names and types of the parameters.

        Returns
        -------
        list of tuple of (str, str)
            Empty for a statement without rows, such as DELETE.

        Raises
        ------
        QueryError
            BigQuery would reject the statement. The message is BigQuery's.
        """
        from zetasql.core import ServerError

        try:
            response = self.service.analyze(
                sql_statement=to_zetasql(sql),
                options=self.options(parameters),
                registered_catalog_id=self._catalog_id,
            )
        except ServerError as error:
            raise QueryError(error.message) from None
        columns = getattr(response.resolved_statement, "output_column_list", ())
        return [(column.name, _type_text(column.column.type)) for column in columns]

    @cached_property
    def _catalog_id(self) -> int:
        relations = {name: table.fields for name, table in tables().items()}
        relations |= {name: view.fields for name, view in views().items()}
        catalog = self.catalog(relations)
        catalog.catalog = [self.catalog(relations, name) for name in self._datasets]
        return int(self.service.register_catalog(simple_catalog=catalog).registered_id)

    def options(self, parameters: Sequence[Field] = ()) -> AnalyzerOptions:
        """Return the options of an analysis.

        Parameters
        ----------
        parameters : sequence of Field
            Names and types of the parameters.
        """
        from zetasql.types import AnalyzerOptions, ErrorMessageMode

        return AnalyzerOptions(
            language_options=self.language,
            default_timezone="UTC",
            error_message_mode=ErrorMessageMode.ERROR_MESSAGE_ONE_LINE,
            query_parameters=[
                AnalyzerOptions.QueryParameter(name=field.name, type=_type(field)) for field in parameters
            ],
        )

    def catalog(self, relations: Mapping[str, Sequence[Field]], name: str = "callmood") -> SimpleCatalog:
        """Return a catalog of tables or views, with BigQuery's functions.

        Parameters
        ----------
        relations : dict of str to sequence of Field
            Columns by table or view.
        name : str
            Name of the dataset.
        """
        from zetasql.api import CatalogBuilder, TableBuilder
        from zetasql.types import ZetaSQLBuiltinFunctionOptions

        builder = CatalogBuilder(name)
        for relation, fields in relations.items():
            table = TableBuilder(relation)
            for field in fields:
                table.add_column(field.name, _type(field))
            builder.add_table(table.build())
        return builder.with_builtin_functions(ZetaSQLBuiltinFunctionOptions(language_options=self.language)).build()


def _start_service() -> ZetaSqlLocalService:
    from wasmtime import Config, WasmtimeError
    from zetasql.core import ZetaSqlLocalService, wasm_client

    class CachedConfig(Config):
        """The configuration of Wasmtime with its cache of compiled modules, which ZetaSQL does not enable."""

        def __init__(self) -> None:
            super().__init__()
            with suppress(WasmtimeError):  # there is no folder for the cache
                self.cache = True

    original, wasm_client.Config = wasm_client.Config, CachedConfig
    try:
        return ZetaSqlLocalService()
    finally:
        wasm_client.Config = original


# BigQuery's types by the names of ZetaSQL's kinds.
_KINDS = {
    "TYPE_STRING": "STRING",
    "TYPE_INT64": "INT64",
    "TYPE_DOUBLE": "FLOAT64",
    "TYPE_BOOL": "BOOL",
    "TYPE_DATE": "DATE",
    "TYPE_TIMESTAMP": "TIMESTAMP",
}


def _type(field: Field) -> Type:
    """Return the type of a column for ZetaSQL."""
    from zetasql.api import TypeFactory
    from zetasql.types import TypeKind

    if field.type == "RECORD":
        single = TypeFactory.create_struct_type([(member.name, _type(member)) for member in field.fields])
    else:
        [kind] = (kind for kind, name in _KINDS.items() if name == field.type)
        single = TypeFactory.create_simple_type(TypeKind[kind])
    return TypeFactory.create_array_type(single) if field.mode == "REPEATED" else single


def _type_text(type_: Type) -> str:
    """Return ZetaSQL's type in SQL, as `sql_type` does."""
    from zetasql.types import TypeKind

    if type_.array_type is not None:
        return f"ARRAY<{_type_text(type_.array_type.element_type)}>"
    if type_.struct_type is not None:
        members = (f"{member.field_name} {_type_text(member.field_type)}" for member in type_.struct_type.field)
        return f"STRUCT<{', '.join(members)}>"
    kind: str = TypeKind(type_.type_kind).name
    return _KINDS.get(kind, kind.removeprefix("TYPE_"))
