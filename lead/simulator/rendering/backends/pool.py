"""Attributes of all meshes' triangles in a few large arrays on the device, so that kernels find any of them.

Tiles come and go as sensors move, prototypes are added when they are first needed. Ranges are handed out first-fit
and given back; an array that is full is copied into one twice as large.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import warp as wp
from numpy.typing import NDArray

from lead.simulator.rendering.kernels.structs import Triangles
from lead.simulator.scenery.mesh import Mesh

_FIRST_CAPACITY = 1 << 16


class _Ranges:
    """Free ranges of an array, merged when neighbours meet."""

    def __init__(self) -> None:
        self.capacity = 0
        self._free: list[tuple[int, int]] = []

    def take(self, size: int) -> int | None:
        """Start of a free range, or None if none is large enough."""
        for index, (start, length) in enumerate(self._free):
            if length >= size:
                if length == size:
                    del self._free[index]
                else:
                    self._free[index] = start + size, length - size
                return start
        return None

    def give(self, start: int, size: int) -> None:
        """Take a range back."""
        if not size:
            return
        ranges = sorted([*self._free, (start, size)])
        merged = [ranges[0]]
        for first, length in ranges[1:]:
            before, reach = merged[-1]
            if before + reach == first:
                merged[-1] = before, reach + length
            else:
                merged.append((first, length))
        self._free = merged

    def grow(self, capacity: int) -> None:
        """Add the range up to a new capacity."""
        self.give(self.capacity, capacity - self.capacity)
        self.capacity = capacity


@dataclass(frozen=True)
class Placement:
    """Where a mesh lies in the pools."""

    first_triangle: int
    triangles: int
    first_vertex: int
    vertices: int


class TrianglePool:
    """The attributes of many meshes.

    Args:
        device: Warp device.
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self._faces, self._vertices = _Ranges(), _Ranges()
        self.data = Triangles()
        for name, kind in (("corner", wp.int32), ("color", wp.uint32), ("info", wp.uint32), ("object_id", wp.int32)):
            setattr(self.data, name, wp.zeros(1, dtype=kind, device=device))
        self.data.normal = wp.zeros(1, dtype=wp.vec3, device=device)
        self.data.uv = wp.zeros(1, dtype=wp.vec2, device=device)
        self.data.actor_of_object = wp.zeros(1, dtype=wp.uint32, device=device)

    def add(self, mesh: Mesh) -> Placement:
        """Copy a mesh's attributes to the device."""
        faces, vertices = len(mesh.triangles), len(mesh.vertices)
        face = self._take(self._faces, faces, {"corner": 3, "color": 1, "info": 1, "object_id": 1})
        vertex = self._take(self._vertices, vertices, {"normal": 1, "uv": 1})
        color = mesh.color.astype(np.uint32)
        info = mesh.material.astype(np.uint32) | mesh.label.astype(np.uint32) << 8
        self._write("corner", 3 * face, (mesh.triangles + np.int32(vertex)).ravel())
        self._write("color", face, color[:, 0] | color[:, 1] << 8 | color[:, 2] << 16)
        corners = mesh.normals[mesh.triangles]
        flat = (corners == corners[:, :1]).all(axis=(1, 2))
        self._write("info", face, info | mesh.channel.astype(np.uint32) << 16 | flat.astype(np.uint32) << 24)
        self._write("object_id", face, mesh.object_id)
        self._write("normal", vertex, mesh.normals)
        self._write("uv", vertex, mesh.uv)
        return Placement(face, faces, vertex, vertices)

    def remove(self, placement: Placement) -> None:
        """Free a mesh's place."""
        self._faces.give(placement.first_triangle, placement.triangles)
        self._vertices.give(placement.first_vertex, placement.vertices)

    def _take(self, ranges: _Ranges, size: int, arrays: dict[str, int]) -> int:
        """A range of that size; makes the named arrays (items per entry) larger if there is none."""
        start = ranges.take(size)
        if start is None:
            capacity = max(_FIRST_CAPACITY, 2 * ranges.capacity, ranges.capacity + size)
            for name, items in arrays.items():
                old = getattr(self.data, name)
                new = wp.zeros(capacity * items, dtype=old.dtype, device=self._device)
                if ranges.capacity:
                    wp.copy(new, old, count=ranges.capacity * items)
                setattr(self.data, name, new)
            ranges.grow(capacity)
            start = ranges.take(size)
            assert start is not None
        return start

    def _write(self, name: str, start: int, values: NDArray[np.generic]) -> None:
        target = getattr(self.data, name)
        if len(values):
            source = wp.array(np.ascontiguousarray(values), dtype=target.dtype, device="cpu", copy=False)
            wp.copy(target, source, dest_offset=start, count=len(values))
            if target.device.is_cuda:
                wp.synchronize_device(target.device)  # the numpy array must outlive the copy
