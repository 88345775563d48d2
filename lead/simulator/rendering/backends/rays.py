"""Room for rays that is kept from cast to cast: a LiDAR fires as many in every tick, a radar only a few dozen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import warp as wp
from numpy.typing import NDArray

from lead.simulator.rendering.kernels.structs import RayHit, Rays

_LEAST = 256
_KINDS = {
    "direction": wp.vec3,
    "t": wp.float32,
    "slot": wp.int32,
    "face": wp.int32,
    "facet": wp.vec3,
    "hit": RayHit,
}

Read = Callable[[wp.array], NDArray[Any]]


class RayBuffer:
    """Arrays for up to `capacity` rays.

    Attributes:
        data: The arrays as kernels take them.
    """

    def __init__(self, device: str, capacity: int, read: Read) -> None:
        self.data = Rays()
        for name, kind in _KINDS.items():
            setattr(self.data, name, wp.zeros(capacity, dtype=kind, device=device))
        # On the CPU this is the array itself, not a copy.
        self._directions = self.data.direction.numpy() if device == "cpu" else None
        self._read = read

    def put(self, directions: NDArray[np.float32]) -> None:
        """Take unit vectors (n, 3)."""
        if self._directions is not None:
            self._directions[: len(directions)] = directions
        else:
            source = wp.array(np.ascontiguousarray(directions, np.float32), dtype=wp.vec3, device="cpu", copy=False)
            wp.copy(self.data.direction, source, count=len(directions))
            wp.synchronize_device(self.data.direction.device)  # the numpy array must outlive the copy

    def hits(self, count: int) -> NDArray[Any]:
        """A copy of the first hits, `RayHit` as structured array."""
        return np.array(self._read(self.data.hit[:count]))


class RayBuffers:
    """Buffers by size.

    Args:
        device: Warp device.
        read: Gets an array from the device.
    """

    def __init__(self, device: str, read: Read) -> None:
        self._device, self._read = device, read
        self._buffers: dict[int, RayBuffer] = {}

    def of(self, count: int) -> RayBuffer:
        """A buffer for so many rays."""
        capacity = max(_LEAST, 1 << (count - 1).bit_length())
        if capacity not in self._buffers:
            self._buffers[capacity] = RayBuffer(self._device, capacity, self._read)
        return self._buffers[capacity]
