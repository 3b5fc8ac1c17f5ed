"""Fixtures of the real-time service: a running server, and an example call."""

import io

import pytest
import soundfile
from realtime_server import EXAMPLE, SESSION_KEY, run_server


@pytest.fixture(scope="session")
def server():
    settings = {"MAX_CHUNK_S": "120", "MAX_REQUEST_BYTES": "4000000", "MAX_STREAMS": "2"}
    with run_server(SESSION_KEY=SESSION_KEY, **settings) as running:
        yield running


@pytest.fixture(scope="session")
def example():
    return EXAMPLE.read_bytes()


@pytest.fixture(scope="session")
def customer(example):
    """The customer's channel of the example call: int16 samples at 8 kHz."""
    samples, _ = soundfile.read(io.BytesIO(example), dtype="int16")
    return samples[:, 1]
