"""Warp with its own acceleration structures: on CUDA the fastest, on the CPU the one that needs nothing but Warp."""

from __future__ import annotations

from typing import Any

import numpy as np
import warp as wp
from numpy.typing import NDArray

from lead.simulator.rendering.backends.base import WarpBackend, enlarged
from lead.simulator.rendering.backends.limits import (
    FIRST_INSTANCE,
    FIRST_THREAD,
    RAY_START_M,
    SHADOW_DEPTH_M,
    SHADOW_FAR_M,
)
from lead.simulator.rendering.backends.transfer import upload
from lead.simulator.rendering.kernels import bvh
from lead.simulator.rendering.kernels.structs import Cameras, Hits, Rays
from lead.simulator.rendering.scene import FAR_M, NEAR_M, Instances
from lead.simulator.scenery.mesh import Mesh

_PAD_M = 0.01
_NOWHERE_M = 1e6
_PLACED_DTYPE = np.dtype([("used", "?"), ("member", bvh.MEMBER_DTYPE), ("low", "<f4", 3), ("high", "<f4", 3)])


class BvhBackend(WarpBackend):
    """See the module.

    Args:
        device: `cpu` or a CUDA device such as `cuda:0`.
        threads: Threads that share a launch on the CPU; None takes one per core, 8 at most.
    """

    def __init__(self, device: str, threads: int | None = None) -> None:
        super().__init__(device, threads)
        self.name = "cuda" if self.on_cuda else "cpu"
        self._meshes: dict[int, wp.Mesh] = {}
        self._bounds: dict[int, NDArray[np.float64]] = {}
        self._placed: NDArray[Any] = np.zeros(FIRST_INSTANCE + 256, _PLACED_DTYPE)
        # A tree needs a leaf: this triangle without area, out of every ray's reach, stands in for an empty scene.
        self._nothing = wp.Mesh(
            points=wp.array(np.full((3, 3), _NOWHERE_M, np.float32), dtype=wp.vec3, device=device),
            indices=wp.array(np.arange(3, dtype=np.int32), dtype=wp.int32, device=device),
        )
        self._tree: wp.Bvh | None = None
        self._scene = bvh.BvhScene()

    def _add_mesh(self, key: int, mesh: Mesh) -> None:
        points = wp.array(mesh.vertices, dtype=wp.vec3, device=self.device)
        indices = wp.array(mesh.triangles.ravel(), dtype=wp.int32, device=self.device)
        self._meshes[key] = wp.Mesh(points=points, indices=indices)
        self._bounds[key] = np.array([mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)], np.float64)

    def _drop_mesh(self, key: int) -> None:
        del self._meshes[key], self._bounds[key]

    def _place(self, slot: int, key: int, pose: NDArray[np.float32]) -> None:
        self._put(slice(slot, slot + 1), np.array([key]), pose[None], np.linalg.inv(pose[None].astype(np.float64)))

    def _place_instances(self, instances: Instances, inverse: NDArray[np.float64]) -> None:
        count = len(instances)
        if FIRST_INSTANCE + count > len(self._placed):
            self._placed = enlarged(self._placed, FIRST_INSTANCE + 2 * count)
        part = slice(FIRST_INSTANCE, FIRST_INSTANCE + count)
        self._put(part, instances.prototype, instances.transform, inverse)

    def _put(
        self, part: slice, keys: NDArray[np.integer], pose: NDArray[np.float32], inverse: NDArray[np.float64]
    ) -> None:
        """Fill rows with meshes at poses (n, 4, 4)."""
        unique, place = np.unique(keys, return_inverse=True)
        bounds = np.array([self._bounds[int(key)] for key in unique])[place]
        turn = pose[:, :3, :3].astype(np.float64)
        center = np.einsum("nij,nj->ni", turn, bounds.mean(axis=1)) + pose[:, :3, 3]
        half = np.einsum("nij,nj->ni", np.abs(turn), 0.5 * (bounds[:, 1] - bounds[:, 0])) + _PAD_M
        rows, member = self._placed[part], self._placed[part]["member"]
        rows["used"], rows["low"], rows["high"] = True, center - half, center + half
        member["mesh"] = np.array([self._meshes[int(key)].id for key in unique], np.uint64)[place]
        member["slot"] = np.arange(part.start, part.stop)
        member["origin"], member["to_local"] = pose[:, :3, 3], inverse[:, :3, :3]

    def _clear(self, slot: int) -> None:
        self._placed["used"][slot] = False

    def _commit(self) -> None:
        rows = self._placed[self._placed["used"]]
        if not len(rows):
            rows = np.zeros(1, _PLACED_DTYPE)
            rows["member"]["mesh"], rows["member"]["to_local"] = self._nothing.id, np.eye(3)
            rows["low"] = rows["high"] = _NOWHERE_M
        self._scene.member = upload(rows["member"], bvh.Member, self.device)
        low, high = (
            wp.array(np.ascontiguousarray(rows[side]), dtype=wp.vec3, device=self.device) for side in ("low", "high")
        )
        self._tree = wp.Bvh(low, high)
        self._scene.tree = self._tree.id

    def trace_cameras(self, cameras: Cameras, hits: Hits, shadows: bool) -> None:
        """See `WarpBackend.trace_cameras`."""
        inputs = [self._scene, cameras, FIRST_THREAD, NEAR_M, FAR_M, int(shadows), self.environment.sun_direction]
        self.launch(bvh.camera_rays, cameras.count, [*inputs, SHADOW_DEPTH_M, SHADOW_FAR_M, self.slots, hits])

    def _trace_rays(self, rays: Rays) -> None:
        self.launch(bvh.plain_rays, rays.count, [self._scene, rays, FIRST_THREAD, RAY_START_M])
