"""The program `python -m model`.

A command's function imports its implementation when it runs, so `--help` loads neither TensorFlow nor SciPy.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from model import remote_paths
from model.cli import data
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
for group in (data,):
    app.add_typer(group.app)

# Commands that still parse their arguments themselves.
_MAINS = {
    "build": "pipeline.build",
    "call-flags": "evaluation.call_flags",
    "card": "evaluation.card",
    "compare": "evaluation.compare_models",
    "compare-canary": "deployment.compare_canary",
    "crossvalidate": "evaluation.crossvalidate",
    "drift": "evaluation.drift",
    "evaluate": "evaluation.evaluate",
    "export": "export.export",
    "export-detector": "export.silero",
    "features": "training.extract",
    "gates": "export.gates",
    "parity": "export.parity",
    "promote": "deployment.promote",
    "reference": "evaluation.reference",
    "register": "deployment.register",
    "retrain": "pipeline.retrain",
    "rollback": "deployment.rollback",
    "simulate": "evaluation.simulate",
    "speed": "export.speed",
    "step": "pipeline.steps",
    "train": "training.train",
    "tune": "training.tune",
    "versions": "deployment.versions",
    "vertex": "deployment.vertex",
}


def _forward(name: str, module: str) -> Callable[[typer.Context], None]:
    def forward(context: typer.Context) -> None:
        sys.argv = [f"python -m model {name}", *context.args]
        try:
            import_module(f"model.{module}").main()
        except SystemExit as end:
            if isinstance(end.code, str):
                typer.echo(end.code, err=True)
                raise typer.Exit(1) from None
            raise

    return forward


for _name, _module in _MAINS.items():
    app.command(
        _name,
        add_help_option=False,
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )(_forward(_name, _module))
