"""What batches are made of: the one interface behind which CARLA, NAVSIM and Waymo data look the same."""

from __future__ import annotations

from enum import IntEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Sample = dict[str, NDArray[np.generic]]
"""Inputs and labels of one sample by their published names."""


class SourceId(IntEnum):
    """Values of ``source_dataset``: where a sample comes from."""

    CARLA = 1
    NAVSIM = 2
    WAYMO = 3


class SampleSource(Protocol):
    """Samples of one origin. Worker processes get a copy, so a source must be picklable and hold no open files.

    Attributes:
        name: ``carla``, ``navsim`` or ``waymo_e2e_2025``.
    """

    name: str

    def __len__(self) -> int:
        """Return the number of samples."""
        ...

    def load(self, index: int, rng: np.random.Generator) -> Sample:
        """Make a sample.

        Args:
            index: From 0 to the length.
            rng: All that is random in the sample comes from here, so that a sample depends on its place in the
                training only, and not on the process that loads it.

        Returns:
            float32 for coordinates and maps of numbers, uint8 for images (channels first) and maps of classes, arrays
            without dimensions for single values such as ``speed``, ``brake`` (bool) and ``source_dataset`` (int);
            always the same names, types and shapes. ``loading_time`` is the time that it took, in seconds.

        Raises:
            SampleError: If the sample cannot be learnt from.
        """
        ...

    def tags(self, index: int) -> str:
        """Name route and frame of a sample, for reports."""
        ...
