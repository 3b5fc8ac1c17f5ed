"""Run a command until it ends or until standard input closes; then end all processes of its session.

The test run keeps the other end of standard input open. If the run is killed, the system closes it, so that no
emulator outlives its tests. Some services move to a process group of their own, but stay in the session.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path


def members():
    """Return the other processes of this session; on systems without /proc, none."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.getsid(int(entry.name)) == os.getsid(0) and int(entry.name) != os.getpid():
                found.append(int(entry.name))
    return found


def send(number):
    """Send a signal to the process group, and to all processes of the session."""
    os.killpg(0, number)
    for pid in members():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
while child.poll() is None and not select.select([sys.stdin], [], [], 0.2)[0]:  # readable means closed
    pass
signal.signal(signal.SIGTERM, signal.SIG_IGN)
send(signal.SIGTERM)
deadline = time.monotonic() + 1
while time.monotonic() < deadline and (child.poll() is None or members()):
    time.sleep(0.02)
for pid in members():
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
if child.poll() is None:
    child.kill()
sys.exit(child.wait())
