"""The functions on a machine that fails: while the file DYING is there, the process is killed before it can commit."""

import os
import signal
from pathlib import Path

from main import analyze

from callmood.warehouse.bigquery import BigQueryWarehouse

__all__ = ["analyze"]

_append = BigQueryWarehouse.append


def _append_or_die(self, table, rows):
    if table == "recordings" and Path(os.environ["DYING"]).exists():
        os.kill(os.getpid(), signal.SIGKILL)
    _append(self, table, rows)


BigQueryWarehouse.append = _append_or_die
