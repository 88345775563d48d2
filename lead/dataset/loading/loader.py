"""Batches for one rank of a training, in the order of the plan, whatever number of processes loads them."""

from __future__ import annotations

import logging
import multiprocessing
import resource
import signal
import time
from collections.abc import Iterator, Sequence
from multiprocessing import forkserver, resource_tracker
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from lead.dataset.loading.collate import Batch, PackedBatch
from lead.dataset.loading.report import LoadReport
from lead.dataset.loading.sampling import EpochPlan
from lead.dataset.loading.source import SampleSource
from lead.dataset.loading.worker import BatchMaker, LoadedBatch, SampleRequest, start_worker
from lead.errors import LeadError

logger = logging.getLogger(__name__)

MAX_BAD_FRACTION = 0.05
SUBSTITUTES = 12
"""Samples to try in the place of a bad one: those 1, 2, 4 ... places later in the plan, so that the frames of one
damaged route do not use them up."""
OPEN_FILES = 4096
"""Each batch on its way from a worker is an open file."""
_PRELOAD = "lead.dataset.loading.worker"
_FAULT_OF_A_SOURCE = "Caught "
"""How torch begins the message of an error that a worker raised and survived."""


class LoaderError(LeadError):
    """Batches cannot be made any more; the text says why and what to do."""


class BatchLoader:
    """Iterates over the batches of an epoch; each further iteration is the next epoch, with the same processes.

    While one of the plan's epochs ends, the first batches of the next are made ahead.

    Batches depend on plan, seed, epoch and step only: not on the number of workers, nor, over all ranks together, on
    the number of ranks.

    Attributes:
        steps: Steps of an epoch.
        report: Samples that were loaded and those that could not be.
        wait_s: Time that the last batch kept the caller waiting.
        total_wait_s: The same summed over all batches.
    """

    def __init__(
        self,
        sources: Sequence[SampleSource],
        plan: EpochPlan,
        *,
        rank: int = 0,
        world: int = 1,
        workers: int = 0,
        prefetch: int = 2,
        pin: bool = False,
        max_bad_fraction: float = MAX_BAD_FRACTION,
    ) -> None:
        """Make a loader that begins with epoch 0; processes start with the first iteration.

        Args:
            sources: As many as the plan has.
            plan: Which samples an epoch has; its seed is also that of what is random within samples.
            rank: Number of this process among those that train.
            world: Number of processes that train.
            workers: Processes that load; 0 to load in this one.
            prefetch: Batches that each worker makes ahead.
            pin: Put batches into memory that a GPU copies from quickly.
            max_bad_fraction: Share of an epoch that may be unusable.

        Raises:
            LoaderError: If plan, sources and ranks do not fit together.
        """
        if len(sources) != len(plan.sources):
            raise LoaderError(f"the plan is for {len(plan.sources)} sources, but there are {len(sources)}")
        if plan.global_batch % world or not 0 <= rank < world:
            raise LoaderError(
                f"a batch of {plan.global_batch} cannot be shared equally by {world} processes (this is number {rank});"
                " choose a batch size that is a multiple of their number"
            )
        self.steps = plan.steps
        self.report = LoadReport()
        self.wait_s = 0.0
        self.total_wait_s = 0.0
        self._sources, self._plan = sources, plan
        self._world = world
        self._workers = workers
        self._max_bad = max_bad_fraction * plan.steps * plan.global_batch / world
        self._requests = _Requests(plan, rank, world)
        # With a generator of its own, torch's loader leaves alone the one that trainers save and go on with.
        self._options: dict[str, Any] = {"pin_memory": pin, "generator": torch.Generator()}
        if workers:
            self._options |= {
                "num_workers": workers,
                "prefetch_factor": prefetch,
                "persistent_workers": True,
                "worker_init_fn": start_worker,
            }
        self._loader: DataLoader[LoadedBatch] | None = None
        self._batches: Iterator[LoadedBatch] | None = None
        self._reached = 0, 0
        self.go_to(0)

    def go_to(self, epoch: int, step: int = 0) -> None:
        """Choose what the next iteration begins with, such as the place where a training was cut off.

        Raises:
            LoaderError: If the epoch has no such step.
        """
        if epoch < 0 or not 0 <= step <= self.steps:
            raise LoaderError(f"there is no step {step} of epoch {epoch}: an epoch has {self.steps} steps")
        self._next = epoch, step

    def __len__(self) -> int:
        """Return the number of batches of the next iteration."""
        return self.steps - self._next[1]

    def __iter__(self) -> Iterator[Batch]:
        """Iterate over the rest of the epoch.

        Yields:
            Tensors of (global batch / world, ...) by name.

        Raises:
            LoaderError: If too many samples are unusable or a worker died.
        """
        epoch, step = self._next
        self._next = epoch + 1, 0
        if step == self.steps:
            return
        bad_before = self.report.total_bad
        began = time.perf_counter()
        if self._batches is None or self._reached != (epoch, step):
            self._requests.begin = epoch, step
            self._batches = self._start()
        batches = self._batches
        for place in range(step, self.steps):
            loaded = self._fetch(batches)
            self._reached = (epoch, place + 1) if place + 1 < self.steps else (epoch + 1, 0)
            self.wait_s = time.perf_counter() - began
            self.total_wait_s += self.wait_s
            if self._reached == (self._requests.end, 0):
                self._batches = None
            yield self._account(loaded, self.report.total_bad - bad_before).tensors()
            began = time.perf_counter()

    def close(self) -> None:
        """End the worker processes."""
        loader, self._loader, self._batches = self._loader, None, None
        iterator = getattr(loader, "_iterator", None)
        if iterator is not None:
            iterator._shutdown_workers()

    def __enter__(self) -> BatchLoader:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the worker processes."""
        self.close()

    def _start(self) -> Iterator[LoadedBatch]:
        """Begin an iteration, with new processes if there are none."""
        if self._loader is None:
            if self._workers:
                self._options["multiprocessing_context"] = _process_context()
            maker: Any = BatchMaker(self._sources)
            self._loader = DataLoader(
                maker, batch_size=None, sampler=self._requests, collate_fn=_as_it_is, **self._options
            )
        try:
            return iter(self._loader)
        except (RuntimeError, OSError) as error:
            raise self._give_up(error) from error

    def _fetch(self, batches: Iterator[LoadedBatch]) -> LoadedBatch:
        try:
            return next(batches)
        except (RuntimeError, OSError, EOFError) as error:
            # Depending on where a worker died, torch notices it or a pipe to it breaks.
            if not self._workers or str(error).startswith(_FAULT_OF_A_SOURCE):
                raise
            raise self._give_up(error) from error

    def _give_up(self, error: Exception) -> LoaderError:
        self.close()
        reason = " ".join(str(error).split()) or type(error).__name__
        hint = "there may be too little memory or shared memory (/dev/shm); try fewer workers or a smaller prefetch"
        return LoaderError(f"a process that loads data died or could not start ({reason}); {hint}")

    def _account(self, loaded: LoadedBatch, bad_before: int) -> PackedBatch:
        """Count a batch and return what is in it.

        Raises:
            LoaderError: If it could not be made, or with it too much of the epoch is unusable.
        """
        first = {key: len(examples) for key, examples in self.report.examples.items()}
        number = self._plan.global_batch // self._world
        self.report.add(number if loaded.packed is not None else 0, loaded.bad)
        for key, examples in self.report.examples.items():
            for example in examples[first.get(key, 0) :]:
                logger.warning("a sample of %s was replaced by another one (%s): %s", *key, example)
        if loaded.packed is None:
            self.close()
            raise LoaderError(f"no batch can be made: {loaded.fault}")
        bad = bad_before + len(loaded.bad)
        if bad > self._max_bad:
            self.close()
            raise LoaderError(
                f"{bad} samples of this epoch are unusable, more than the {self._max_bad:.0f} that are tolerated:\n"
                f"{self.report}"
            )
        return loaded.packed


class _Requests:
    """Tells torch's loader what to load; makes the plan of an epoch when it begins.

    Attributes:
        begin: Epoch and step of the next run through the loader.
    """

    def __init__(self, plan: EpochPlan, rank: int, world: int) -> None:
        self.begin = 0, 0
        self._plan, self._rank, self._world = plan, rank, world

    def __len__(self) -> int:
        return (self.end - self.begin[0]) * self._plan.steps - self.begin[1]

    def __iter__(self) -> Iterator[list[SampleRequest]]:
        epoch, step = self.begin
        for later in range(epoch, self.end):
            yield from self._of_epoch(later, step if later == epoch else 0)

    @property
    def end(self) -> int:
        """Epoch before which this run through the loader ends."""
        return max(self.begin[0] + 1, self._plan.epochs)

    def _of_epoch(self, epoch: int, start_step: int) -> Iterator[list[SampleRequest]]:
        plan = self._plan.batches(epoch)
        sources = plan[..., 0].ravel()
        entries = [plan[..., 1].ravel()[sources == source] for source in range(len(self._plan.sources))]
        places = np.zeros(len(sources), np.int64)
        for source, indices in enumerate(entries):
            places[sources == source] = np.arange(len(indices))
        offsets = [_offsets(len(indices)) for indices in entries]
        for step in range(start_step, self._plan.steps):
            requests = []
            first = step * self._plan.global_batch
            for position in range(first + self._rank, first + self._plan.global_batch, self._world):
                source = int(sources[position])
                candidates = entries[source][(places[position] + offsets[source]) % len(entries[source])]
                indices = tuple(dict.fromkeys(candidates.tolist()))
                requests.append(SampleRequest(source, indices, (self._plan.seed, epoch, position)))
            yield requests


def _offsets(length: int) -> NDArray[np.int64]:
    """Places of a plan to look at, counted from the planned one, which is first."""
    if length <= SUBSTITUTES:
        return np.arange(length)
    return np.concatenate([[0], 1 << np.arange(SUBSTITUTES)])


def _process_context() -> multiprocessing.context.BaseContext:
    """Get ready to start workers from a clean server process, which has neither threads nor a GPU."""
    context = multiprocessing.get_context("forkserver")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    context.set_forkserver_preload([_PRELOAD])
    resource_tracker.ensure_running()  # it would unblock the signal
    # The server and all threads of its children are born with SIGTERM blocked: see start_worker.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return context


def _as_it_is(batch: Any) -> Any:
    return batch
