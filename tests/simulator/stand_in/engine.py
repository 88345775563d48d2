"""Stands in for CARLA's engine: the embedded simulator behind CARLA's command line, with CARLA's ways to fail.

Environment variables, all optional:
    STAND_IN_TOWN             town that is loaded first (Town10HD, as in CARLA)
    STAND_IN_FAIL_FIRST       how many starts fail; counted in the file STAND_IN_COUNTER
    STAND_IN_FAILURE          what a failing start prints
    STAND_IN_DELAY_S          time before anything happens
    STAND_IN_CRASH_AFTER_S    time from when it listens until it dies of a segmentation fault
    STAND_IN_FREEZE_AFTER_S   time from when it listens until it stands still
    STAND_IN_STUBBORN         any value: a child in a session of its own that ignores SIGINT and SIGTERM
    STAND_IN_ARGUMENTS        file that receives the command line
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

STUBBORN = """
import signal, time
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
time.sleep(600)
"""


def option(name: str) -> str:
    """Value of ``-name=value`` on the command line."""
    return next(word.split("=", 1)[1] for word in sys.argv[1:] if word.startswith(f"-{name}="))


def fail_if_told() -> None:
    """Die like a start that fails, as often as the environment says."""
    wanted = int(os.environ.get("STAND_IN_FAIL_FIRST", "0"))
    if not wanted:
        return
    counter = Path(os.environ["STAND_IN_COUNTER"])
    starts = int(counter.read_text()) if counter.exists() else 0
    counter.write_text(str(starts + 1))
    if starts < wanted:
        print(os.environ.get("STAND_IN_FAILURE", "Signal 11 caught."), flush=True)
        os.kill(os.getpid(), signal.SIGKILL if starts % 2 else signal.SIGSEGV)


def signal_later(port: int, delay_s: float, number: signal.Signals) -> None:
    """Send this process a signal some time after it listens."""
    from lead.simulator.probe import LOOPBACK, map_answers

    while map_answers(LOOPBACK, port) is None:
        time.sleep(0.1)
    time.sleep(delay_s)
    os.kill(os.getpid(), number)


def main() -> None:
    """Serve a town."""
    if path := os.environ.get("STAND_IN_ARGUMENTS"):
        Path(path).write_text(json.dumps(sys.argv[1:]))
    time.sleep(float(os.environ.get("STAND_IN_DELAY_S", "0")))
    fail_if_told()
    if "STAND_IN_STUBBORN" in os.environ:
        subprocess.Popen([sys.executable, "-c", STUBBORN], start_new_session=True)
    port = int(option("carla-rpc-port"))
    assert int(option("carla-streaming-port")) == port + 1, "the embedded simulator streams on the next port"
    for name, number in (("STAND_IN_CRASH_AFTER_S", signal.SIGSEGV), ("STAND_IN_FREEZE_AFTER_S", signal.SIGSTOP)):
        if delay := os.environ.get(name):
            threading.Thread(target=signal_later, args=(port, float(delay), number), daemon=True).start()
    from lead.cli.main import main as lead

    lead(["sim", "--port", str(port), "--town", os.environ.get("STAND_IN_TOWN", "Town10HD")])


if __name__ == "__main__":
    main()
