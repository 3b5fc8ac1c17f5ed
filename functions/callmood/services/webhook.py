"""Alerts: a call's message, signed, for a webhook."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlsplit

import requests
import standardwebhooks
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from callmood.errors import AlertError

_TIMEOUT_S = 10.0
# 0, 1, 2, 4, 8 seconds apart, or as Retry-After says. A POST may be repeated here: the message has an id.
_RETRY = Retry(
    total=5,
    backoff_factor=0.5,
    retry_after_max=30,
    status_forcelist=(408, 425, 429, 500, 502, 503, 504),
    allowed_methods=None,
    raise_on_status=False,
)


class Webhook:
    """An address that takes alerts.

    Parameters
    ----------
    url : str
        ``https://…``, or ``http://…``.
    secret : str, optional
        Base64; signs every message. Unsigned without.

    Raises
    ------
    AlertError
        The address is none.
    """

    def __init__(self, url: str, secret: str | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise AlertError("the address for alerts must begin with https:// (or http://) and name a host")
        self._url = url
        self._host = parts.hostname  # all that is told of the address: its path may be a password
        self._signer = standardwebhooks.Webhook(secret) if secret else None
        self._session = requests.Session()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=_RETRY))

    def post(self, message_id: str, body: bytes) -> None:
        """Deliver a message, trying again while the receiver is away or overloaded.

        Its headers are those of https://www.standardwebhooks.com: ``webhook-id``, ``webhook-timestamp`` and, with a
        secret, ``webhook-signature``.

        Parameters
        ----------
        message_id : str
            The same whenever the same message is sent again.
        body : bytes
            JSON in UTF-8.

        Raises
        ------
        AlertError
            It was refused, or not taken after all attempts.
        """
        now = datetime.now(UTC)
        headers = {
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
        }
        if self._signer:
            headers["webhook-signature"] = self._signer.sign(message_id, now, body.decode())
        try:
            answer = self._session.post(self._url, body, headers=headers, timeout=_TIMEOUT_S, allow_redirects=False)
        except requests.RequestException as error:
            raise AlertError(f"{self._host} took no alert about {message_id}: {type(error).__name__}") from None
        if not 200 <= answer.status_code < 300:
            raise AlertError(f"{self._host} took no alert about {message_id}: it answers {answer.status_code}")
