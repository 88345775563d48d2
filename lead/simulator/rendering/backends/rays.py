"""Room for rays that is kept from cast to cast: a LiDAR fires as many in every tick, a radar only a few dozen."""

from __future__ import annotations

from typing import Any

import numpy as np
import warp as wp
from numpy.typing import NDArray

from lead.simulator.rendering.kernels.structs import Rays

_LEAST = 256
_KINDS = {
    "direction": wp.vec3,
    "t": wp.float32,
    "slot": wp.int32,
    "face": wp.int32,
    "facet": wp.vec3,
    "cosine": wp.float32,
    "label": wp.uint8,
    "object_id": wp.uint32,
    "instance": wp.int32,
}


class RayBuffer:
    """Arrays for up to `capacity` rays.

    Attributes:
        data: The arrays as kernels take them.
    """

    def __init__(self, device: str, capacity: int) -> None:
        self.data = Rays()
        for name, kind in _KINDS.items():
            setattr(self.data, name, wp.zeros(capacity, dtype=kind, device=device))
        # On the CPU these are the arrays themselves, not copies.
        self._views = {name: getattr(self.data, name).numpy() for name in _KINDS} if device == "cpu" else None

    def put(self, directions: NDArray[np.float32]) -> None:
        """Take unit vectors (n, 3)."""
        if self._views is not None:
            self._views["direction"][: len(directions)] = directions
        else:
            source = wp.array(np.ascontiguousarray(directions, np.float32), dtype=wp.vec3, device="cpu", copy=False)
            wp.copy(self.data.direction, source, count=len(directions))
            wp.synchronize_device(self.data.direction.device)  # the numpy array must outlive the copy

    def get(self, name: str, count: int) -> NDArray[Any]:
        """A copy of the first entries of an array."""
        if self._views is not None:
            return np.array(self._views[name][:count])
        return np.asarray(getattr(self.data, name)[:count].numpy())


class RayBuffers:
    """Buffers by size.

    Args:
        device: Warp device.
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self._buffers: dict[int, RayBuffer] = {}

    def of(self, count: int) -> RayBuffer:
        """A buffer for so many rays."""
        capacity = max(_LEAST, 1 << (count - 1).bit_length())
        if capacity not in self._buffers:
            self._buffers[capacity] = RayBuffer(self._device, capacity)
        return self._buffers[capacity]
