"""What ``lead drive`` shows: a progress bar per route, what went wrong, and the score table."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from lead.evaluation.episode_child import Message
from lead.evaluation.tasks import RouteTask, TaskResult
from lead.scoring.endpoint import FILE_NAME
from lead.scoring.records import RouteRecord


class DriveProgress:
    """Pool listener with a progress bar: share of the route and speed relative to real time."""

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
        )
        self._task: TaskID | None = None
        self._first: tuple[float, float] | None = None

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
        self._first = None
        self._task = self._progress.add_task(
            f"{task.route.town} route {task.name}{repetition}{again}", total=100.0, rate="starting"
        )

    def on_progress(self, worker: int, message: Message) -> None:
        """Move the bar."""
        if self._task is None:
            return
        now_s = time.monotonic()
        if self._first is None:
            self._first = (now_s, message["time_s"])
        factor = (message["time_s"] - self._first[1]) / max(now_s - self._first[0], 1e-3)
        rate = f"{factor:.1f} x real time" if factor > 0.0 else ""
        self._progress.update(self._task, completed=message["percent"], rate=rate)

    def on_retry(self, worker: int, task: RouteTask, explanation: str) -> None:
        """Say why a route is driven again."""
        self.console.print(f"route {task.name}: {explanation}; trying again", style="yellow", highlight=False)

    def on_result(self, worker: int, result: TaskResult, record: RouteRecord) -> None:
        """Finish the bar."""
        if self._task is not None:
            self._progress.update(self._task, completed=record.scores["score_route"], rate=record.status)
            self._progress.stop_task(self._task)
            self._task = None
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


def print_records(records: Sequence[RouteRecord], total: int, folder: Path, rules: str) -> None:
    """Print the score table and where the files are.

    Args:
        records: Records of the evaluation.
        total: Number of its routes.
        folder: Output folder.
        rules: Name of the rules.
    """
    console = Console()
    table = Table(title=f"Scores ({rules} rules)", box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    table.add_column("route", min_width=9, overflow="fold")
    table.add_column("status", overflow="fold")
    for heading in ("driving\nscore", "route\n%", "penalty\n", "colli-\nsions", "red\nlights", "game\ns", "wall\ns"):
        table.add_column(heading, justify="right")
    for record in records:
        collisions = sum(len(messages) for key, messages in record.infractions.items() if key.startswith("collisions"))
        table.add_row(
            record.route_id.removeprefix("RouteScenario_"),
            record.status,
            f"{record.scores['score_composed']:.1f}",
            f"{record.scores['score_route']:.1f}",
            f"{record.scores['score_penalty']:.3f}",
            str(collisions),
            str(len(record.infractions["red_light"])),
            f"{record.meta['duration_game']:.1f}",
            f"{record.meta['duration_system']:.1f}",
        )
    console.print(table)
    if total > 1:
        mean = sum(record.scores["score_composed"] for record in records) / total
        console.print(f"driving score {mean:.2f} over {total} routes")
    if len(records) < total:
        console.print(f"{total - len(records)} of {total} routes have no result yet (continue with --resume)")
    console.print(f"results  {folder / FILE_NAME}", soft_wrap=True)
    for video in sorted(folder.rglob("*.mp4")):
        console.print(f"video    {video}", soft_wrap=True)
