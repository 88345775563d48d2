"""Builds and checks caches: routes in parallel, each file whole or not at all, what is fresh is kept.

A route that cannot be built is counted and told in a sentence; it never ends the build.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import get_context, parent_process
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import NamedTuple

from lead.dataset.cache.record import ViewRecord, pack, unpack
from lead.dataset.cache.settings import RecordSettings, fingerprint
from lead.dataset.cache.shard import Shard, ShardWriter
from lead.dataset.cache.sources import build_records
from lead.dataset.cache.store import SETTINGS_KEY, CacheState, open_shard, shard_path
from lead.dataset.errors import DatasetError, SampleError
from lead.dataset.layout import BOXES, numbered_frames
from lead.dataset.route_index import FrameIndex, RouteEntry

_SHOWN_FAULTS = 5
_stop: Event | None = None
"""Set in worker processes when they are to leave their route."""


class RouteTask(NamedTuple):
    """One route to build."""

    root: Path
    entry: RouteEntry
    folder: Path
    settings: RecordSettings


@dataclass
class RouteOutcome:
    """What became of a route.

    Attributes:
        route: Its folder below the root.
        built: Records that were made.
        kept: Records that were still fresh.
        found: What became of looking for each record in the cache as it was.
        failed: Records that cannot be made, by kind of fault.
        faults: Some of the reasons, one sentence each.
        bytes: Size of its file.
    """

    route: str
    built: int = 0
    kept: int = 0
    found: Counter[CacheState] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    bytes: int = 0

    def fail(self, kind: str, sentence: str, count: int = 1) -> None:
        """Count a fault."""
        self.failed[kind] += count
        if len(self.faults) < _SHOWN_FAULTS:
            self.faults.append(sentence)


def build_route(task: RouteTask) -> RouteOutcome:
    """Bring the file of a route up to date."""
    outcome = RouteOutcome(task.entry.relative_dir)
    path = shard_path(task.folder, task.entry.relative_dir)
    old = open_shard(path, task.settings.key)
    try:
        _build(task, path, old, outcome)
    except (DatasetError, OSError) as error:
        outcome.fail("not written", str(error))
    finally:
        if isinstance(old, Shard):
            old.close()
    return outcome


def _build(task: RouteTask, path: Path, old: Shard | CacheState, outcome: RouteOutcome) -> None:
    route_dir = task.root / task.entry.relative_dir
    views = [False, True] if task.entry.has_twin else [False]
    wanted = [(frame, is_twin) for frame in numbered_frames(route_dir, BOXES) for is_twin in views]
    states = {key: _state(old, route_dir, *key) for key in wanted}
    outcome.found.update(state for state, _ in states.values())
    has_extra = isinstance(old, Shard) and any(key not in states for key in old.keys())  # noqa: SIM118 (no mapping)
    if all(state is CacheState.FRESH for state, _ in states.values()) and not has_extra:
        outcome.kept, outcome.bytes = len(wanted), path.stat().st_size
        return
    with ShardWriter(path) as writer:
        for frame in sorted({frame for frame, _ in wanted}):
            if _stop is not None and _stop.is_set():
                raise DatasetError(f"{task.entry.relative_dir}: the build was stopped")
            stale = [is_twin for is_twin in views if states[frame, is_twin][0] is not CacheState.FRESH]
            # The fingerprints come first: a source that changes meanwhile makes the record stale, never wrongly fresh.
            marks = {is_twin: fingerprint(route_dir, frame, is_twin=is_twin) for is_twin in stale}
            made = build_records(route_dir, frame, task.settings, stale) if stale else {}
            for is_twin in views:
                record = made.get(is_twin)
                if isinstance(record, SampleError):
                    outcome.fail(record.kind, str(record))
                elif isinstance(record, ViewRecord):
                    writer.add(frame, pack(record), marks[is_twin], is_twin=is_twin)
                    outcome.built += 1
                else:
                    assert isinstance(old, Shard)
                    mark = old.fingerprint(frame, is_twin=is_twin)
                    writer.add(frame, old.read(frame, is_twin=is_twin), mark, is_twin=is_twin)
                    outcome.kept += 1
        writer.finish({SETTINGS_KEY: task.settings.key, "route": task.entry.relative_dir})
    outcome.bytes = path.stat().st_size


def check_route(task: RouteTask) -> RouteOutcome:
    """Read all records of a route and compare them with their sources; nothing is written."""
    outcome = RouteOutcome(task.entry.relative_dir)
    path = shard_path(task.folder, task.entry.relative_dir)
    shard = open_shard(path, task.settings.key)
    route_dir = task.root / task.entry.relative_dir
    views = [False, True] if task.entry.has_twin else [False]
    try:
        for frame in numbered_frames(route_dir, BOXES):
            for is_twin in views:
                state, reason = _state(shard, route_dir, frame, is_twin)
                outcome.found[state] += 1
                if reason:
                    outcome.faults = [*outcome.faults, reason][:_SHOWN_FAULTS]
        outcome.bytes = path.stat().st_size if path.is_file() else 0
    except OSError as error:
        outcome.fail("not read", f"{path}: {error.strerror}")
    finally:
        if isinstance(shard, Shard):
            shard.close()
    return outcome


def _state(shard: Shard | CacheState, route_dir: Path, frame: int, is_twin: bool) -> tuple[CacheState, str]:
    """State of a record, and a sentence if it is damaged."""
    if isinstance(shard, CacheState):
        return shard, ""
    if (frame, is_twin) not in shard:
        return CacheState.MISSING, ""
    if shard.fingerprint(frame, is_twin=is_twin) != fingerprint(route_dir, frame, is_twin=is_twin):
        return CacheState.STALE, ""
    try:
        unpack(shard.read(frame, is_twin=is_twin))
    except DatasetError as error:
        return CacheState.CORRUPT, str(error)
    return CacheState.FRESH, ""


def tasks_of(index: FrameIndex, folder: Path, settings: RecordSettings) -> list[RouteTask]:
    """One task per route of an index."""
    return [RouteTask(index.root, entry, folder, settings) for entry in index.routes]


def run_tasks(
    work: Callable[[RouteTask], RouteOutcome], tasks: Sequence[RouteTask], workers: int
) -> Iterator[RouteOutcome]:
    """Work through routes in parallel processes.

    A worker that the system kills takes the whole pool with it; the routes that were being worked on are then tried
    again one by one, and the one that kills its worker again is counted as failed.

    Args:
        work: :func:`build_route` or :func:`check_route`.
        tasks: The routes.
        workers: Number of processes; 1 works in this one.

    Yields:
        Outcomes as they come.
    """
    if workers == 1:
        yield from map(work, tasks)
        return
    waiting, suspects = deque(tasks), deque[RouteTask]()
    while waiting:
        yield from _run_pool(work, waiting, suspects, workers)
    while suspects:
        task = suspects.popleft()
        again = deque[RouteTask]()
        yield from _run_pool(work, deque([task]), again, 1)
        if again:
            outcome = RouteOutcome(task.entry.relative_dir)
            outcome.fail("killed worker", f"{task.entry.relative_dir}: the process that worked on it was killed twice")
            yield outcome


def _run_pool(
    work: Callable[[RouteTask], RouteOutcome], waiting: deque[RouteTask], suspects: deque[RouteTask], workers: int
) -> Iterator[RouteOutcome]:
    """Work until nothing waits or the pool breaks; what was in flight then becomes suspect."""
    running: dict[Future[RouteOutcome], RouteTask] = {}
    context = get_context("spawn")
    stop = context.Event()
    pool = ProcessPoolExecutor(workers, context, _prepare_worker, (stop,))
    try:
        while waiting or running:
            while waiting and len(running) < 2 * workers:
                task = waiting[0]
                running[pool.submit(work, task)] = task
                waiting.popleft()
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                outcome = future.result()
                del running[future]
                yield outcome
    except BrokenProcessPool:
        suspects.extend(running.values())
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _prepare_worker(stop: Event) -> None:
    """Leave interrupts to the parent, which sets the event instead, and the other cores to the other workers."""
    global _stop
    _stop = stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    import cv2

    cv2.setNumThreads(1)
    os.environ["RAYON_NUM_THREADS"] = "1"
    with contextlib.suppress(OSError):
        os.nice(5)


def _leave_with_parent() -> None:
    """End this process when its parent was killed: nobody would ever tell it."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
