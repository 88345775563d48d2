"""The supervisor reads the board of a busy process without ever meeting half an entry."""

import subprocess
import sys
import time

from lead.evaluation.status_board import Phase, StatusBoard

WRITER = """
import sys
from pathlib import Path
from lead.evaluation.status_board import Phase, StatusBoard
board = StatusBoard(Path(sys.argv[1]))
print("ready", flush=True)
while True:
    for phase in (Phase.TICK, Phase.SENSORS, Phase.RECORDING):
        board.count_tick()
        board.enter(phase)
"""


def test_readings_are_never_half_written(tmp_path):
    started_s = time.monotonic()
    with StatusBoard(tmp_path / "board", create=True) as board:
        writer = subprocess.Popen([sys.executable, "-c", WRITER, tmp_path / "board"], stdout=subprocess.PIPE)
        try:
            writer.stdout.readline()
            last, changes = board.read(), 0
            end_s = time.monotonic() + 1.0
            while time.monotonic() < end_s:
                status = board.read()
                assert started_s <= status.since_s <= time.monotonic()
                assert status.ticks >= last.ticks and status.since_s >= last.since_s
                changes += status.ticks > last.ticks
                last = status
        finally:
            writer.kill()
            writer.wait(timeout=5.0)
            writer.stdout.close()
        assert changes > 100


def test_a_writer_that_died_in_the_middle_leaves_the_last_reading(tmp_path):
    path = tmp_path / "board"
    with StatusBoard(path, create=True) as board:
        board.enter(Phase.LOADING)
        before = board.read()
        with path.open("r+b") as file:
            file.write(bytes([99]))  # another number before the entry than behind it
        assert board.read() == before
        board.enter(Phase.TICK)
        assert board.read().phase is Phase.TICK
