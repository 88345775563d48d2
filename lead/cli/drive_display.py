"""What ``lead drive`` shows: a progress bar per route, what went wrong, the score table and the infractions."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from lead.cli.log_lines import LogLines
from lead.config.closed_loop import TICKS_PER_S
from lead.evaluation.episode_child import Message
from lead.evaluation.tasks import RouteTask, TaskResult
from lead.scoring.endpoint import FILE_NAME
from lead.scoring.records import RouteRecord

LOG_EVERY_S = 15.0
ROUTE_WIDTH, STATUS_WIDTH = 22, 13
"""What fits in 80 columns."""


class DriveProgress:
    """Pool listener with a progress bar: share of the route and speed relative to real time.

    Where the output is no terminal, it prints lines of a log instead.

    Attributes:
        ticks_per_s: Ticks per second of wall time by route id, of the routes driven so far.
    """

    def __init__(self) -> None:
        """Create an empty display."""
        self.console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self._log = None if self.console.is_terminal else LogLines(self.console, LOG_EVERY_S)
        self._task: TaskID | None = None
        self._first: tuple[float, float] | None = None
        self._factor = 0.0
        self.ticks_per_s: dict[str, float] = {}

    def __enter__(self) -> DriveProgress:
        """Show the display."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the display as it is."""
        self._progress.stop()

    def on_task(self, worker: int, task: RouteTask, attempt: int) -> None:
        """Start the bar of a route."""
        if self._task is not None and attempt > 1:
            self._progress.remove_task(self._task)
        again = f", attempt {attempt}" if attempt > 1 else ""
        repetition = f", repetition {task.repetition}" if task.repetition else ""
        self._first, self._factor = None, 0.0
        title = f"{task.route.town} route {task.name}{repetition}{again}"
        self._task = self._progress.add_task(title, total=100.0, rate="starting")
        if self._log is not None:
            self._log.say(title)

    def on_progress(self, worker: int, message: Message) -> None:
        """Move the bar."""
        if self._task is None:
            return
        now_s = time.monotonic()
        if self._first is None:
            self._first = (now_s, message["time_s"])
        factor = self._factor = (message["time_s"] - self._first[1]) / max(now_s - self._first[0], 1e-3)
        rate = f"{factor:.1f} x real time" if factor > 0.0 else ""
        self._progress.update(self._task, completed=message["percent"], rate=rate)
        if self._log is not None:
            self._log.say_how_far(lambda: f"{message['percent']:.0f} % of the route, {factor:.2f} x real time")

    def on_retry(self, worker: int, task: RouteTask, explanation: str) -> None:
        """Say why a route is driven again."""
        self.console.print(f"route {task.name}: {explanation}; trying again", style="yellow", highlight=False)

    def on_result(self, worker: int, result: TaskResult, record: RouteRecord) -> None:
        """Finish the bar."""
        if self._task is not None:
            self._progress.update(self._task, completed=record.scores["score_route"], rate=record.status)
            self._progress.stop_task(self._task)
            self._task = None
        if self._log is not None:
            self._log.say(
                f"route {result.task.name}: {record.status}, driving score {record.scores['score_composed']:.1f}"
            )
        if self._factor > 0.0:
            self.ticks_per_s[result.task.route_id] = self._factor * TICKS_PER_S
        if result.explanation:
            self.console.print(f"route {result.task.name}: {result.explanation}", style="red", highlight=False)
        if result.scenarios == "ignored":
            count = len(result.task.route.scenarios)
            words = "scenario was" if count == 1 else "scenarios were"
            self.console.print(
                f"route {result.task.name}: its {count} {words} left out",
                style="yellow",
                highlight=False,
            )


def print_records(
    records: Sequence[RouteRecord], total: int, folder: Path, rules: str, ticks_per_s: Mapping[str, float]
) -> None:
    """Print the score table, how fast the routes were driven, the infractions and where the files are.

    Args:
        records: Records of the evaluation.
        total: Number of its routes.
        folder: Output folder.
        rules: Name of the rules.
        ticks_per_s: Ticks per second of wall time by route id; routes driven before have none.
    """
    console = Console()
    table = Table(title=f"Scores ({rules} rules)", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    names = [record.route_id.removeprefix("RouteScenario_") for record in records]
    width = min(max(map(len, names), default=0), ROUTE_WIDTH)
    table.add_column("route", min_width=width, max_width=ROUTE_WIDTH, overflow="fold")
    table.add_column("status", max_width=STATUS_WIDTH, overflow="fold")
    for heading in ("driving\nscore", "route\n%", "penalty\n", "colli-\nsions", "red\nlights"):
        table.add_column(heading, justify="right")
    for name, record in zip(names, records, strict=True):
        collisions = sum(len(messages) for key, messages in record.infractions.items() if key.startswith("collisions"))
        table.add_row(
            name,
            record.status,
            f"{record.scores['score_composed']:.1f}",
            f"{record.scores['score_route']:.1f}",
            f"{record.scores['score_penalty']:.3f}",
            str(collisions),
            str(len(record.infractions["red_light"])),
        )
    console.print(table)
    for name, record in zip(names, records, strict=True):
        took = f"{record.meta['duration_game']:.1f} s of the game in {record.meta['duration_system']:.1f} s"
        if record.route_id in ticks_per_s:
            rate = ticks_per_s[record.route_id]
            took += f", {rate:.1f} ticks/s, {rate / TICKS_PER_S:.2f} of real time"
        console.print(f"{name}: {took}", soft_wrap=True, highlight=False)
        for message in (text for texts in record.infractions.values() for text in texts):
            console.print(f"{name}: {message}", soft_wrap=True, highlight=False, markup=False)
    if total > 1:
        mean = sum(record.scores["score_composed"] for record in records) / total
        console.print(f"driving score {mean:.2f} over {total} routes")
    if len(records) < total:
        console.print(f"{total - len(records)} of {total} routes have no result yet (continue with --resume)")
    console.print(f"results  {folder / FILE_NAME}", soft_wrap=True)
    for video in sorted(folder.rglob("*.mp4")):
        console.print(f"video    {video}", soft_wrap=True)
