"""Run a command until it ends or until standard input closes; then kill its process group.

The test run keeps the other end of standard input open. If the run is killed, the system closes it, so that no
emulator outlives its tests.
"""

import os
import select
import signal
import subprocess
import sys
import time

child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
while child.poll() is None:
    if select.select([sys.stdin], [], [], 0.2)[0]:  # readable means closed: nothing is ever written
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(0, signal.SIGTERM)
        time.sleep(1)
        os.killpg(0, signal.SIGKILL)
sys.exit(child.returncode)
