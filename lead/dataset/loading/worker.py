"""What a worker process does: it makes the batches that it is told to make and takes another sample for a bad one."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from torch.utils.data import get_worker_info

from lead.dataset.errors import DatasetError, SampleError
from lead.dataset.loading.collate import PackedBatch, check_finite, collate
from lead.dataset.loading.report import BadSample
from lead.dataset.loading.source import Sample, SampleSource

TRAINER_CHECK_S = 1.0
"""How often a worker looks whether the trainer is still there."""


class SampleRequest(NamedTuple):
    """One place of a batch.

    Attributes:
        source: Number of the source.
        indices: The planned index and those to take if it is bad, in order.
        key: Seed of the sample's generator: seed, epoch, place in the epoch.
    """

    source: int
    indices: tuple[int, ...]
    key: tuple[int, int, int]


@dataclass
class LoadedBatch:
    """A batch on its way to the parent.

    Attributes:
        packed: The batch; None if none could be made.
        bad: Samples that were replaced.
        fault: Why no batch could be made, if so.
    """

    packed: PackedBatch | None
    bad: list[BadSample]
    fault: str = ""

    def pin_memory(self) -> LoadedBatch:
        """Move the batch to memory from which a GPU copies without waiting; torch calls this."""
        if self.packed is not None:
            self.packed = PackedBatch(self.packed.memory.pin_memory(), self.packed.parts)
        return self


class BatchMaker:
    """The data set as torch's loader sees it; knows no plan, so that it never goes stale."""

    def __init__(self, sources: Sequence[SampleSource]) -> None:
        """Keep the sources."""
        self.sources = tuple(sources)

    def __getitem__(self, requests: Sequence[SampleRequest]) -> LoadedBatch:
        """Make one batch."""
        bad: list[BadSample] = []
        try:
            samples = [self._load(request, bad) for request in requests]
            return LoadedBatch(collate(samples, is_shared=get_worker_info() is not None), bad)
        except SampleError as error:
            return LoadedBatch(None, bad, str(error))

    def _load(self, request: SampleRequest, bad: list[BadSample]) -> Sample:
        """Load the first usable sample of a request.

        Raises:
            SampleError: If none is usable.
        """
        source = self.sources[request.source]
        for index in request.indices:
            try:
                # A fresh generator for each try: what a sample is must not depend on what failed before it.
                sample = source.load(index, np.random.default_rng(request.key))
                check_finite(sample)
                return sample
            except DatasetError as error:
                kind = error.kind if isinstance(error, SampleError) else "unreadable file"
                bad.append(BadSample(source.name, kind, str(error), source.tags(index)))
        raise SampleError(
            f"none of {len(request.indices)} samples of {source.name} that were tried can be used, the last one "
            f"because: {bad[-1].message}"
        )


def start_worker(_number: int) -> None:
    """Prepare a worker process.

    A signal to the whole process group, as job schedulers send it, must reach the trainer only: it wants to finish
    its step and save. So workers end when the trainer closes them, sends them SIGTERM itself, or is gone.
    """
    import cv2

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    threading.Thread(target=_wait_for_end, daemon=True).start()
    cv2.setNumThreads(0)


def _wait_for_end() -> None:
    # Torch looks at the parent of this process, the server, which does not end before its children.
    trainer = multiprocessing.parent_process()
    assert trainer is not None
    while trainer.is_alive():
        received = signal.sigtimedwait({signal.SIGTERM}, TRAINER_CHECK_S)
        if received is not None and received.si_pid == trainer.pid:
            break
    os._exit(0)
