"""One running server for the tests that ask nothing special of it."""

import pytest
from live_server import EXAMPLE, KEY, running


@pytest.fixture(scope="session")
def server():
    with running(SESSION_KEY=KEY, MAX_CHUNK_S="120", MAX_REQUEST_BYTES="4000000", MAX_STREAMS="2") as found:
        yield found


@pytest.fixture(scope="session")
def example():
    return EXAMPLE.read_bytes()
