"""Read the tables and views that `schemas` defines, and validate rows against them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

from callmood.errors import SchemaError
from callmood.resources import SCHEMAS

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Field:
    """One column, with BigQuery's type and mode."""

    name: str
    type: str
    mode: str
    description: str
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True)
class Table:
    """One table: its columns, the column that partitions it by day, and the columns that cluster it."""

    name: str
    description: str
    partition_field: str
    clustering: tuple[str, ...]
    fields: tuple[Field, ...]

    @property
    def id_field(self) -> str:
        """Name of the first column, which holds the row's ID."""
        return self.fields[0].name


def _field(spec: Mapping[str, Any]) -> Field:
    nested = tuple(_field(sub) for sub in spec.get("fields", ()))
    return Field(spec["name"], spec["type"], spec.get("mode", "NULLABLE"), spec["description"], nested)


@cache
def tables() -> Mapping[str, Table]:
    """Return every table by name."""
    found = {}
    for path in sorted((SCHEMAS / "tables").glob("*.json")):
        spec = json.loads(path.read_text(encoding="utf-8"))
        found[path.stem] = Table(
            name=path.stem,
            description=spec["description"],
            partition_field=spec["partitioning"]["field"],
            clustering=tuple(spec["clustering"]),
            fields=tuple(_field(sub) for sub in spec["fields"]),
        )
    return found


@dataclass(frozen=True)
class View:
    """One view: its description, its columns, and the table or view whose columns it contains.

    Internal views are steps of other views, and not for reports.
    """

    name: str
    description: str
    fields: tuple[Field, ...]
    fields_of: str | None = None
    is_internal: bool = False


@cache
def views() -> Mapping[str, View]:
    """Return every view by name."""
    found: dict[str, View] = {}
    for path in sorted((SCHEMAS / "views").glob("*.json")):
        spec = json.loads(path.read_text(encoding="utf-8"))
        fields_of = spec.get("fields_of")
        known: dict[str, Table | View] = {**tables(), **found}
        inherited = known[fields_of].fields if fields_of else ()
        fields = (*inherited, *map(_field, spec["fields"]))
        found[path.stem] = View(path.stem, spec["description"], fields, fields_of, spec.get("is_internal", False))
    return found


def _is_timestamp(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _is_date(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


# Checks whether a JSON value fits a BigQuery type. In Python a bool is an int; in BigQuery it is not an INT64.
_VALIDATORS: Mapping[str, Callable[[object], bool]] = {
    "STRING": lambda v: isinstance(v, str),
    "INT64": lambda v: isinstance(v, int) and not isinstance(v, bool) and -(2**63) <= v < 2**63,
    "FLOAT64": lambda v: isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v),
    "BOOL": lambda v: isinstance(v, bool),
    "DATE": _is_date,
    "TIMESTAMP": _is_timestamp,
}


def _violations(row: Row, fields: Sequence[Field], prefix: str = "") -> Iterable[str]:
    for unknown in sorted(set(row) - {field.name for field in fields}):
        yield f"unknown column {prefix}{unknown}"
    for field in fields:
        value, name = row.get(field.name), prefix + field.name
        if field.mode == "REPEATED":
            if not isinstance(value, list):
                yield f"{name} must be a list"
                continue
            values = value
        elif value is None:
            if field.mode == "REQUIRED":
                yield f"{name} is required"
            continue
        else:
            values = [value]
        for item in values:
            if field.type == "RECORD":
                yield from (
                    _violations(item, field.fields, f"{name}.")
                    if isinstance(item, Mapping)
                    else [f"{name} must be a record"]
                )
            elif not _VALIDATORS[field.type](item):
                yield f"{name} must be {field.type}, not {item!r:.60}"


def check_rows(table: str, rows: Iterable[Row]) -> None:
    """Validate rows: all columns exist, required columns have a value, and each value has its column's type.

    Parameters
    ----------
    table : str
        Name of a table in `schemas/tables`.
    rows : iterable of mapping
        Rows with values that JSON can hold: dates and timestamps as ISO 8601 strings, timestamps with an offset.

    Raises
    ------
    SchemaError
        A row does not match the schema. The message lists all violations of the first such row.

    Examples
    --------
    >>> check_rows("erasures", [{"erasure_id": "e", "recording_id": "r", "reason": "request"}])
    Traceback (most recent call last):
    callmood.errors.SchemaError: erasures, row 0: erased_at is required
    """
    fields = tables()[table].fields
    for number, row in enumerate(rows):
        violations = list(_violations(row, fields))
        if violations:
            raise SchemaError(f"{table}, row {number}: {'; '.join(violations)}")
