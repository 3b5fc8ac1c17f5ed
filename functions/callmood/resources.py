"""Where the files lie that are no code: schemas and models."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""Path: the checkout, or the unpacked archive of a deployed function; both hold `schemas/` and `model/`."""

SCHEMAS = ROOT / "schemas"
MODEL = ROOT / "model"
