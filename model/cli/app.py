"""The program `python -m model`.

A command's function imports its implementation when it runs, so `--help` loads neither TensorFlow nor SciPy.
"""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from model import remote_paths
from model.cli import data, deployment, evaluation, export, pipeline, training
from model.cli.options import plain_errors


class Program(TyperGroup):
    """Runs a command: downloads its inputs, uploads its outputs, and reports an error in one line."""

    def invoke(self, ctx: Any) -> Any:
        """Parse the command's arguments and run it."""
        with plain_errors(), remote_paths.transfers():
            return super().invoke(ctx)


app = typer.Typer(
    cls=Program,
    help="Build, measure, and deploy the emotion model.",
    epilog="Paths may be local or in Cloud Storage (gs://BUCKET/NAME). "
    "Exit codes: 0 success; 1 an error or a negative result; 2 wrong use.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain text: a log has no terminal
    pretty_exceptions_enable=False,
)
for group in (data, training, export, evaluation, deployment, pipeline):
    app.add_typer(group.app)
