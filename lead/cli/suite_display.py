"""What ``lead benchmark`` shows: how far the suite is, what each worker does, and the score so far."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from lead.cli.log_lines import LogLines
from lead.evaluation.episode_child import Message
from lead.evaluation.result_store import ResultStore
from lead.evaluation.tasks import RouteTask, TaskResult
from lead.scoring.records import RouteRecord

REFRESH_PER_S = 2.0
LOG_EVERY_S = 60.0
MAX_NOTES = 6


@dataclass
class _Lane:
    """What one worker does."""

    task: RouteTask | None = None
    attempt: int = 1
    percent: float = 0.0
    penalty: float = 1.0
    time_s: float = 0.0
    started_s: float = 0.0


class SuiteTable:
    """Pool listener with a live table on a terminal, and with lines of a log elsewhere."""

    def __init__(self, store: ResultStore, total: int, unfinished: int, workers: int) -> None:
        """Describe the display.

        Args:
            store: Results, for the score so far.
            total: Number of tasks of the suite.
            unfinished: Number of tasks of this run.
            workers: Number of workers.
        """
        self._store = store
        self._total = total
        self._unfinished = unfinished
        self._done = 0
        self._lanes = [_Lane() for _ in range(workers)]
        self._notes: list[Text] = []
        self._failures = 0
        self._started_s = time.monotonic()
        self._lock = threading.Lock()
        self._console = Console(stderr=True)
        self._live: Live | None = None
        self._log: LogLines | None = None
        if self._console.is_terminal:
            self._live = Live(get_renderable=self._render, console=self._console, refresh_per_second=REFRESH_PER_S)
        else:
            self._log = LogLines(self._console, LOG_EVERY_S)

    def __enter__(self) -> SuiteTable:
        """Show the table."""
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the last state on the screen."""
        if self._live is not None:
            self._live.stop()
        if self._log is not None:
            self._log.say(self._state())

    def on_task(self, worker: int, task: RouteTask, attempt: int) -> None:
        """A worker takes a route."""
        with self._lock:
            self._lanes[worker] = _Lane(task, attempt, started_s=time.monotonic())
        if self._log is not None:
            self._log.say(f"worker {worker} begins route {task.stem} in {task.route.town}{_again(attempt)}")

    def on_progress(self, worker: int, message: Message) -> None:
        """A worker has moved on."""
        with self._lock:
            lane = self._lanes[worker]
            lane.percent, lane.penalty, lane.time_s = message["percent"], message["penalty"], message["time_s"]
        if self._log is not None:
            self._log.say_how_far(self._state)

    def on_retry(self, worker: int, task: RouteTask, explanation: str) -> None:
        """A route is driven again."""
        self._note(f"route {task.stem}: {explanation}; trying again", "yellow")

    def on_result(self, worker: int, result: TaskResult, record: RouteRecord) -> None:
        """A route has its result."""
        with self._lock:
            self._done += 1
            self._lanes[worker] = _Lane()
        if result.explanation:
            with self._lock:
                self._failures += 1
            self._note(f"route {result.task.stem}: {record.status}: {result.explanation}", "red")
        elif self._log is not None:
            score = record.scores["score_composed"]
            self._log.say(f"route {result.task.stem}: {record.status}, driving score {score:.1f}")

    def print_summary(self, folder: Path) -> None:
        """Print the closing lines."""
        records = self._store.ordered_records()
        console = Console()
        if records:
            official, driven = self._scores(records)
            console.print(
                f"driving score {official:.2f} over all {self._total} routes, {driven:.2f} over the {len(records)} "
                "with a result"
            )
        console.print(f"results  {folder}", soft_wrap=True)
        console.print(f"tables   lead score {folder}", soft_wrap=True)

    def _note(self, text: str, style: str) -> None:
        first = text.splitlines()[0]
        if self._log is not None:
            self._log.say(first)
            return
        with self._lock:
            self._notes = [*self._notes, Text(first, style=style, overflow="ellipsis", no_wrap=True)][-MAX_NOTES:]

    def _scores(self, records: list[RouteRecord]) -> tuple[float, float]:
        total = sum(record.scores["score_composed"] for record in records)
        return total / self._total, total / len(records)

    def _render(self) -> Group:
        with self._lock:
            lanes, notes, done, failures = list(self._lanes), list(self._notes), self._done, self._failures
        records = list(self._store.ordered_records())
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for heading in ("worker", "town", "route"):
            table.add_column(heading)
        for heading in ("driven", "penalty", "game s", "wall s"):
            table.add_column(heading, justify="right")
        for number, lane in enumerate(lanes):
            if lane.task is None:
                table.add_row(str(number), "", "idle", "", "", "", "")
                continue
            table.add_row(
                str(number),
                lane.task.route.town,
                f"{lane.task.stem}{_again(lane.attempt)}",
                f"{lane.percent:.0f} %",
                f"{lane.penalty:.2f}",
                f"{lane.time_s:.0f}",
                f"{time.monotonic() - lane.started_s:.0f}",
            )
        return Group(Text(self._headline(records, done, failures)), table, *notes)

    def _state(self) -> str:
        """Headline in one line."""
        with self._lock:
            done, failures = self._done, self._failures
        return self._headline(list(self._store.ordered_records()), done, failures).replace("\n", "  ")

    def _headline(self, records: list[RouteRecord], done: int, failures: int) -> str:
        elapsed_s = time.monotonic() - self._started_s
        words = [f"{len(records)}/{self._total} routes"]
        if records:
            words.append(f"driving score so far {self._scores(records)[1]:.2f}")
        words.append(f"{failures} failures")
        words.append(f"{_clock(elapsed_s)} gone")
        if done:
            words.append(f"about {_clock(elapsed_s / done * (self._unfinished - done))} left")
        return "  ".join(words)


def _again(attempt: int) -> str:
    return f" (attempt {attempt})" if attempt > 1 else ""


def _clock(seconds: float) -> str:
    hours, rest = divmod(int(seconds), 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}"
