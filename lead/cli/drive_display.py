"""What ``lead drive`` shows: a progress bar per route and the score table."""

from __future__ import annotations

import time
from types import TracebackType

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from lead.evaluation.episode import EpisodeStart, EpisodeTick
from lead.evaluation.runner import DriveResult

UPDATE_S = 0.2


class DriveProgress:
    """Episode observer with a progress bar: share of the route and speed relative to real time."""

    def __init__(self) -> None:
        """Create an empty display."""
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
        )
        self._task: TaskID | None = None
        self._shown_at_s = 0.0

    def __enter__(self) -> DriveProgress:
        """Show the display."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the display as it is."""
        self.close()

    def close(self) -> None:
        """Stop updating; safe to call twice."""
        self._progress.stop()

    def announce(self, text: str) -> None:
        """Show a step before the first route."""
        self._task = self._progress.add_task(f"waiting for the {text}", total=100.0, rate="")

    def on_start(self, start: EpisodeStart) -> None:
        """Start the bar of a route."""
        if self._task is not None:
            self._progress.remove_task(self._task)
        description = f"{start.route.town} route {start.route.id} ({start.dense.length_m:.0f} m)"
        self._task = self._progress.add_task(description, total=100.0, rate="")
        self._started_at_s = time.monotonic()
        self._first_tick_s: float | None = None

    def on_tick(self, tick: EpisodeTick) -> None:
        """Move the bar a few times per second."""
        now_s = time.monotonic()
        if self._first_tick_s is None:
            self._first_tick_s = tick.observation.time_s
        if self._task is None or (now_s - self._shown_at_s < UPDATE_S and tick.percent < 100.0):
            return
        self._shown_at_s = now_s
        factor = (tick.observation.time_s - self._first_tick_s) / max(now_s - self._started_at_s, 1e-3)
        self._progress.update(self._task, completed=tick.percent, rate=f"{factor:.1f} x real time")

    def on_end(self) -> None:
        """Keep the finished bar on the screen."""
        self._task = None


def print_result(result: DriveResult, route_count: int) -> None:
    """Print the score table and where the files are."""
    console = Console()
    table = Table(title="Scores (leaderboard 2.0 rules)", box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    table.add_column("route", min_width=9, overflow="fold")
    table.add_column("status", overflow="fold")
    for heading in ("driving\nscore", "route\n%", "penalty\n", "colli-\nsions", "red\nlights", "game\ns", "wall\ns"):
        table.add_column(heading, justify="right")
    for record in result.records:
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
    if len(result.records) < route_count:
        console.print(f"{route_count - len(result.records)} of {route_count} routes were not driven")
    console.print(f"results  {result.checkpoint}", soft_wrap=True)
    for video in result.videos:
        console.print(f"video    {video}", soft_wrap=True)
