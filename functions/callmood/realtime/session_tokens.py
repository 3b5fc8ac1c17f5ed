"""Calls in chunks: a signed token carries the speakers' baselines to the next request, so servers stay stateless."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from itsdangerous import BadData, SignatureExpired, URLSafeTimedSerializer

from callmood.emotion.baseline import SpeakerBaseline
from callmood.realtime.problem_details import Problem

MAX_AGE_S = 3600
"""int: seconds for which a token is valid."""

MAX_LENGTH = 65_536
"""int: maximum number of characters of a token; a token for two speakers has about 22,000."""


@dataclass(frozen=True)
class SessionState:
    """State that one chunk of a call passes on to the next.

    Parameters
    ----------
    call_id : str
        Identifies the call; a call keeps its model until a release changes.
    model_version : str
        Version of the model that computed the baselines, and of its population; no other model can use them.
    offset_s : float
        Total duration of the earlier chunks, in seconds: the start of the next chunk.
    baselines : mapping of int to SpeakerBaseline
        The speaker baseline of each channel.
    """

    call_id: str
    model_version: str
    offset_s: float = 0.0
    baselines: Mapping[int, SpeakerBaseline] = field(default_factory=dict)

    def advance(self, duration_s: float, baselines: Mapping[int, SpeakerBaseline]) -> SessionState:
        """Return the state after another chunk of `duration_s` seconds, with these channels' new baselines."""
        return replace(self, offset_s=self.offset_s + duration_s, baselines={**self.baselines, **baselines})


class SessionTokens:
    """Encode and decode session tokens.

    Tokens are signed but not encrypted: whoever has a token can read the speakers' mean embeddings.

    Parameters
    ----------
    key : str
        Signing key; all servers that share tokens need the same one.
    """

    def __init__(self, key: str) -> None:
        self._serializer = URLSafeTimedSerializer(
            key, salt="callmood session", signer_kwargs={"digest_method": hashlib.sha256}
        )

    def encode(self, state: SessionState) -> str:
        """Return a token for the state: about 11,000 characters per speaker."""
        baselines = {
            str(channel): [
                baseline.speech_s,
                base64.b64encode(baseline.embedding.astype("<f2").tobytes()).decode(),
                [round(float(share), 4) for share in baseline.shares],
            ]
            for channel, baseline in state.baselines.items()
        }
        token = self._serializer.dumps(
            {
                "call_id": state.call_id,
                "model_version": state.model_version,
                "offset_s": round(state.offset_s, 3),
                "baselines": baselines,
            }
        )
        return token if isinstance(token, str) else token.decode()

    def decode(self, token: str) -> SessionState:
        """Verify a token and return its state.

        Parameters
        ----------
        token : str
            From `encode`, of this server or of another with the same key.

        Raises
        ------
        Problem
            `invalid_session`, `session_expired`.
        """
        if len(token) > MAX_LENGTH:
            raise Problem("invalid_session", f"The session token is longer than {MAX_LENGTH:,} characters.")
        try:
            content = self._serializer.loads(token, max_age=MAX_AGE_S)
        except SignatureExpired:
            detail = f"The session token is over {MAX_AGE_S // 60} minutes old. Omit it to start a new session."
            raise Problem("session_expired", detail) from None
        except BadData:
            detail = "The session token is altered, truncated, or signed with another key. Send it back unchanged."
            raise Problem("invalid_session", detail) from None
        baselines = {
            int(channel): SpeakerBaseline(
                np.frombuffer(base64.b64decode(mean), "<f2").astype(np.float32), seconds, np.array(shares, np.float32)
            )
            for channel, (seconds, mean, shares) in content["baselines"].items()
        }
        return SessionState(content["call_id"], content["model_version"], content["offset_s"], baselines)
