"""Authentication by API key, or by a short-lived access token that a page gets in exchange for the key."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from itsdangerous import BadData, URLSafeTimedSerializer

from callmood.realtime.problem_details import Problem
from callmood.settings import RealtimeSettings

ACCESS_TOKEN_LIFETIME_S = 600
"""int: seconds in which an access token authenticates new requests and streams; open streams continue afterwards."""


class Authenticator:
    """Check callers' credentials. Without an API key, only the platform checks callers (Cloud Run: IAM).

    Parameters
    ----------
    settings : RealtimeSettings
        The API key, and the key that signs access tokens. Without `SESSION_KEY`, tokens are valid in this process only.
    """

    def __init__(self, settings: RealtimeSettings) -> None:
        self._key = settings.api_key.get_secret_value() if settings.api_key else None
        signing_key = settings.session_key.get_secret_value() if settings.session_key else secrets.token_urlsafe(32)
        self._serializer = URLSafeTimedSerializer(
            signing_key, salt="callmood access", signer_kwargs={"digest_method": hashlib.sha256}
        )

    @property
    def required(self) -> bool:
        """Whether callers need a credential."""
        return self._key is not None

    def check_api_key(self, credential: str | None) -> None:
        """Accept the API key only.

        Raises
        ------
        Problem
            `unauthorized`.
        """
        if self._key is not None and not hmac.compare_digest((credential or "").encode(), self._key.encode()):
            raise Problem("unauthorized", "Send the API key in the header X-API-Key.")

    def check(self, credential: str | None) -> None:
        """Accept the API key or an access token.

        Raises
        ------
        Problem
            `unauthorized`.
        """
        try:
            self.check_api_key(credential)
        except Problem:
            try:
                self._serializer.loads(credential or "", max_age=ACCESS_TOKEN_LIFETIME_S)
            except BadData:
                detail = "Send the API key, or an access token (POST /token) that is at most ten minutes old."
                raise Problem("unauthorized", detail) from None

    def create_token(self) -> str:
        """Return a new access token."""
        token = self._serializer.dumps("access")
        return token if isinstance(token, str) else token.decode()
