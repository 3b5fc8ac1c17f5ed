"""Paths of the data files: schemas, views, models, and example calls."""

from importlib.resources import files
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[2]
_WHEEL = Path(str(files("callmood"))) / "_data"
_IS_WHEEL = _WHEEL.is_dir()
_ROOT = _WHEEL if _IS_WHEEL else _CHECKOUT  # a checkout, or the unpacked archive of a deployed function

SCHEMAS = _ROOT / "schemas"
MODEL = _ROOT / "model"
EXAMPLES = _ROOT / ("examples" if _IS_WHEEL else "tests/examples")
