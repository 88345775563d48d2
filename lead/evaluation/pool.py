"""Works through the tasks of an evaluation with one or several workers, and keeps the books.

Workers are threads that mostly wait for their processes. The thread that called :func:`run_tasks` stays free for
signals: when it is interrupted, every worker ends its processes before the call returns.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from lead.errors import LeadError
from lead.evaluation.result_store import ResultStore
from lead.evaluation.simulators import SimulatorHost
from lead.evaluation.supervisor import DriveListener, DriveSettings, InterruptedRunError, RefusedError, Worker
from lead.evaluation.tasks import RouteTask, TaskResult
from lead.scoring.records import AGENT_SETUP_FAILED, SENSORS_INVALID, RouteRecord

LOG = logging.getLogger(__name__)

MAX_FAILURES_IN_A_ROW = 5
JOIN_POLL_S = 0.2


class HopelessError(LeadError):
    """The machine or the simulator fails on every route; going on would only cost time."""


class PoolListener(DriveListener, Protocol):
    """Learns what happens in the pool; called on the workers' threads."""

    def on_result(self, worker: int, result: TaskResult, record: RouteRecord) -> None:
        """A task has its result, already written."""


@dataclass
class PoolReport:
    """What a run of the pool did.

    Attributes:
        results: Results of this run, in the order in which they came.
    """

    results: list[TaskResult] = field(default_factory=list)

    @property
    def infrastructure_failures(self) -> list[TaskResult]:
        """Tasks that could not be driven."""
        return [result for result in self.results if result.infrastructure_failure]


@dataclass
class _Books:
    """What the workers share; every access holds the lock."""

    store: ResultStore
    listener: PoolListener
    tasks: queue.SimpleQueue[RouteTask]
    is_enough: Callable[[], bool]
    stop: threading.Event
    report: PoolReport
    lock: threading.Lock = field(default_factory=threading.Lock)
    hosts: list[SimulatorHost] = field(default_factory=list)
    error: BaseException | None = None
    in_a_row: int = 0

    def keep(self, worker: int, result: TaskResult, ends_run: bool) -> None:
        """Write a result and judge whether the run goes on."""
        with self.lock:
            record = self.store.add(result)
            self.report.results.append(result)
            self.listener.on_result(worker, result, record)
            self.in_a_row = self.in_a_row + 1 if result.infrastructure_failure else 0
            if self.in_a_row >= MAX_FAILURES_IN_A_ROW:
                raise HopelessError(
                    f"{self.in_a_row} routes in a row could not be driven, the last one because {result.explanation}; "
                    "mend that and continue with --resume"
                )
            if ends_run:
                raise RefusedError(f"the evaluation ends here: {result.run.failure}: {result.explanation}")

    def fail(self, error: BaseException) -> None:
        """End the run; the first error counts."""
        with self.lock:
            if self.error is None and not (isinstance(error, InterruptedRunError) and self.stop.is_set()):
                self.error = error
        self.stop.set()


def run_tasks(
    tasks: Sequence[RouteTask],
    hosts: Sequence[Callable[[], SimulatorHost]],
    settings: Sequence[DriveSettings],
    store: ResultStore,
    listener: PoolListener,
    *,
    traffic_manager_port: int | None = None,
    is_enough: Callable[[], bool] = lambda: False,
) -> PoolReport:
    """Drive tasks; every result is written as soon as it is known.

    Args:
        tasks: Tasks without a result yet.
        hosts: Makes the simulator of each worker.
        settings: How each worker drives.
        store: Opened store.
        listener: Learns what happens.
        traffic_manager_port: Port of the Traffic Manager; only with one worker.
        is_enough: Asked before each task, on the workers' threads: from then on none is begun.

    Returns:
        What was done.

    Raises:
        KeyboardInterrupt: After everything was stopped.
        LeadError: If the run cannot go on; results until then are written.
    """
    waiting: queue.SimpleQueue[RouteTask] = queue.SimpleQueue()
    for task in tasks:
        waiting.put(task)
    books = _Books(store, listener, waiting, is_enough, threading.Event(), PoolReport())
    threads = [
        threading.Thread(
            target=_work, args=(books, number, make_host, own, traffic_manager_port), name=f"worker-{number}"
        )
        for number, (make_host, own) in enumerate(zip(hosts, settings, strict=True))
    ]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            while thread.is_alive():
                thread.join(JOIN_POLL_S)
    finally:
        books.stop.set()
        for host in books.hosts:
            host.give_up()
        for thread in threads:
            thread.join()
        store.write_summary(finished=all(store.is_done(task) for task in tasks))
    if books.error is not None:
        raise books.error
    return books.report


def _work(
    books: _Books,
    number: int,
    make_host: Callable[[], SimulatorHost],
    settings: DriveSettings,
    traffic_manager_port: int | None,
) -> None:
    """Drive tasks until there are none, or the run ends."""
    try:
        host = make_host()
    except BaseException as error:
        books.fail(error)
        return
    books.hosts.append(host)
    try:
        worker = Worker(
            host, settings, books.listener, books.stop, traffic_manager_port=traffic_manager_port, number=number
        )
        while not books.stop.is_set() and not books.is_enough():
            try:
                task = books.tasks.get_nowait()
            except queue.Empty:
                return
            result = worker.drive(task)
            ends_run = result.run.failure == SENSORS_INVALID or (
                result.run.failure == AGENT_SETUP_FAILED and settings.profile.setup_failure_ends_run
            )
            books.keep(number, result, ends_run)
    except BaseException as error:
        books.fail(error)
    finally:
        host.close()
