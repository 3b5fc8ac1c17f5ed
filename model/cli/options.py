"""Options that commands share, and parsers of paths that may be in Cloud Storage (`gs://BUCKET/NAME`).

Write an option in a command's signature as `Annotated[Path, input_option("--config", help="…")]`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from callmood.errors import CallmoodError
from callmood.resources import MODEL
from model import remote_paths
from model.types import CorpusName

SHIPPED_MODEL = MODEL / "emotion.tflite"
FEATURE_CACHE = Path("runs/cache")
EVALUATION_CACHE = Path("runs/evaluate")

# Google's client libraries load slowly, so their errors are recognized by module.
_GOOGLE = ("google.auth.", "google.api_core.")


def input_option(*names: str, help: str | None = None, metavar: str = "PATH") -> Any:
    """Declare an option for a file or folder that the command reads; a remote one is downloaded."""
    return typer.Option(*names, parser=_parser(remote_paths.input_path), metavar=metavar, help=help)


def output_option(*names: str, help: str | None = None, metavar: str = "PATH") -> Any:
    """Declare an option for a file or folder that the command writes; a remote one is uploaded after a success."""
    return typer.Option(*names, parser=_parser(remote_paths.output_path), metavar=metavar, help=help)


def checkpoint_option(*names: str, help: str | None = None, metavar: str = "PATH") -> Any:
    """Declare an option for a file or folder that the command continues; a remote one is uploaded in any case."""
    return typer.Option(*names, parser=_parser(remote_paths.checkpoint_path), metavar=metavar, help=help)


def input_argument(help: str | None = None, metavar: str = "PATH") -> Any:
    """Declare an argument for a file or folder that the command reads; a remote one is downloaded."""
    return typer.Argument(parser=_parser(remote_paths.input_path), metavar=metavar, help=help)


def choice_option(*names: str, choices: Sequence[str], help: str | None = None) -> Any:
    """Declare an option of several values; Typer accepts `Literal` for single values only."""
    return typer.Option(*names, parser=_choice_parser(choices), metavar=f"[{'|'.join(choices)}]", help=help)


def choice_argument(choices: Sequence[str], metavar: str, help: str) -> Any:
    """Declare an argument whose values are known at run time only."""
    return typer.Argument(parser=_choice_parser(choices), metavar=metavar, help=f"{help} ({', '.join(choices)})")


def _choice_parser(choices: Sequence[str]) -> Callable[[object], str]:
    def parse(value: object) -> str:
        if value not in choices:
            raise typer.BadParameter(f"{value!r} is not one of {', '.join(choices)}")
        return str(value)

    return parse


def _parser(parse: Callable[[str], Path]) -> Callable[[object], Path]:
    def parsed(value: object) -> Path:
        try:
            return parse(str(value))
        except remote_paths.RemotePathError as error:
            raise typer.BadParameter(str(error)) from None

    return parsed


@contextmanager
def plain_errors(exit_code: int = 1) -> Iterator[None]:
    """Report an expected error in one line on standard error and exit; an unexpected one keeps its traceback."""
    try:
        yield
    except Exception as error:
        expected = isinstance(error, CallmoodError | OSError) or type(error).__module__.startswith(_GOOGLE)
        if not expected:
            raise
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(exit_code) from None


# Options of several modules.
ModelOption = Annotated[Path, input_option("--model", help="The .tflite file.")]
ManifestOption = Annotated[
    Path | None, input_option("--manifest", help="Manifest from the command ingest; or --corpus and --root.")
]
CorpusOption = Annotated[str | None, choice_option("--corpus", choices=get_args(CorpusName), help="Name of a corpus.")]
RootOption = Annotated[Path | None, input_option("--root", help="Its folder; for csv, the folder or the file.")]
CacheOption = Annotated[Path, checkpoint_option("--cache", help="Folder of cached embeddings.")]
