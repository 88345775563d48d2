"""Room for rays that is kept from cast to cast: a LiDAR fires as many in every tick, a radar only a few dozen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import warp as wp
from numpy.typing import NDArray

from lead.simulator.rendering.backends.transfer import upload
from lead.simulator.rendering.kernels.structs import BUNDLE_DTYPE, RAY_HIT_DTYPE, Bundle, RayHit, Rays
from lead.simulator.rendering.scene import RayBundle

_LEAST = 256
_KINDS = {
    "direction": wp.vec3,
    "t": wp.float32,
    "slot": wp.int32,
    "face": wp.int32,
    "facet": wp.vec3,
    "hit": RayHit,
}

Read = Callable[[wp.array, Any], NDArray[Any]]


class RayBuffer:
    """Arrays for up to `capacity` rays.

    Attributes:
        data: The arrays as kernels take them.
    """

    def __init__(self, device: str, capacity: int, read: Read) -> None:
        self.data = Rays()
        for name, kind in _KINDS.items():
            setattr(self.data, name, wp.zeros(capacity, dtype=kind, device=device))
        # On the CPU the array itself; else one that the GPU copies from by itself.
        on_cpu = device == "cpu"
        self._staging = self.data.direction if on_cpu else wp.empty(capacity, dtype=wp.vec3, device="cpu", pinned=True)
        self._directions = self._staging.numpy()
        self._read = read

    def put(self, bundles: Sequence[RayBundle]) -> None:
        """Take bundles, as many rays as fit."""
        rows: NDArray[Any] = np.zeros(len(bundles), BUNDLE_DTYPE)
        first = 0
        for row, bundle in zip(rows, bundles, strict=True):
            row["origin"], row["rotation"], row["range_m"] = bundle.origin, bundle.rotation, bundle.max_range_m
            row["first"] = first
            self._directions[first : first + len(bundle.directions)] = bundle.directions
            first += len(bundle.directions)
        data = self.data
        data.bundle = upload(rows, Bundle, data.direction.device)
        data.bundles, data.count = len(bundles), first
        if data.direction.device.is_cuda:
            wp.copy(data.direction, self._staging, count=first)

    def hits(self, count: int) -> NDArray[Any]:
        """A copy of the first hits, `RayHit` as structured array."""
        return np.array(self._read(self.data.hit[:count], RAY_HIT_DTYPE))


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
