"""The command `realtime`."""

from __future__ import annotations

from typing import Annotated

import typer

from callmood.cli.options import example
from callmood.cli.server import bind_port, run_server

commands = typer.Typer()


@commands.command(epilog=example("callmood realtime", "callmood realtime --port 9000"))
def realtime(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 8322,
) -> None:
    """Serve a page that analyzes speech from the microphone in real time. Stop with Ctrl-C.

    Accept connections from this machine only. In a container, run `python -m callmood.realtime`.
    """
    import secrets

    from pydantic import SecretStr

    from callmood.models.resolver import open_models
    from callmood.realtime.app import make_app
    from callmood.realtime.auth import Authenticator
    from callmood.realtime.scoring import Scorer
    from callmood.settings import RealtimeSettings, load_settings

    settings = load_settings(RealtimeSettings)
    if settings.session_key is None:
        settings = settings.model_copy(update={"session_key": SecretStr(secrets.token_urlsafe(32))})
    with bind_port(port) as listener:
        service = make_app(
            Scorer(open_models(settings.model_uri, population_uri=settings.population_uri), settings),
            Authenticator(settings),
            ("127.0.0.1", "localhost"),
        )
        run_server(service, listener)
