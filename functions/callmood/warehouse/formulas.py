"""CSV text that a spreadsheet would execute as a formula: https://owasp.org/www-community/attacks/CSV_Injection."""

from __future__ import annotations

import re

FORMULA = re.compile(r"^[=+\-@\t\r]")
"""re.Pattern: start of text that a spreadsheet executes, unless the text is a number."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def formula_as_text(value: object) -> object:
    """Put an apostrophe before text that a spreadsheet would execute; it then shows the text.

    Parameters
    ----------
    value : object
        A value of a row.

    Examples
    --------
    >>> [formula_as_text(value) for value in ("=1+1", "-5.2", "+49 30 1234", "calm", 7)]
    ["'=1+1", '-5.2', "'+49 30 1234", 'calm', 7]
    """
    is_formula = isinstance(value, str) and FORMULA.match(value) and not _NUMBER.fullmatch(value)
    return f"'{value}" if is_formula else value


def formula_as_text_sql(column: str) -> str:
    """Return the same function of a text column as a DuckDB expression.

    Parameters
    ----------
    column : str
        Name of the column.
    """
    name = f'"{column}"'
    is_formula = f"regexp_matches({name}, '{FORMULA.pattern}') AND NOT regexp_full_match({name}, '{_NUMBER.pattern}')"
    return f"CASE WHEN {is_formula} THEN chr(39) || {name} ELSE {name} END AS {name}"
