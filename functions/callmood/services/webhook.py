"""Alerts: post the message of a call, signed, to a webhook."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlsplit

import requests
import standardwebhooks
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from callmood.errors import AlertError

_TIMEOUT_S = 10.0
# Wait 0, 1, 2, 4, 8 seconds, or as long as Retry-After states. Repeating the POST is safe: the message has an ID.
_RETRY = Retry(
    total=5,
    backoff_factor=0.5,
    retry_after_max=30,
    status_forcelist=(408, 425, 429, 500, 502, 503, 504),
    allowed_methods=None,
    raise_on_status=False,
)


class Webhook:
    """A URL that receives alerts.

    Parameters
    ----------
    url : str
        ``https://…`` or ``http://…``.
    secret : str, optional
        Base64 key that signs every message; default: no signature.

    Raises
    ------
    AlertError
        Not an HTTP URL.
    """

    def __init__(self, url: str, secret: str | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise AlertError("the webhook URL must start with https:// (or http://) and name a host")
        self._url = url
        self._host = parts.hostname  # errors name only the host, because the path can contain a password
        self._signer = standardwebhooks.Webhook(secret) if secret else None
        self._session = requests.Session()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=_RETRY))

    def post(self, message_id: str, body: bytes) -> None:
        """Deliver a message; retry while the receiver is unavailable or overloaded.

        The headers follow https://www.standardwebhooks.com: ``webhook-id``, ``webhook-timestamp`` and, with a secret,
        ``webhook-signature``.

        Parameters
        ----------
        message_id : str
            Identical in all deliveries of the same message.
        body : bytes
            JSON in UTF-8.

        Raises
        ------
        AlertError
            The receiver rejected the message, or all attempts failed.
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
            response = self._session.post(self._url, body, headers=headers, timeout=_TIMEOUT_S, allow_redirects=False)
        except requests.RequestException as error:
            raise AlertError(f"alert {message_id} not delivered to {self._host}: {type(error).__name__}") from None
        if not 200 <= response.status_code < 300:
            raise AlertError(f"alert {message_id} not delivered to {self._host}: HTTP {response.status_code}")
