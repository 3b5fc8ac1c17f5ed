"""Simulate how long recordings wait under load: the push delivery of Pub/Sub and the instances of Cloud Run.

Pub/Sub pushes an upload as soon as its push window allows. An instance with a free slot takes it at once. Otherwise a
new instance starts, up to the maximum; or the request waits in Cloud Run, and is rejected after `queue_timeout_s`.
Pub/Sub retries a rejected push with backoff, and dead-letters it after the last attempt. Sources of these rules:
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

# Pub/Sub starts with few outstanding pushes, allows more after each success, and fewer after each failure.
_INITIAL_WINDOW = 4.0
_MIN_BACKOFF_S, _MAX_BACKOFF_S = 30.0, 600.0


@dataclass(frozen=True)
class Upload:
    """One uploaded recording.

    Parameters
    ----------
    at_s : float
        Time of the upload in seconds from the start.
    duration_s : float
        Duration of the call in seconds.
    """

    at_s: float
    duration_s: float


@dataclass(frozen=True)
class Capacity:
    """The capacity of the function, with the names of Terraform's `analyze`.

    Parameters
    ----------
    max_instances, min_instances, concurrency : int
        Number of instances, and of concurrent recordings per instance.
    times_real_time : float
        Seconds of audio analyzed per second (`./run bench`).
    overhead_s : float
        Additional seconds per recording: download, and writing of rows.
    cold_start_s : float
        Seconds until a new instance accepts a recording.
    idle_timeout_s : float
        Seconds after which an idle instance stops.
    queue_timeout_s : float
        Seconds after which Cloud Run rejects a request that no instance can take.
    max_delivery_attempts : int
        Number of deliveries before a recording is dead-lettered.
    """

    max_instances: int = 20
    min_instances: int = 0
    concurrency: int = 1
    times_real_time: float = 100.0
    overhead_s: float = 1.0
    cold_start_s: float = 8.0
    idle_timeout_s: float = 900.0
    queue_timeout_s: float = 28.0
    max_delivery_attempts: int = 20

    def service_s(self, upload: Upload) -> float:
        """Return the time in seconds for which one recording occupies a slot."""
        return upload.duration_s / self.times_real_time + self.overhead_s


@dataclass(frozen=True)
class SimulationResult:
    """The result of a simulation.

    Parameters
    ----------
    latencies_s : tuple of float
        Seconds from upload to rows of each analyzed recording, sorted.
    dead_lettered : int
        Number of recordings that were dead-lettered.
    attempts : int
        Number of deliveries.
    peak_instances : int
        Maximum number of concurrent instances.
    busy_s : float
        Total busy time of all instances in seconds, which Cloud Run bills.
    """

    latencies_s: tuple[float, ...]
    dead_lettered: int
    attempts: int
    peak_instances: int
    busy_s: float

    def latency_s(self, quantile: float) -> float:
        """Return a quantile of the latency in seconds; nan if no recording was analyzed.

        Parameters
        ----------
        quantile : float
            Such as 0.95.
        """
        if not self.latencies_s:
            return float("nan")
        return self.latencies_s[max(0, ceil(quantile * len(self.latencies_s)) - 1)]


def steady_uploads(per_hour: float, hours: float, duration_s: float, seed: int = 0) -> Iterator[Upload]:
    """Generate uploads as a Poisson process, with exponentially distributed durations.

    Parameters
    ----------
    per_hour, hours : float
        Rate of the uploads, and total time.
    duration_s : float
        Mean duration of a call in seconds.
    seed : int
        The same seed generates the same uploads.
    """
    rng = random.Random(seed)  # noqa: S311 - not a secret
    at_s = rng.expovariate(per_hour / 3600)
    while at_s < hours * 3600:
        yield Upload(at_s, rng.expovariate(1 / duration_s))
        at_s += rng.expovariate(per_hour / 3600)


def burst_uploads(number: int, duration_s: float, within_s: float = 0.0, seed: int = 0) -> Iterator[Upload]:
    """Generate uploads that arrive together, such as the hourly batch of a recorder.

    Parameters
    ----------
    number : int
        Number of uploads.
    duration_s : float
        Mean duration of a call in seconds; the durations are exponentially distributed.
    within_s : float
        Spread the uploads evenly over this time in seconds.
    seed : int
        The same seed generates the same uploads.
    """
    rng = random.Random(seed)  # noqa: S311 - not a secret
    for index in range(number):
        yield Upload(within_s * index / number, rng.expovariate(1 / duration_s))


class _Instance:
    """An instance of the function.

    `ready_s` is when it accepts recordings, `busy` the number of recordings that it analyzes, `since_s` when it last
    became busy or idle, and `permanent` whether it is one of the minimum instances, which never stop.
    """

    def __init__(self, ready_s: float, *, permanent: bool = False) -> None:
        self.ready_s = self.since_s = ready_s
        self.permanent = permanent
        self.busy = 0


def simulate(uploads: Iterable[Upload], capacity: Capacity, seed: int = 0) -> SimulationResult:
    """Simulate Pub/Sub and Cloud Run until every recording is analyzed or dead-lettered.

    Parameters
    ----------
    uploads : iterable of Upload
        The load.
    capacity : Capacity
        The function that analyzes them.
    seed : int
        Seed of the backoff jitter.

    Returns
    -------
    SimulationResult
        Deterministic: the same arguments return the same result.
    """
    rng, sequence = random.Random(seed), count()  # noqa: S311 - not a secret
    events: list[tuple[float, int, str, object]] = []
    instances = [_Instance(0.0, permanent=True) for _ in range(capacity.min_instances)]
    backlog: deque[tuple[Upload, int]] = deque()  # in Pub/Sub: upload, attempts so far
    pending: deque[tuple[Upload, int, float]] = deque()  # in Cloud Run: upload, attempts, time of the rejection
    window, outstanding = _INITIAL_WINDOW, 0
    latencies: list[float] = []
    dead_lettered = attempts = 0
    peak, busy_s = len(instances), 0.0

    def schedule(time_s: float, kind: str, payload: object) -> None:
        heapq.heappush(events, (time_s, next(sequence), kind, payload))

    def assign(now: float) -> None:
        """Assign pending uploads to free slots, the busiest instance first, and start instances for the rest."""
        nonlocal instances, peak
        if not pending:
            return
        instances = [i for i in instances if i.permanent or i.busy or now - i.since_s < capacity.idle_timeout_s]
        free = [i for i in instances if i.ready_s <= now and i.busy < capacity.concurrency]
        for instance in sorted(free, key=lambda i: -i.busy):
            while pending and instance.busy < capacity.concurrency:
                upload, attempt, _ = pending.popleft()
                if instance.busy == 0:
                    instance.since_s = now
                instance.busy += 1
                schedule(now + capacity.service_s(upload), "done", (upload, attempt, instance))
        starting_slots = sum(i.ready_s > now for i in instances) * capacity.concurrency
        while len(pending) > starting_slots and len(instances) < capacity.max_instances:
            instances.append(_Instance(now + capacity.cold_start_s))
            schedule(now + capacity.cold_start_s, "ready", None)
            starting_slots += capacity.concurrency
        peak = max(peak, len(instances))

    def push(now: float) -> None:
        """Push as many uploads as the window allows."""
        nonlocal outstanding, attempts
        while backlog and outstanding < int(window):
            upload, attempt = backlog.popleft()
            outstanding += 1
            attempts += 1
            reject_s = now + capacity.queue_timeout_s
            pending.append((upload, attempt + 1, reject_s))
            schedule(reject_s, "reject", None)
        assign(now)

    for upload in uploads:
        schedule(upload.at_s, "upload", upload)
    while events:
        now, _, kind, payload = heapq.heappop(events)
        if kind == "upload":
            assert isinstance(payload, Upload)
            backlog.append((payload, 0))
        elif kind == "retry":
            assert isinstance(payload, tuple)
            backlog.append(payload)
        elif kind == "done":
            assert isinstance(payload, tuple)
            upload, _, instance = payload
            instance.busy -= 1
            if instance.busy == 0:
                busy_s += now - instance.since_s
                instance.since_s = now
            latencies.append(now - upload.at_s)
            outstanding -= 1
            window += 1
        elif kind == "reject":
            while pending and pending[0][2] <= now:
                upload, attempt, _ = pending.popleft()
                outstanding -= 1
                window = max(1.0, window / 2)
                if attempt == capacity.max_delivery_attempts:
                    dead_lettered += 1
                else:
                    backoff = min(_MIN_BACKOFF_S * 2 ** (attempt - 1), _MAX_BACKOFF_S)
                    schedule(now + backoff * rng.uniform(1.0, 1.25), "retry", (upload, attempt))
        push(now)
    return SimulationResult(tuple(sorted(latencies)), dead_lettered, attempts, peak, busy_s)
