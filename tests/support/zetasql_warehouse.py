"""A warehouse in memory that ZetaSQL queries. It runs BigQuery SQL as it is, apart from `to_zetasql`."""

from datetime import UTC, date, datetime, timedelta

import sqlglot
from zetasql.core import ServerError
from zetasql.types import TypeKind
from zetasql.wasi._pb2.zetasql.local_service.local_service_pb2 import EvaluateQueryRequest, EvaluateQueryResponse

from callmood.errors import QueryError
from callmood.resources import SCHEMAS
from callmood.warehouse.bigquery_check import BigQueryAnalyzer, to_zetasql
from callmood.warehouse.dialect import render, view_templates
from callmood.warehouse.schema import tables, views

NOT_EXECUTED = {"data_quality": "ZetaSQL does not execute APPROX_QUANTILES"}
"""dict of str to str: views that ZetaSQL analyzes but cannot execute, and the reason."""

_EPOCH = date(1970, 1, 1)


class ZetaSQLWarehouse:
    """The tables and views, with the rows of each view stored when it is first queried."""

    def __init__(self, time_zone, min_calls_per_group):
        self._analyzer = BigQueryAnalyzer()
        self._view_sql = {
            name: render(sql, dataset="callmood", time_zone=time_zone, min_calls_per_group=min_calls_per_group)
            for name, sql in view_templates(SCHEMAS / "views").items()
        }
        self._fields = {name: relation.fields for name, relation in (*tables().items(), *views().items())}
        self._rows = {name: [] for name in tables()}

    def clear(self, table):
        self._rows[table] = []

    def append(self, table, rows):
        self._rows[table] += rows
        for view in self._view_sql:
            self._rows.pop(view, None)

    def query(self, sql):
        """Run a query without parameters, and return its rows."""
        names = {token.text for token in sqlglot.tokenize(sql, read="bigquery")} & self._fields.keys()
        for name in names - self._rows.keys():
            self._rows[name] = self.query(self._view_sql[name].replace("callmood.", ""))
        request = EvaluateQueryRequest(
            sql=to_zetasql(sql),
            options=self._analyzer.options().to_proto(),
            simple_catalog=self._analyzer.catalog({name: self._fields[name] for name in names}).to_proto(),
        )
        for name in names:
            table = request.table_content[name].table_data
            table.SetInParent()  # an empty table
            for row in self._rows[name]:
                cells = table.row.add().cell
                for field in self._fields[name]:
                    _encode(cells.add(), row.get(field.name), field, is_array=field.mode == "REPEATED")
        client = self._analyzer.service.wasm_client
        try:
            response = client.call_grpc_func("ZetaSqlLocalService_EvaluateQuery", request, EvaluateQueryResponse)
        except ServerError as error:
            raise QueryError(error.message) from None
        columns = response.prepared.columns
        return [
            {column.name: _decode(cell, column.type) for column, cell in zip(columns, row.cell, strict=True)}
            for row in response.content.table_data.row
        ]


def _encode(cell, value, field, is_array):
    """Write a JSON value, or a value that `_decode` returned, to a cell; NULL is an empty cell."""
    if is_array:
        cell.array_value.SetInParent()
        for item in value or ():
            _encode(cell.array_value.element.add(), item, field, is_array=False)
    elif value is None:
        return
    elif field.type == "RECORD":
        for member in field.fields:
            _encode(cell.struct_value.field.add(), value.get(member.name), member, member.mode == "REPEATED")
    elif field.type == "DATE":
        cell.date_value = (date.fromisoformat(str(value)) - _EPOCH).days
    elif field.type == "TIMESTAMP":
        cell.timestamp_value.FromDatetime(datetime.fromisoformat(str(value)).astimezone(UTC))
    elif field.type == "STRING":
        cell.string_value = value
    elif field.type == "INT64":
        cell.int64_value = value
    elif field.type == "FLOAT64":
        cell.double_value = value
    else:
        cell.bool_value = value


def _decode(cell, type_):
    kind = TypeKind(type_.type_kind).name
    if kind == "TYPE_ARRAY":
        return [_decode(element, type_.array_type.element_type) for element in cell.array_value.element]
    if cell.WhichOneof("value") is None:
        return None
    if kind == "TYPE_STRUCT":
        members = zip(type_.struct_type.field, cell.struct_value.field, strict=True)
        return {member.field_name: _decode(value, member.field_type) for member, value in members}
    if kind == "TYPE_DATE":
        return _EPOCH + timedelta(days=cell.date_value)
    if kind == "TYPE_TIMESTAMP":
        return cell.timestamp_value.ToDatetime(UTC)
    return getattr(cell, cell.WhichOneof("value"))
