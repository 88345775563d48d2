"""What all back ends share: meshes, slots, lights, and the passes that follow tracing.

A *slot* is one placed mesh: tiles take the first ones, instances of prototypes those from `FIRST_INSTANCE` on. A back
end proper only builds its acceleration structure over the slots and answers three questions: what do camera rays hit,
does the sun reach it, what do other rays hit.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import warp as wp
from numpy.typing import NDArray

from lead.simulator.rendering.backends.frame import WarpFrame, tiled_order
from lead.simulator.rendering.backends.limits import FIRST_INSTANCE, FIRST_THREAD
from lead.simulator.rendering.backends.pool import Placement, TrianglePool
from lead.simulator.rendering.backends.rays import RayBuffers
from lead.simulator.rendering.backends.transfer import Reader, upload
from lead.simulator.rendering.environment import Environment
from lead.simulator.rendering.kernels import passes
from lead.simulator.rendering.kernels.air import Tables, pack_environment
from lead.simulator.rendering.kernels.noise import noise_table
from lead.simulator.rendering.kernels.shading import display_curve
from lead.simulator.rendering.kernels.structs import LIGHT_DTYPE, SLOT_DTYPE, Cameras, Hits, Light, Rays, Samples, Slot
from lead.simulator.rendering.scene import NO_HITS, Instances, Lights, RayBundle, RayHits, View
from lead.simulator.scenery.mesh import Mesh

_MAX_THREADS = 8
_CHUNKS_PER_THREAD = 4
_SMALL_LAUNCH, _LARGE_LAUNCH = 4096, 65536
"""Threads of a kernel from which on it is shared out, and from which on it is in many chunks, which cost time, too."""
_KEPT_ORDERS = 8
_CPU_BLOCK = 1  # what launches on the CPU use; another value would be compiled as another module
_IDENTITY = np.eye(4, dtype=np.float32)


class WarpBackend(ABC):
    """Base of the back ends.

    Args:
        device: Warp device, `cpu` or `cuda:0`.
        threads: Threads that share a launch on the CPU; None takes one per core, 8 at most.
    """

    name: str

    def __init__(self, device: str, threads: int | None = None) -> None:
        self.device = device
        self.on_cuda = device != "cpu"
        self._threads = 1 if self.on_cuda else min(threads or os.cpu_count() or 1, _MAX_THREADS)
        self._workers = ThreadPoolExecutor(self._threads) if self._threads > 1 else None
        self.pool = TrianglePool(device)
        self._prototypes: list[Placement] = []
        self._tiles: dict[Hashable, tuple[int, Placement]] = {}
        self._free_slots = list(range(FIRST_INSTANCE - 1, -1, -1))
        self._prototype_of = np.zeros(0, np.int32)
        self._rows: NDArray[Any] = np.zeros(FIRST_INSTANCE + 256, SLOT_DTYPE)
        self.slots = wp.zeros(len(self._rows), dtype=Slot, device=device)
        self.tables = Tables()
        self.tables.noise = wp.array(noise_table(), dtype=wp.float32, device=device)
        self.set_atlas(np.full((2, 2, 3), 255, np.uint8))
        self.environment = pack_environment(_noon())
        self.casts_shadows = True
        self.lights = wp.zeros(1, dtype=Light, device=device)
        self.light_count = 0
        self.generation = 0
        """Rises with every change of the scene; frames of former generations are stale."""
        self._rows_changed = True
        self.read = Reader(device).read
        self._rays = RayBuffers(device, self.read)
        self._curves: dict[float, wp.array] = {}
        self._orders: dict[tuple[int, int, int], tuple[wp.array, wp.array]] = {}

    # -- scene ---------------------------------------------------------------------------------------------------

    def add_prototype(self, mesh: Mesh) -> int:
        """See `Backend.add_prototype`."""
        number = len(self._prototypes)
        self._prototypes.append(self.pool.add(mesh))
        self._add_mesh(number, mesh)
        return number

    def set_tile(self, key: Hashable, mesh: Mesh, origin: NDArray[np.float64], state: int = 0) -> None:
        """See `Backend.set_tile`."""
        self.drop_tile(key)
        if not len(mesh):
            return
        if not self._free_slots:
            raise ValueError(f"there is no room for more than {FIRST_INSTANCE} tiles")
        slot = self._free_slots.pop()
        placement = self.pool.add(mesh)
        self._tiles[key] = slot, placement
        pose = _IDENTITY.copy()
        pose[:3, 3] = origin
        row = self._rows[slot]
        row["first_triangle"], row["state"], row["actor_id"] = placement.first_triangle, state, 0
        row["tint"], row["normal_matrix"], row["to_previous"] = 1.0, np.eye(3), _IDENTITY
        self._add_mesh(-1 - slot, mesh)
        self._place(slot, -1 - slot, pose)
        self._touch()

    def set_tile_state(self, key: Hashable, state: int) -> None:
        """See `Backend.set_tile_state`."""
        if key in self._tiles:
            self._rows["state"][self._tiles[key][0]] = state
            self._touch()

    def drop_tile(self, key: Hashable) -> None:
        """See `Backend.drop_tile`."""
        if key in self._tiles:
            slot, placement = self._tiles.pop(key)
            self._clear(slot)
            self._drop_mesh(-1 - slot)
            self.pool.remove(placement)
            self._free_slots.append(slot)
            self._touch()

    def set_atlas(self, pixels: NDArray[np.uint8]) -> None:
        """See `Backend.set_atlas`."""
        wide = pixels.astype(np.uint32)
        packed = wide[..., 0] | wide[..., 1] << 8 | wide[..., 2] << 16
        self.tables.atlas = wp.array(packed.ravel(), dtype=wp.uint32, device=self.device)
        self.tables.atlas_height, self.tables.atlas_width = packed.shape

    def set_object_actors(self, actor_id: NDArray[np.uint32]) -> None:
        """See `Backend.set_object_actors`."""
        self.pool.data.actor_of_object = wp.array(actor_id, dtype=wp.uint32, device=self.device)
        self.pool.data.objects = len(actor_id)

    def triangles(self) -> int:
        """Triangles of all tiles and prototypes."""
        tiles = sum(placement.triangles for _, placement in self._tiles.values())
        return tiles + sum(placement.triangles for placement in self._prototypes)

    def update(self, instances: Instances, environment: Environment, lights: Lights) -> None:
        """See `Backend.update`."""
        self._update_instances(instances)
        self.environment = pack_environment(environment)
        self.casts_shadows = environment.casts_shadows
        self.light_count = len(lights)
        if len(lights):
            rows: NDArray[Any] = np.zeros(len(lights), LIGHT_DTYPE)
            for name in ("position", "direction", "color", "cos_inner", "cos_outer", "range_m"):
                rows[name] = getattr(lights, name)
            self.lights = upload(rows, Light, self.device)
        self._touch()

    def _update_instances(self, instances: Instances) -> None:
        count, before = len(instances), len(self._prototype_of)
        if FIRST_INSTANCE + count > len(self._rows):
            self._rows = enlarged(self._rows, FIRST_INSTANCE + 2 * count)
        rows = self._rows[FIRST_INSTANCE : FIRST_INSTANCE + count]
        if count:
            firsts = np.array([placement.first_triangle for placement in self._prototypes], np.int32)
            inverse = np.linalg.inv(instances.transform.astype(np.float64))
            rows["first_triangle"] = firsts[instances.prototype]
            rows["normal_matrix"] = inverse[:, :3, :3].transpose(0, 2, 1)
            rows["tint"] = instances.tint
            rows["state"] = instances.state
            rows["actor_id"] = instances.actor_id
            rows["to_previous"] = instances.previous.astype(np.float64) @ inverse
            self._place_instances(instances, inverse)
        for slot in range(FIRST_INSTANCE + count, FIRST_INSTANCE + before):
            self._clear(slot)
        self._prototype_of = instances.prototype.copy()

    def _touch(self) -> None:
        self.generation += 1
        self._rows_changed = True

    def _sync(self) -> None:
        """Bring slots and acceleration structure up to date on the device before rays are cast."""
        if not self._rows_changed:
            return
        self._rows_changed = False
        self.slots = upload(self._rows, Slot, self.device)
        self._commit()

    # -- rays ----------------------------------------------------------------------------------------------------

    def render(self, views: Sequence[View], *, colors: bool = True, antialias: bool = False) -> WarpFrame:
        """See `Backend.render`."""
        self._sync()
        return WarpFrame(self, views, colors=colors, antialias=antialias)

    def cast(self, bundles: Sequence[RayBundle]) -> list[RayHits]:
        """See `Backend.cast`."""
        self._sync()
        sizes = [len(bundle.directions) for bundle in bundles]
        count = sum(sizes)
        if not count:
            return [NO_HITS for _ in bundles]
        rays = self._rays.of(count)
        rays.put(bundles)
        self._trace_rays(rays.data)
        self.launch(passes.resolve, count, [rays.data, FIRST_THREAD, self.pool.data, self.slots, FIRST_INSTANCE])
        hit = rays.hits(count)
        names = ("distance", "cosine", "label", "object_id", "instance")
        bounds = np.cumsum([0, *sizes]).tolist()
        return [RayHits(*(hit[name][low:high] for name in names)) for low, high in pairwise(bounds)]

    def curve(self, gamma: float) -> wp.array:
        """Display curve of a gamma, kept."""
        if gamma not in self._curves:
            if len(self._curves) >= _KEPT_ORDERS:
                self._curves.pop(next(iter(self._curves)))
            self._curves[gamma] = wp.array(display_curve(gamma), dtype=wp.uint32, device=self.device)
        return self._curves[gamma]

    def pixel_order(self, views: int, rows: int, width: int) -> tuple[wp.array, wp.array]:
        """Pixels (view, row, column) in the order in which they are looked at, and their numbers; kept."""
        key = views, rows, width
        if key not in self._orders:
            if len(self._orders) >= _KEPT_ORDERS:
                self._orders.pop(next(iter(self._orders)))
            order = tiled_order(*key)
            place = np.stack(np.unravel_index(order, key), axis=1).astype(np.int32)
            self._orders[key] = (
                wp.array(place, dtype=wp.vec3i, device=self.device),
                wp.array(order, dtype=wp.int32, device=self.device),
            )
        return self._orders[key]

    def identify(self, hits: Hits, count: int, miss_label: int) -> tuple[wp.array, wp.array, wp.array]:
        """Label, object and instance arrays of hits."""
        found = self._empty(count, wp.uint8), self._empty(count, wp.uint32), self._empty(count, wp.int32)
        inputs = [FIRST_THREAD, self.pool.data, self.slots, FIRST_INSTANCE, miss_label, hits, *found]
        self.launch(passes.identities, count, inputs)
        return found

    def new_hits(self, count: int, shadows: bool) -> Hits:
        """Room for hits."""
        hits = Hits()
        hits.t, hits.slot = self._empty(count, wp.float32), self._empty(count, wp.int32)
        hits.face, hits.weights = self._empty(count, wp.int32), self._empty(count, wp.vec2)
        hits.shadow = wp.zeros(count if shadows else 1, dtype=wp.float32, device=self.device)
        return hits

    def new_samples(self, count: int) -> Samples:
        """Room for attributes of hits."""
        samples = Samples()
        samples.normal, samples.albedo = self._empty(count, wp.vec3), self._empty(count, wp.vec3)
        samples.info = self._empty(count, wp.uint32)
        return samples

    def _empty(self, count: int, kind: Any) -> wp.array:
        return wp.empty(count, dtype=kind, device=self.device)

    def launch(self, kernel: wp.Kernel, count: int, inputs: list[Any]) -> None:
        """Run a kernel over `count` threads; `FIRST_THREAD` among the inputs stands for the first thread of a chunk."""

        def run(first: int, size: int) -> None:
            wp.launch(kernel, size, [first if item is FIRST_THREAD else item for item in inputs], device=self.device)

        if self._workers is None or count < _SMALL_LAUNCH:
            run(0, count)
            return
        # The first launch may compile; several at once would compile several times.
        kernel.module.load(self.device, block_dim=_CPU_BLOCK)
        chunks = self._threads * (_CHUNKS_PER_THREAD if count >= _LARGE_LAUNCH else 2)
        bounds = [count * part // chunks for part in range(chunks + 1)]
        jobs = [self._workers.submit(run, low, high - low) for low, high in pairwise(bounds)]
        for job in jobs:
            job.result()

    def close(self) -> None:
        """See `Backend.close`."""
        if self._workers is not None:
            self._workers.shutdown()

    # -- what a back end adds ------------------------------------------------------------------------------------

    @abstractmethod
    def _add_mesh(self, key: int, mesh: Mesh) -> None:
        """Build the acceleration structure of a mesh: prototypes have keys from 0, tiles negative ones."""

    @abstractmethod
    def _drop_mesh(self, key: int) -> None:
        """Release a mesh."""

    @abstractmethod
    def _place(self, slot: int, key: int, pose: NDArray[np.float32]) -> None:
        """Show a mesh in a slot at a pose (4, 4)."""

    @abstractmethod
    def _place_instances(self, instances: Instances, inverse: NDArray[np.float64]) -> None:
        """Show all instances in the slots from `FIRST_INSTANCE` on; `inverse` are their inverted poses."""

    @abstractmethod
    def _clear(self, slot: int) -> None:
        """Empty a slot."""

    @abstractmethod
    def _commit(self) -> None:
        """Make the changes of slots visible to rays."""

    @abstractmethod
    def trace_cameras(self, cameras: Cameras, hits: Hits, shadows: bool) -> None:
        """First hits of camera rays, and, if asked, which of them the sun reaches."""

    @abstractmethod
    def _trace_rays(self, rays: Rays) -> None:
        """First hits of the rays of bundles: `t`, `slot`, `face` and `facet`."""


def enlarged(rows: NDArray[Any], length: int) -> NDArray[Any]:
    """A longer copy; numpy's own ways of joining drop the padding that a structure has on the device."""
    longer = np.zeros(length, rows.dtype)
    longer[: len(rows)] = rows
    return longer


def _noon() -> Environment:
    from lead.simulator.rendering.environment import environment_from_weather
    from lead.simulator.world.weather import WeatherParameters

    return environment_from_weather(WeatherParameters(), 0.0)
