"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_STORE = Path("callmood.duckdb")
DEFAULT_TOPIC = "callmood-recordings"

StoreOption = Annotated[
    Path,
    typer.Option("--store", help="Local store: one DuckDB file.", envvar="CALLMOOD_STORE", dir_okay=False),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        help="Emotion model to use instead of MODEL_URI: a file, REGISTRY@ALIAS, or REGISTRY@VERSION.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, one object per line.")]
ProjectOption = Annotated[
    str, typer.Option("--project", help="Google Cloud project ID.", envvar="GOOGLE_CLOUD_PROJECT")
]
TopicOption = Annotated[
    str, typer.Option("--topic", help="Pub/Sub topic for recording events (`terraform output topic`).")
]
DatasetOption = Annotated[
    str | None,
    typer.Option("--dataset", help="BigQuery dataset of the tables: PROJECT.DATASET.", show_default="PROJECT.callmood"),
]
RateOption = Annotated[
    float,
    typer.Option(
        "--rate",
        min=0.01,
        help="Maximum number of events per second. A rate above the capacity of the functions causes dead letters.",
    ),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Print the planned changes without applying them.")]


def example(*lines: str) -> str:
    """Return the epilog of a command, in Markdown: one example per line.

    Parameters
    ----------
    *lines : str
        Complete command lines.
    """
    return "\n\n".join(("Example:", *(f"    {line}" for line in lines)))
