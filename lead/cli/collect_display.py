"""What ``lead collect`` shows: the workers, the frames so far, what was rejected by class, and the disk."""

from __future__ import annotations

import time

from lead.cli.suite_display import SuiteTable
from lead.evaluation.result_store import ResultStore
from lead.evaluation.tasks import TaskResult
from lead.expert.collection.folders import RecordingFolders
from lead.expert.collection.progress import CollectionProgress
from lead.scoring.records import RouteRecord

SHOWN_CLASSES = 6


class CollectTable(SuiteTable):
    """The table of a suite with the books of a collection above it."""

    def __init__(
        self,
        store: ResultStore,
        folders: RecordingFolders,
        progress: CollectionProgress,
        unfinished: int,
        workers: int,
    ) -> None:
        """Describe the display.

        Args:
            store: Results.
            folders: Where the tasks are recorded.
            progress: Books of the collection.
            unfinished: Number of tasks of this run.
            workers: Number of workers.
        """
        # Before the display, which is drawn at once.
        self._folders = folders
        self.progress = progress
        self._began_s = time.monotonic()
        super().__init__(store, progress.total, unfinished, workers)

    def on_result(self, worker: int, result: TaskResult, record: RouteRecord) -> None:
        """A route has its result."""
        self.progress.driven += 1
        if self._folders.is_complete(result.task):
            reason = self._folders.rejection(result.task)
            self.progress.add(self._folders.of(result.task), is_rejected=reason is not None)
            if reason is not None:
                self._note(f"route {result.task.stem}: not to be learnt from: {reason}", "yellow")
        super().on_result(worker, result, record)

    def _headline(self, records: list[RouteRecord], done: int, failures: int) -> str:
        books = self.progress
        elapsed_s = time.monotonic() - self._began_s
        words = [
            f"{books.driven}/{books.total} routes",
            f"{books.frames} frames ({books.frames / max(elapsed_s, 1e-9):.2f}/s, {books.mb_per_frame:.2f} MB each)",
            f"{books.accepted.total()} accepted, {books.rejected.total()} rejected, {failures} failed",
        ]
        if forecast := books.forecast(self._folders.root, done):
            words.append(forecast)
        lines = ["  ".join(words)]
        if books.rejected:
            worst = books.rejected.most_common(SHOWN_CLASSES)
            lines.append("rejected: " + ", ".join(f"{name} {count}" for name, count in worst))
        if done:
            left_s = elapsed_s / done * (self._unfinished - done)
            lines.append(f"about {left_s / 60.0:.0f} min left")
        return "\n".join(lines)
