"""A call in parts: a token carries each voice's average from one request to the next, so that no server remembers."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from itsdangerous import BadData, SignatureExpired, URLSafeTimedSerializer

from callmood.analysis.channel import Average
from callmood.realtime.problem_details import Problem

MAX_AGE_S = 3600
"""int: a token is good for an hour after it was made."""

MAX_LENGTH = 65_536
"""int: characters of the longest token that is looked at; one of two voices has some 22,000."""


@dataclass(frozen=True)
class Session:
    """What earlier parts of a call leave behind.

    Parameters
    ----------
    call_id : str
        Names the call; the same call gets the same model as long as no release changes.
    model_version : str
        Of the model that the averages are of: they mean nothing to another.
    offset_s : float
        How long they were together: where the next part begins.
    averages : mapping of int to Average
        What each channel's voice sounded like.
    """

    call_id: str
    model_version: str
    offset_s: float = 0.0
    averages: Mapping[int, Average] = field(default_factory=dict)

    def after(self, duration_s: float, averages: Mapping[int, Average]) -> Session:
        """What is left behind after another part."""
        return replace(self, offset_s=self.offset_s + duration_s, averages={**self.averages, **averages})


class SessionTokens:
    """Makes and reads tokens. They are signed, not secret: who holds one could read a voice's average from it.

    Parameters
    ----------
    key : str
        Signs them; every server that is to read a token needs the same.
    """

    def __init__(self, key: str) -> None:
        self._serializer = URLSafeTimedSerializer(
            key, salt="callmood session", signer_kwargs={"digest_method": hashlib.sha256}
        )

    def write(self, session: Session) -> str:
        """Make a token: some 11,000 characters a voice."""
        voices = {
            str(channel): [average.seconds, base64.b64encode(average.embedding.astype("<f2").tobytes()).decode()]
            for channel, average in session.averages.items()
        }
        token = self._serializer.dumps(
            {
                "call": session.call_id,
                "model": session.model_version,
                "offset_s": round(session.offset_s, 3),
                "voices": voices,
            }
        )
        return token if isinstance(token, str) else token.decode()

    def read(self, token: str) -> Session:
        """Read a token.

        Parameters
        ----------
        token : str
            From `write`, of this server or of another with the same key.

        Raises
        ------
        Problem
            `bad_session`, `session_expired`.
        """
        if len(token) > MAX_LENGTH:
            raise Problem("bad_session", f"A session token has at most {MAX_LENGTH:,} characters.")
        try:
            told = self._serializer.loads(token, max_age=MAX_AGE_S)
        except SignatureExpired:
            detail = f"The session token is over {MAX_AGE_S // 60} minutes old. Leave it out to begin the call anew."
            raise Problem("session_expired", detail) from None
        except BadData:
            detail = "The session token was changed, cut off or signed with another key. Send it as it was answered."
            raise Problem("bad_session", detail) from None
        averages = {
            int(channel): Average(np.frombuffer(base64.b64decode(mean), "<f2").astype(np.float32), seconds)
            for channel, (seconds, mean) in told["voices"].items()
        }
        return Session(told["call"], told["model"], told["offset_s"], averages)
