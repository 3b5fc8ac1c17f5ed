"""How long recordings wait when many come at once: a simulation of Pub/Sub's pushes and Cloud Run's instances.

Every recording is pushed as soon as Pub/Sub's window allows. An instance with a free slot takes it at once; else a
new instance starts, where one more is allowed, or the push waits, and is refused after `patience_s`. A refused push is
tried again with back-off, and given up after the last attempt. Sources of the rules:
https://cloud.google.com/run/docs/about-instance-autoscaling, https://cloud.google.com/pubsub/docs/push.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from math import ceil

# Pub/Sub pushes few messages at first and more as they succeed, fewer as they fail.
_FIRST_WINDOW = 4.0
_BACKOFF_S = (10.0, 600.0)


@dataclass(frozen=True)
class Recording:
    """One upload.

    Parameters
    ----------
    at_s : float
        When, in seconds from the start.
    duration_s : float
        Length of the call.
    """

    at_s: float
    duration_s: float


@dataclass(frozen=True)
class Capacity:
    """What analyses, named as in Terraform's `analyze`.

    Parameters
    ----------
    max_instances, min_instances, concurrency : int
        Instances, and recordings at once in each.
    times_real_time : float
        Speed of one recording's analysis (`./run bench`).
    overhead_s : float
        Seconds for a recording beside: fetching it, writing its rows.
    cold_start_s : float
        Seconds until a new instance takes a recording.
    idle_s : float
        Seconds after which an idle instance ends.
    patience_s : float
        Seconds for which Cloud Run keeps a request that no instance can take.
    max_delivery_attempts : int
        Deliveries after which a recording is given up.
    """

    max_instances: int = 20
    min_instances: int = 0
    concurrency: int = 1
    times_real_time: float = 100.0
    overhead_s: float = 1.0
    cold_start_s: float = 8.0
    idle_s: float = 900.0
    patience_s: float = 28.0
    max_delivery_attempts: int = 5

    def service_s(self, recording: Recording) -> float:
        """Seconds that one recording keeps a slot busy."""
        return recording.duration_s / self.times_real_time + self.overhead_s


@dataclass(frozen=True)
class Outcome:
    """What a simulation found.

    Parameters
    ----------
    lags_s : tuple of float
        Seconds from upload to rows, of each analyzed recording, sorted.
    given_up : int
        Recordings that ended as dead letters.
    attempts : int
        Deliveries in all.
    peak_instances : int
        Most instances at once.
    busy_s : float
        Seconds in which instances had work, summed: what Cloud Run bills.
    """

    lags_s: tuple[float, ...]
    given_up: int
    attempts: int
    peak_instances: int
    busy_s: float

    def lag_s(self, share: float) -> float:
        """Lag that this share of recordings stays within; nan where none was analyzed.

        Parameters
        ----------
        share : float
            Such as 0.95.
        """
        return self.lags_s[max(0, ceil(share * len(self.lags_s)) - 1)] if self.lags_s else float("nan")


def steady(per_hour: float, hours: float, duration_s: float, seed: int = 0) -> Iterator[Recording]:
    """Uploads at random times, as calls end: a Poisson process, lengths exponential around their mean.

    Parameters
    ----------
    per_hour, hours : float
        How many, for how long.
    duration_s : float
        Mean length of a call.
    seed : int
        The same seed gives the same uploads.
    """
    draw = random.Random(seed)  # noqa: S311 - no secret
    at = draw.expovariate(per_hour / 3600)
    while at < hours * 3600:
        yield Recording(at, draw.expovariate(1 / duration_s))
        at += draw.expovariate(per_hour / 3600)


def burst(number: int, duration_s: float, within_s: float = 0.0, seed: int = 0) -> Iterator[Recording]:
    """Uploads that come together, as from a recorder that hands over once an hour.

    Parameters
    ----------
    number : int
        How many.
    duration_s : float
        Mean length of a call.
    within_s : float
        Spread evenly over so long.
    seed : int
        The same seed gives the same uploads.
    """
    draw = random.Random(seed)  # noqa: S311 - no secret
    for index in range(number):
        yield Recording(within_s * index / number, draw.expovariate(1 / duration_s))


class _Instance:
    """One instance: when it is ready, how much it works on, since when it has worked or rested."""

    def __init__(self, ready_s: float, *, kept: bool = False) -> None:
        self.ready_s = self.since_s = ready_s
        self.kept = kept
        self.busy = 0


def simulate(recordings: Iterable[Recording], capacity: Capacity, seed: int = 0) -> Outcome:
    """Run the events of Pub/Sub and Cloud Run until every recording is analyzed or given up.

    Parameters
    ----------
    recordings : iterable of Recording
        The uploads.
    capacity : Capacity
        What analyses them.
    seed : int
        Of the back-off's jitter.

    Returns
    -------
    Outcome
        The same input gives the same outcome.
    """
    draw, order = random.Random(seed), count()  # noqa: S311 - no secret
    events: list[tuple[float, int, str, object]] = []
    instances = [_Instance(0.0, kept=True) for _ in range(capacity.min_instances)]
    undelivered: deque[tuple[Recording, int]] = deque()  # Pub/Sub's backlog: recording, attempts so far
    pending: deque[tuple[Recording, int, float]] = deque()  # Cloud Run's queue: and when it is refused
    window, outstanding = _FIRST_WINDOW, 0
    lags: list[float] = []
    given_up = attempts = 0
    peak, busy_s = len(instances), 0.0

    def at(when: float, kind: str, what: object) -> None:
        heapq.heappush(events, (when, next(order), kind, what))

    def take(now: float) -> None:
        """Give what is pending to instances with a free slot, the fullest first, and start instances for the rest."""
        nonlocal instances, peak
        if not pending:
            return
        instances = [each for each in instances if each.kept or each.busy or now - each.since_s < capacity.idle_s]
        free = [each for each in instances if each.ready_s <= now and each.busy < capacity.concurrency]
        for instance in sorted(free, key=lambda each: -each.busy):
            while pending and instance.busy < capacity.concurrency:
                recording, tried, _ = pending.popleft()
                if instance.busy == 0:
                    instance.since_s = now
                instance.busy += 1
                at(now + capacity.service_s(recording), "done", (recording, tried, instance))
        starting = sum(i.ready_s > now for i in instances) * capacity.concurrency
        while len(pending) > starting and len(instances) < capacity.max_instances:
            instances.append(_Instance(now + capacity.cold_start_s))
            at(now + capacity.cold_start_s, "ready", None)
            starting += capacity.concurrency
        peak = max(peak, len(instances))

    def deliver(now: float) -> None:
        """Push what Pub/Sub's window allows."""
        nonlocal outstanding, attempts
        while undelivered and outstanding < int(window):
            recording, tried = undelivered.popleft()
            outstanding += 1
            attempts += 1
            refused = now + capacity.patience_s
            pending.append((recording, tried + 1, refused))
            at(refused, "refuse", refused)
        take(now)

    for recording in recordings:
        at(recording.at_s, "upload", recording)
    while events:
        now, _, kind, what = heapq.heappop(events)
        if kind == "upload":
            assert isinstance(what, Recording)
            undelivered.append((what, 0))
        elif kind == "retry":
            assert isinstance(what, tuple)
            undelivered.append(what)
        elif kind == "done":
            assert isinstance(what, tuple)
            recording, _, instance = what
            instance.busy -= 1
            if instance.busy == 0:
                busy_s += now - instance.since_s
                instance.since_s = now
            lags.append(now - recording.at_s)
            outstanding -= 1
            window += 1
        elif kind == "refuse":
            while pending and pending[0][2] <= now:
                recording, tried, _ = pending.popleft()
                outstanding -= 1
                window = max(1.0, window / 2)
                if tried == capacity.max_delivery_attempts:
                    given_up += 1
                else:
                    backoff = min(_BACKOFF_S[0] * 2 ** (tried - 1), _BACKOFF_S[1])
                    at(now + backoff * draw.uniform(1.0, 1.25), "retry", (recording, tried))
        deliver(now)
    return Outcome(tuple(sorted(lags)), given_up, attempts, peak, busy_s)
