"""Names of legs: files that contain one party of a call each, such as `…_leg-agent.wav` and `…_leg-customer.wav`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LegRole = Literal["agent", "customer"]


@dataclass(frozen=True)
class LegPair:
    """The values of the group ``leg`` in the names of the two files of a call.

    Parameters
    ----------
    agent, customer : str
        The agent's leg and the customer's leg, in lower case.
    follows_caller : bool
        Whether the values name the called and the calling party: in outbound calls, they are reversed.
    """

    agent: str
    customer: str
    follows_caller: bool = False


LEG_PAIRS = (
    LegPair("agent", "customer"),
    LegPair("callee", "caller", follows_caller=True),
    # As Asterisk's Monitor names what the calling channel sends (in) and receives (out).
    LegPair("out", "in", follows_caller=True),
    LegPair("tx", "rx", follows_caller=True),
)
"""tuple of LegPair: pairs that need no setting."""


@dataclass(frozen=True)
class Leg:
    """One leg of a call.

    Parameters
    ----------
    value : str
        As in the name.
    other : str
        Value in the name of the other leg.
    role : {"agent", "customer"}
        Party of the leg.
    """

    value: str
    other: str
    role: LegRole


def find_leg(value: str, direction: str | None = None, names: tuple[str, str] | None = None) -> Leg | None:
    """Return the leg that a value of the group ``leg`` names, or None for any other value.

    Parameters
    ----------
    value : str
        In any case.
    direction : str or None
        Direction of the call.
    names : tuple of (str, str), optional
        Values of the agent's and the customer's leg, instead of `LEG_PAIRS`.

    Examples
    --------
    >>> find_leg("IN", "outbound")
    Leg(value='IN', other='OUT', role='agent')
    >>> find_leg("left") is None
    True
    """
    for pair in (LegPair(*names),) if names else LEG_PAIRS:
        parties: tuple[LegRole, LegRole] = ("agent", "customer")
        if pair.follows_caller and direction == "outbound":
            parties = ("customer", "agent")
        for own, other, role in zip((pair.agent, pair.customer), (pair.customer, pair.agent), parties, strict=True):
            if value.lower() == own.lower():
                return Leg(value, _in_case_of(value, other), role)
    return None


def _in_case_of(value: str, other: str) -> str:
    """Return the other value in upper case or with a capital, if the value is written so."""
    if value.isupper():
        return other.upper()
    return other.capitalize() if value.istitle() else other
