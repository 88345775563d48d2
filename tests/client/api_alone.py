"""Runs the rows of the API table that need a process of their own: those that start a Traffic Manager.

Prints one JSON object: name of each check, and what was wrong with it ("" if nothing). Ends at the first that fails.
"""

from __future__ import annotations

import json
import os
import sys
import traceback

from api_table import Bench, all_rows, rows_of_client
from client_support import Stage, connect


def main(port: int) -> None:
    """Run the checks against a server."""
    client = connect(port)
    stage = Stage(client)
    outcome: dict[str, str] = {}
    for check in dict.fromkeys(row.check for row in rows_of_client(all_rows()) if row.alone):
        stage.prepare("Town01")
        try:
            check(Bench(client, stage))
            outcome[check.__name__] = ""
        except Exception:  # whatever it is, the test shows it
            outcome[check.__name__] = traceback.format_exc()
            print(json.dumps(outcome), flush=True)
            # The Traffic Manager may still drive a car of the failed check; only leaving at once does not wait for it.
            os._exit(1)
        stage.clear()
    print(json.dumps(outcome))


if __name__ == "__main__":
    main(int(sys.argv[1]))
