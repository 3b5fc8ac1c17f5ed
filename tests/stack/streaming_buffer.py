"""BigQuery's rule for changes of rows that were streamed in the last 30 minutes, in front of the emulator.

UPDATE, DELETE, MERGE, and TRUNCATE cannot change rows that `tabledata.insertAll` wrote in the last 30 minutes. All
other rows of the table can be changed: https://cloud.google.com/bigquery/docs/data-manipulation-language#limitations.
Rows of the Storage Write API follow another rule, and callmood does not use it. The message is that of
https://cloud.google.com/knowledge/kb/cannot-update-or-delete-over-bigquery-streaming-tables-000004334.
"""

import json
import re
import time

import sqlglot
from sqlglot import exp
from stack.proxy import Proxy

from callmood.warehouse.schema import tables

BUFFER_S = 30 * 60
_CHANGES = (exp.Delete, exp.Update, exp.Merge, exp.TruncateTable)
_STREAMING = re.compile(r"/tables/(\w+)/insertAll$")


class StreamingBuffer(Proxy):
    """A proxy of the BigQuery emulator. A query that would change fresh rows fails as a whole, also in a script.

    Parameters
    ----------
    server : ScriptedHttp
        Receives the requests.
    target : str
        URL of the emulator.
    count : callable
        Runs a query with a list of IDs as its parameter @ids, and returns the only value.
    """

    def __init__(self, server, target, count):
        super().__init__(server, target)
        self._count, self._streamed, self._ahead_s = count, [], 0
        self.rejected = []

    def advance(self, hours):
        """Move the clock of the buffer and of CURRENT_TIMESTAMP()."""
        self._ahead_s += int(hours * 3600)

    def forward(self, request):
        path = request.path.partition("?")[0]
        if streaming := _STREAMING.search(path):
            ids = [row["insertId"] for row in request.json["rows"]]
            self._streamed.append((self._now(), streaming[1], ids))
        elif request.method == "POST" and path.endswith(("/jobs", "/queries")):
            body = request.json
            query = body["configuration"]["query"] if "configuration" in body else body
            ahead = f"TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL {self._ahead_s} SECOND)"
            query["query"] = query["query"].replace("CURRENT_TIMESTAMP()", ahead)
            table = self._changed_table(query["query"])
            if table:
                self.rejected.append(table)
                return 200, _failed(body, table)
            request.body = json.dumps(body).encode()
        return super().forward(request)

    def _now(self):
        return time.time() + self._ahead_s

    def _changed_table(self, sql):
        """Return the first table with fresh rows that a statement would change."""
        for statement in sqlglot.parse(sql, read="bigquery"):
            if isinstance(statement, _CHANGES):
                for target in statement.expressions if isinstance(statement, exp.TruncateTable) else [statement.this]:
                    if self._affects_fresh_rows(statement, target):
                        return target.sql("bigquery")
        return None

    def _affects_fresh_rows(self, statement, target):
        since = self._now() - BUFFER_S
        fresh = [name for at, table, ids in self._streamed if table == target.name and at > since for name in ids]
        if not fresh:
            return False
        if not isinstance(statement, exp.Delete | exp.Update):
            return True
        where = statement.args["where"].sql("bigquery")
        id_field = tables()[target.name].id_field
        return self._count(
            f"SELECT COUNT(*) FROM {target.sql('bigquery')} {where} AND {id_field} IN UNNEST(@ids)", fresh
        )


def _failed(body, table):
    """Return the job of a query that BigQuery began and rejected."""
    cause = {
        "reason": "invalidQuery",
        "message": f"UPDATE or DELETE statement over table {table} would affect rows in the streaming buffer, which is "
        "not supported",
    }
    reference = body.get("jobReference", {"projectId": "demo", "jobId": "rejected"})
    return {
        "jobReference": reference,
        "configuration": body.get("configuration", {}),
        "status": {"state": "DONE", "errorResult": cause, "errors": [cause]},
    }
