"""Small sources for tests of loading; in a module of their own, so that worker processes can import them."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass, field

import numpy as np

from lead.dataset.errors import DatasetError, SampleError
from lead.dataset.loading.source import Sample


@dataclass
class NumberSource:
    """Each sample is its number and a random one."""

    length: int = 40
    name: str = "carla"
    source_id: int = 1
    bad: frozenset[int] = frozenset()
    killed_at: int = -1
    killed_by: int = signal.SIGKILL
    extra: dict[str, int] = field(default_factory=dict)
    wrong_shape_at: int = -1
    buggy_at: int = -1

    def __len__(self) -> int:
        return self.length

    def load(self, index: int, rng: np.random.Generator) -> Sample:
        if index in self.bad:
            kinds = (
                SampleError(f"frame {index} is cut off", "truncated image"),
                DatasetError(f"frame {index} is odd"),
            )
            raise kinds[index % 2]
        if index == self.buggy_at:
            raise RuntimeError("a bug")
        if index == self.killed_at:
            os.kill(os.getpid(), self.killed_by)
            time.sleep(60)
        noise = rng.normal() if index != 13 or 13 not in self.extra.values() else np.nan
        return {
            "index": np.array(index),
            "noise": np.array(noise),
            "image": np.full((3, 2, 2 + (index == self.wrong_shape_at)), index % 256, np.uint8),
            "brake": np.array(index % 2 == 0),
            "source_dataset": np.array(self.source_id),
            **{name: np.ones(size, np.float32) for name, size in self.extra.items()},
        }

    def tags(self, index: int) -> str:
        return f"route 3, frame {index}"
