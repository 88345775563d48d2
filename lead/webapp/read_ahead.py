"""Reads the newest evaluations while nobody asks for anything, so that the first page does not wait for all files.

A server that was just started knows nothing: the files of a thousand routes take a second or more to read and check,
about the time in which a person opens the browser. What is read lands in the caches that requests use.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lead.webapp.discovery import Evaluation, find_evaluations
from lead.webapp.evaluation_routes import read_evaluation
from lead.webapp.folder_listing import is_openable, list_folder
from lead.webapp.root_folder import RootFolder
from lead.webapp.route_folders import read_drive_facts, read_recording
from lead.webapp.route_results import results_of_routes

LOG = logging.getLogger(__name__)

MOST_ROUTES = 5000
"""Evaluations beyond that many routes are read when they are opened; the caches hold several times as many."""
STOP_TIMEOUT_S = 5.0


class ReadAhead:
    """Reads evaluations on a thread of its own that rests while requests are answered."""

    def __init__(self, root: RootFolder) -> None:
        """Do nothing yet.

        Args:
            root: Folder whose evaluations to read.
        """
        self._root = root
        self._requests = 0
        self._stopped = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="read-ahead", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End within the time that a file takes to be read; safe without a start."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(STOP_TIMEOUT_S)

    def join(self, timeout_s: float) -> bool:
        """Wait until everything is read; tell whether it is."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Rest as long as a request is being answered, which needs the processor more."""
        with self._changed:
            self._requests += 1
        try:
            yield
        finally:
            with self._changed:
                self._requests -= 1
                self._changed.notify_all()

    def _work(self) -> None:
        left = MOST_ROUTES
        try:
            evaluations = find_evaluations(self._root).evaluations
            for evaluation in sorted(evaluations, key=lambda each: -each.modified_s):
                left -= evaluation.route_count
                if left < 0 or not self._read(evaluation):
                    return
        except Exception:
            # It only saves time: whoever opens the evaluation is told what is wrong with it.
            LOG.warning("reading ahead ended by a bug of the dashboard", exc_info=True)

    def _read(self, evaluation: Evaluation) -> bool:
        """Read one evaluation; tell whether to go on."""
        if not self._may_go_on() or not all(self._may_go_on() for _ in self._files(evaluation.folder)):
            return False
        read_evaluation(self._root, evaluation.folder)
        return True

    def _files(self, folder: Path) -> Iterator[object]:
        """Read what :func:`read_evaluation` would, file by file, so that a request never waits for more than one."""
        listing = list_folder(self._root, folder)
        children = [(name, list_folder(self._root, f"{folder}/{name}")) for name in listing.folders]
        yield from results_of_routes(
            self._root, folder, listing, [name for name, child in children if child.result_folders]
        )
        for name, child in children:
            if not is_openable(name):
                continue
            yield read_recording(f"{folder}/{name}", child)
            yield read_drive_facts(f"{folder}/{name}", child)

    def _may_go_on(self) -> bool:
        """Wait until there is nothing else to do; false if the server ends."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or not self._requests)
            return not self._stopped
