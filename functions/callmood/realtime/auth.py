"""Who may ask: whoever holds the API key, or a token that was made with it for ten minutes of one page."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from itsdangerous import BadData, URLSafeTimedSerializer

from callmood.realtime.problem_details import Problem
from callmood.settings import ScoreSettings

TOKEN_AGE_S = 600
"""int: a page token opens calls for ten minutes; a call that is open goes on."""


class Access:
    """Checks callers. Without an API key everybody passes whom the platform lets through (Cloud Run's IAM check).

    Parameters
    ----------
    settings : ScoreSettings
        The API key, and the key that signs page tokens (of this process alone where none is set).
    """

    def __init__(self, settings: ScoreSettings) -> None:
        self._key = settings.api_key.get_secret_value() if settings.api_key else None
        signing = settings.session_key.get_secret_value() if settings.session_key else secrets.token_urlsafe(32)
        self._tokens = URLSafeTimedSerializer(
            signing, salt="callmood page", signer_kwargs={"digest_method": hashlib.sha256}
        )

    @property
    def needed(self) -> bool:
        """Whether a caller must show something."""
        return self._key is not None

    def check_key(self, shown: str | None) -> None:
        """Let the API key pass, and nothing else.

        Raises
        ------
        Problem
            `unauthorized`.
        """
        if self._key is not None and not hmac.compare_digest((shown or "").encode(), self._key.encode()):
            raise Problem("unauthorized", "Show the API key in the header X-API-Key.")

    def check(self, shown: str | None) -> None:
        """Let the API key or a page token pass.

        Raises
        ------
        Problem
            `unauthorized`.
        """
        try:
            self.check_key(shown)
        except Problem:
            try:
                self._tokens.loads(shown or "", max_age=TOKEN_AGE_S)
            except BadData:
                detail = "Show the API key, or a page token (POST /token) that is not older than ten minutes."
                raise Problem("unauthorized", detail) from None

    def token(self) -> str:
        """Make a page token."""
        made = self._tokens.dumps("page")
        return made if isinstance(made, str) else made.decode()
