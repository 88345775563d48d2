"""Warp with its own acceleration structures: on CUDA the fastest, on the CPU the one that needs nothing but Warp."""

from __future__ import annotations

import numpy as np
import warp as wp
from numpy.typing import NDArray

from lead.simulator.rendering.backends.base import WarpBackend
from lead.simulator.rendering.backends.limits import (
    FIRST_INSTANCE,
    FIRST_THREAD,
    RAY_START_M,
    SHADOW_DEPTH_M,
    SHADOW_FAR_M,
)
from lead.simulator.rendering.kernels import bvh
from lead.simulator.rendering.kernels.structs import Cameras, Hits, Rays
from lead.simulator.rendering.scene import FAR_M, NEAR_M, Instances
from lead.simulator.scenery.mesh import Mesh

_PAD_M = 0.01
_NOWHERE_M = 1e6


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
        capacity = FIRST_INSTANCE + 256
        self._mesh_of = np.zeros(capacity, np.uint64)
        self._key_of = np.zeros(capacity, np.int64)
        self._used = np.zeros(capacity, bool)
        self._pose = np.zeros((capacity, 4, 4), np.float32)
        self._to_local = np.zeros((capacity, 3, 3), np.float32)
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

    def _reserve(self, capacity: int) -> None:
        if capacity <= len(self._used):
            return
        for name in ("_mesh_of", "_key_of", "_used", "_pose", "_to_local"):
            old = getattr(self, name)
            grown = np.zeros((2 * capacity, *old.shape[1:]), old.dtype)
            grown[: len(old)] = old
            setattr(self, name, grown)

    def _place(self, slot: int, key: int, pose: NDArray[np.float32]) -> None:
        self._mesh_of[slot], self._key_of[slot], self._used[slot] = self._meshes[key].id, key, True
        self._pose[slot] = pose
        self._to_local[slot] = np.linalg.inv(pose[:3, :3])

    def _place_instances(self, instances: Instances, inverse: NDArray[np.float64]) -> None:
        count = len(instances)
        self._reserve(FIRST_INSTANCE + count)
        part = slice(FIRST_INSTANCE, FIRST_INSTANCE + count)
        numbers = np.array([self._meshes[key].id for key in range(len(self._prototypes))], np.uint64)
        self._mesh_of[part] = numbers[instances.prototype]
        self._key_of[part] = instances.prototype
        self._used[part] = True
        self._pose[part] = instances.transform
        self._to_local[part] = inverse[:, :3, :3]

    def _clear(self, slot: int) -> None:
        self._used[slot] = False

    def _commit(self) -> None:
        members = np.flatnonzero(self._used)
        scene, device = self._scene, self.device
        low, high = self._boxes(members)
        if not len(members):
            members = np.zeros(1, np.int64)
            self._mesh_of[0], self._to_local[0], self._pose[0] = self._nothing.id, np.eye(3), np.eye(4)
            low = high = np.full((1, 3), _NOWHERE_M)
        scene.member = wp.array(members.astype(np.int32), dtype=wp.int32, device=device)
        scene.mesh = wp.array(self._mesh_of, dtype=wp.uint64, device=device)
        scene.to_local = wp.array(self._to_local, dtype=wp.mat33, device=device)
        scene.origin = wp.array(np.ascontiguousarray(self._pose[:, :3, 3]), dtype=wp.vec3, device=device)
        self._tree = wp.Bvh(
            wp.array(low.astype(np.float32), dtype=wp.vec3, device=device),
            wp.array(high.astype(np.float32), dtype=wp.vec3, device=device),
        )
        scene.tree = self._tree.id

    def _boxes(self, members: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Low and high corners (n, 3) of what slots show, world frame."""
        keys, place = np.unique(self._key_of[members], return_inverse=True)
        bounds = np.array([self._bounds[int(key)] for key in keys]).reshape(-1, 2, 3)[place]
        pose = self._pose[members].astype(np.float64)
        center = np.einsum("nij,nj->ni", pose[:, :3, :3], bounds.mean(axis=1)) + pose[:, :3, 3]
        half = np.einsum("nij,nj->ni", np.abs(pose[:, :3, :3]), 0.5 * (bounds[:, 1] - bounds[:, 0])) + _PAD_M
        return center - half, center + half

    def trace_cameras(self, cameras: Cameras, hits: Hits, shadows: bool) -> None:
        """See `WarpBackend.trace_cameras`."""
        inputs = [self._scene, cameras, FIRST_THREAD, NEAR_M, FAR_M, int(shadows), self.environment.sun_direction]
        self.launch(bvh.camera_rays, cameras.count, [*inputs, SHADOW_DEPTH_M, SHADOW_FAR_M, self.slots, hits])

    def _trace_rays(self, origin: wp.vec3, rays: Rays, count: int, far_m: float) -> None:
        self.launch(bvh.plain_rays, count, [self._scene, origin, rays, FIRST_THREAD, RAY_START_M, far_m])
