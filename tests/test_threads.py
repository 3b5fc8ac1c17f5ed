"""Tests of the threads that the applications start."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

_THREADS = Path("/proc/self/task")
_COUNT = f"""
import os, {{module}}, numpy
numpy.ones((256, 256)) @ numpy.ones((256, 256))
print(len(os.listdir("{_THREADS}")))
"""


@pytest.mark.skipif(not _THREADS.is_dir(), reason="needs /proc of Linux")
@pytest.mark.parametrize(
    "module", ["callmood.cli.app", "callmood.realtime.__main__", "callmood.cloud_functions.handlers"]
)
def test_application_computes_in_one_thread(module):
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    command = [sys.executable, "-c", _COUNT.format(module=module)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "1"
